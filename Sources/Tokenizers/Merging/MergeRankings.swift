// SPDX-License-Identifier: Apache-2.0

/// Merges by pairs of ids, as byte pair encoding lists them.
struct PairRanking: MergeRanking {
    private var keys: [UInt64]
    private var values: [Merge]
    private let mask: Int

    /// A table for at most `capacity` merges.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        keys = [UInt64](repeating: .max, count: size)
        values = [Merge](repeating: .none, count: size)
        mask = size - 1
    }

    /// Adds a merge of two ids that are not negative. If the pair has one already, it is replaced or stays.
    mutating func insert(left: Int32, right: Int32, _ merge: Merge, replacing: Bool) {
        let key = Self.key(left, right)
        let slot = slot(of: key)
        guard replacing || keys[slot] != key else { return }
        keys[slot] = key
        values[slot] = merge
    }

    /// The merge of two ids that are not negative; ``Merge/none`` if there is none.
    func value(left: Int32, right: Int32) -> Merge { values[slot(of: Self.key(left, right))] }

    func merge(_ left: MergeSymbol, _ right: MergeSymbol, in text: UnsafeBufferPointer<UInt8>) -> Merge {
        guard left.id >= 0, right.id >= 0 else { return .none }
        return value(left: left.id, right: right.id)
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private func slot(of key: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: SeededHash.hash(key)) & mask
        while keys[slot] != key, keys[slot] != .max { slot = (slot + 1) & mask }
        return slot
    }
}

/// Merges into whatever piece the vocabulary has, best score first, as SentencePiece does.
struct ScoreRanking: MergeRanking {
    private let pieces: PieceTable
    /// The rank of each piece: how many distinct scores are better. `UInt32.max` for what text does not become.
    private let ranks: [UInt32]

    /// - Parameters:
    ///   - pieces: indexed for those pieces only that text may become.
    ///   - scores: one per piece, none of them NaN.
    init(pieces: PieceTable, scores: [Float]) {
        self.pieces = pieces
        var ranks = [UInt32](repeating: .max, count: scores.count)
        var rank: UInt32 = 0
        var lastScore: Float?
        for id in scores.indices.sorted(by: { scores[$0] > scores[$1] }) {
            if let lastScore, lastScore != scores[id] { rank += 1 }
            lastScore = scores[id]
            ranks[id] = rank
        }
        self.ranks = ranks
    }

    func merge(_ left: MergeSymbol, _ right: MergeSymbol, in text: UnsafeBufferPointer<UInt8>) -> Merge {
        let piece = UnsafeBufferPointer(rebasing: text[Int(left.start)..<Int(right.end)])
        guard let id = pieces.find(piece) else { return .none }
        return Merge(rank: ranks[Int(id)], result: id)
    }
}
