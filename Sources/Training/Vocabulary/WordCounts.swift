// SPDX-License-Identifier: Apache-2.0

/// How often each word of a text occurs, in the order of first occurrence.
struct WordCounts {
    /// All distinct words, one after the other.
    private(set) var bytes: [UInt8] = []
    /// Where each word starts in `bytes`, and the end of the last.
    private(set) var starts: [Int] = [0]
    /// One count per word.
    private(set) var counts: [Int] = []
    /// Words by hash; -1 is free. Never more than half full.
    private var slots = [Int32](repeating: -1, count: 1 << 12)

    /// The number of distinct words.
    var count: Int { counts.count }

    /// Counts one occurrence of `word`.
    mutating func add(_ word: UnsafeBufferPointer<UInt8>) {
        let slot = slot(of: word)
        if slots[slot] >= 0 {
            counts[Int(slots[slot])] += 1
            return
        }
        slots[slot] = Int32(counts.count)
        bytes.append(contentsOf: word)
        starts.append(bytes.count)
        counts.append(1)
        if counts.count * 2 > slots.count { grow() }
    }

    private mutating func grow() {
        slots = [Int32](repeating: -1, count: slots.count * 2)
        let mask = slots.count - 1
        bytes.withUnsafeBufferPointer { all in
            for word in 0..<counts.count {
                let piece = UnsafeBufferPointer(rebasing: all[starts[word]..<starts[word + 1]])
                var slot = Int(truncatingIfNeeded: ContentHash.hash(piece)) & mask
                while slots[slot] >= 0 { slot = (slot + 1) & mask }
                slots[slot] = Int32(word)
            }
        }
    }

    private func slot(of word: UnsafeBufferPointer<UInt8>) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: ContentHash.hash(word)) & mask
        while slots[slot] >= 0 {
            let other = Int(slots[slot])
            if starts[other + 1] - starts[other] == word.count,
                bytes[starts[other]..<starts[other + 1]].elementsEqual(word)
            {
                return slot
            }
            slot = (slot + 1) & mask
        }
        return slot
    }
}
