// SPDX-License-Identifier: Apache-2.0

/// What one part of a source holds.
public struct PartCounts: Sendable, Equatable {
    /// Documents in the part.
    public var documents = 0
    /// Their tokens.
    public var tokens = 0
    /// Tokens that are predicted in one pass over the part.
    public var labels = 0
    /// Sequences that the part was packed into.
    public var sequences = 0
    /// Pairs of prompt and completion that are longer than a sequence and were cut at their end.
    public var truncated = 0
    /// Documents that are left out since they hold no token to learn, or lost it by being cut.
    public var unlabelled = 0
    /// Pairs whose completion starts inside a token.
    public var straddling = 0

    /// No documents.
    public init() {}
}

/// How documents become sequences.
struct SequenceShape: Equatable {
    /// T: tokens of a sequence.
    var length: Int
    /// Attention and loss end where a document does: positions restart and nothing of one document sees another.
    /// Otherwise a sequence is one text, in which the end token of a document predicts the start of the next.
    var keepsBoundaries: Bool
}

/// One part of a tokenized source, packed into sequences.
struct PackedSource {
    let cache: TokenCache
    let shape: SequenceShape
    let packing: Packing
    private(set) var counts = PartCounts()

    /// Packs the documents of `cache` for which `includes` is true.
    init(_ cache: TokenCache, shape: SequenceShape, includes: (UInt64) -> Bool) {
        self.cache = cache
        self.shape = shape
        var counts = PartCounts()
        var pieces: [Piece] = []
        for document in 0..<cache.documentCount {
            let record = cache.record(document)
            guard includes(record.splitHash) else { continue }
            let tokenCount = cache.range(document).count
            counts.documents += 1
            counts.tokens += tokenCount
            if record.straddles { counts.straddling += 1 }
            // The last token is an input only where something may follow it.
            var inputCount = shape.keepsBoundaries ? tokenCount - 1 : tokenCount
            if record.isPair, inputCount > shape.length {
                inputCount = shape.length
                counts.truncated += 1
            }
            let lastLabel = min(inputCount, tokenCount - 1)
            let firstLabel = max(Int(record.promptCount), 1)
            guard firstLabel <= lastLabel else {
                counts.unlabelled += 1
                continue
            }
            counts.labels += lastLabel - firstLabel + 1
            for start in stride(from: 0, to: inputCount, by: shape.length) {
                pieces.append(
                    Piece(
                        document: Int32(document), start: Int32(start),
                        count: Int32(min(shape.length, inputCount - start))))
            }
        }
        packing = Packing(pieces, length: shape.length)
        counts.sequences = packing.count
        self.counts = counts
    }

    /// Writes a sequence into row `row` of `batch`, of which every element is set.
    func fill(_ batch: inout SequenceBatch, row: Int, sequence: Int) {
        var place = row * shape.length
        let end = place + shape.length
        for (number, piece) in packing[sequence].enumerated() {
            let range = cache.range(Int(piece.document))
            let firstLabel = max(Int(cache.record(Int(piece.document)).promptCount), 1)
            let start = Int(piece.start)
            if number > 0, !shape.keepsBoundaries, firstLabel == 1, start == 0 {
                // The end of the text before is asked for what comes next.
                batch.labels[place - 1] = cache[range.lowerBound]
            }
            for offset in start..<start + Int(piece.count) {
                let next = offset + 1
                batch.ids[place] = cache[range.lowerBound + offset]
                batch.labels[place] =
                    next < range.count && next >= firstLabel ? cache[range.lowerBound + next] : SequenceBatch.ignored
                batch.positions[place] = Int32(shape.keepsBoundaries ? offset - start : place - row * shape.length)
                batch.sequences[place] = Int32(shape.keepsBoundaries ? number : 0)
                place += 1
            }
        }
        // Padding is a sequence of its own that nothing is asked of.
        let padding = shape.keepsBoundaries ? packing[sequence].count : 1
        for (position, place) in (place..<end).enumerated() {
            batch.ids[place] = 0
            batch.labels[place] = SequenceBatch.ignored
            batch.positions[place] = Int32(position)
            batch.sequences[place] = Int32(padding)
        }
    }
}

/// Sequences to compute at once. Arrays are `[rows, length]`, row by row.
public struct SequenceBatch: Sendable, Equatable {
    /// The label of a token that nothing is asked of.
    public static let ignored: Int32 = -1

    /// The number of sequences.
    public let rowCount: Int
    /// T: tokens of a sequence.
    public let length: Int
    /// The inputs.
    public var ids: [Int32]
    /// What each input is to predict; ``ignored`` for nothing.
    public var labels: [Int32]
    /// Each input's position in its text.
    public var positions: [Int32]
    /// Which text of its row an input belongs to; attention stays within a text.
    public var sequences: [Int32]

    /// A batch of padding.
    public init(rowCount: Int, length: Int) {
        self.rowCount = rowCount
        self.length = length
        ids = [Int32](repeating: 0, count: rowCount * length)
        labels = [Int32](repeating: Self.ignored, count: rowCount * length)
        positions = ids
        sequences = ids
    }

    /// How many inputs are asked for something.
    public var labelCount: Int { labels.reduce(0) { $0 + ($1 == Self.ignored ? 0 : 1) } }
}
