// SPDX-License-Identifier: Apache-2.0

/// A hash table from the keys of an object to their positions, which stores no key itself.
///
/// Open addressing with linear probing, at most half full. Hashes are seeded per process, so that a hostile text cannot
/// be made of keys that collide.
struct KeyIndex: Sendable {
    /// Up to so many keys there is no table.
    private static let listLimit = 8

    /// Position + 1 of the key in each slot, 0 for none; a power of two of them.
    private var slots: [UInt32] = []
    /// The hash of each key, in the order of the keys.
    private var hashes: [UInt32] = []

    /// The position of `key` among `keys`.
    func position(of key: String, in keys: [String]) -> Int? {
        guard !slots.isEmpty else { return keys.firstIndex { Self.areEqual($0, key) } }
        let slot = slot(of: key, hash: Self.hash(key), in: keys)
        return slots[slot] == 0 ? nil : Int(slots[slot] - 1)
    }

    /// Makes room for `key`, which then must be appended to `keys`. Returns false if it is there already.
    mutating func insert(_ key: String, into keys: [String]) -> Bool {
        if slots.isEmpty {
            guard !keys.contains(where: { Self.areEqual($0, key) }) else { return false }
            guard keys.count == Self.listLimit else { return true }
            hashes = keys.map(Self.hash)
            grow()
        }
        let hash = Self.hash(key)
        let slot = slot(of: key, hash: hash, in: keys)
        guard slots[slot] == 0 else { return false }
        slots[slot] = UInt32(truncatingIfNeeded: keys.count + 1)
        hashes.append(hash)
        if 2 * hashes.count > slots.count { grow() }
        return true
    }

    /// The slot that holds `key`, or the free one where it belongs.
    private func slot(of key: String, hash: UInt32, in keys: [String]) -> Int {
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            let position = Int(slots[slot] - 1)
            if hashes[position] == hash, Self.areEqual(keys[position], key) { break }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: max(4 * Self.listLimit, 2 * slots.count))
        let mask = slots.count - 1
        for (position, hash) in hashes.enumerated() {
            var slot = Int(hash) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(truncatingIfNeeded: position + 1)
        }
    }

    private static func hash(_ key: String) -> UInt32 {
        var hasher = Hasher()
        let wasContiguous: Void? = key.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if wasContiguous == nil { Array(key.utf8).withUnsafeBytes { hasher.combine(bytes: $0) } }
        return UInt32(truncatingIfNeeded: hasher.finalize())
    }

    /// Whether two keys are the same scalars.
    static func areEqual(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
    }
}
