// SPDX-License-Identifier: Apache-2.0

/// A set of token ids, one bit each.
public struct TokenSet: Sendable, Equatable {
    /// Bit i of word w stands for id 64 w + i.
    public private(set) var words: [UInt64]

    /// No id of a vocabulary of this size.
    public init(vocabularySize: Int) {
        words = [UInt64](repeating: 0, count: (vocabularySize + 63) / 64)
    }

    /// Whether `id` is in it.
    @inline(__always)
    public func contains(_ id: Int32) -> Bool {
        let word = Int(id) >> 6
        return id >= 0 && word < words.count && words[word] & (1 << UInt64(id & 63)) != 0
    }

    /// Adds an id of the vocabulary.
    @inline(__always)
    public mutating func insert(_ id: Int32) {
        words[Int(id) >> 6] |= 1 << UInt64(id & 63)
    }

    /// Removes an id of the vocabulary.
    @inline(__always)
    public mutating func remove(_ id: Int32) {
        words[Int(id) >> 6] &= ~(1 << UInt64(id & 63))
    }

    /// Adds the ids of another set of the same vocabulary.
    public mutating func formUnion(_ other: TokenSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    /// How many ids it has.
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Whether it has none.
    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Its ids, ascending.
    public var ids: [Int32] {
        var ids: [Int32] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                ids.append(Int32(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return ids
    }
}
