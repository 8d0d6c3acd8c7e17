// SPDX-License-Identifier: Apache-2.0

/// Finds the number of a value that was stored before: open addressing over numbers, the values are the owner's.
struct InternTable {
    private var slots: [Int32] = Array(repeating: -1, count: 64)
    /// The hash of each number.
    private var hashes: [UInt64] = []

    /// How many numbers there are; the next one is this.
    var count: Int { hashes.count }

    /// The number of a value of this hash for which `isEqual` holds.
    @inline(__always)
    func find(_ hash: UInt64, where isEqual: (Int32) -> Bool) -> Int32? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] >= 0 {
            let number = slots[slot]
            if hashes[Int(number)] == hash, isEqual(number) { return number }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Gives a value that was not found the next number.
    mutating func insert(_ hash: UInt64) {
        hashes.append(hash)
        if hashes.count * 2 > slots.count {
            slots = Array(repeating: -1, count: slots.count * 2)
            for number in hashes.indices { place(Int32(number)) }
        } else {
            place(Int32(hashes.count - 1))
        }
    }

    private mutating func place(_ number: Int32) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hashes[Int(number)]) & mask
        while slots[slot] >= 0 { slot = (slot + 1) & mask }
        slots[slot] = number
    }

    /// Mixes a word into a hash.
    @inline(__always)
    static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        var mixed = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        mixed ^= mixed >> 29
        return mixed
    }
}
