// SPDX-License-Identifier: Apache-2.0

/// A random-looking order of `0..<count`, a pure function of count and key, without a table: a Feistel network that is
/// walked until it falls into the range (Black & Rogaway 2002).
struct Permutation: Equatable {
    let count: Int
    private let key: UInt64
    private let halfBits: UInt64

    init(count: Int, key: UInt64) {
        precondition(count > 0, "a permutation of nothing")
        self.count = count
        self.key = key
        let bits = Int.bitWidth - (count - 1).leadingZeroBitCount
        halfBits = UInt64(max(1, (bits + 1) / 2))
    }

    /// What stands at `index`, which is in range.
    subscript(index: Int) -> Int {
        var word = UInt64(index)
        repeat { word = network(word) } while word >= UInt64(count)
        return Int(word)
    }

    private func network(_ word: UInt64) -> UInt64 {
        let mask = (1 as UInt64) << halfBits - 1
        var left = word >> halfBits
        var right = word & mask
        for round in 0..<6 as Range<UInt64> {
            let mixed = ContentHash.mix(key &+ round &* 0x9E37_79B9_7F4A_7C15 ^ right &* 0xD6E8_FEB8_6659_FD93)
            (left, right) = (right, left ^ mixed & mask)
        }
        return left << halfBits | right
    }
}
