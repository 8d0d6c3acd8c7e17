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
    /// Documents of which a part is only read that are longer than a sequence and were cut at their end.
    public var truncated = 0
    /// Documents that are left out since they hold no token to learn, or lost it by being cut.
    public var unlabelled = 0
    /// Documents in which what is learned starts inside a token.
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
            if record.isMasked, inputCount > shape.length {
                inputCount = shape.length
                counts.truncated += 1
            }
            let lastLabel = min(inputCount, tokenCount - 1)
            let first = cache.range(document).lowerBound
            var labels = lastLabel
            if record.isMasked {
                labels = (0..<lastLabel).reduce(0) { $0 + (cache.isLearned(first + 1 + $1) ? 1 : 0) }
            }
            guard labels > 0 else {
                counts.unlabelled += 1
                continue
            }
            counts.labels += labels
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

    /// Appends the tokens of a sequence to `batch`; no padding.
    func append(_ sequence: Int, to batch: inout TrainingBatch) {
        let pieces = packing[sequence]
        var number = (batch.sequences.last ?? -1) + 1
        var position: Int32 = 0
        for index in pieces.indices {
            let piece = pieces[index]
            let range = cache.range(Int(piece.document))
            let start = Int(piece.start)
            for offset in start..<start + Int(piece.count) {
                let next = offset + 1
                var target: Int32?
                if next < range.count {
                    target = cache.isLearned(range.lowerBound + next) ? cache[range.lowerBound + next] : nil
                } else if index + 1 < pieces.endIndex, pieces[index + 1].start == 0 {
                    // The end of a text is asked for what comes next; with boundaries it is no input.
                    let following = cache.range(Int(pieces[index + 1].document)).lowerBound
                    target = cache.isLearned(following) ? cache[following] : nil
                }
                batch.append(
                    id: cache[range.lowerBound + offset], position: position, sequence: number, target: target ?? 0,
                    weight: target == nil ? 0 : 1)
                position += 1
            }
            if shape.keepsBoundaries {
                number += 1
                position = 0
            }
        }
    }
}
