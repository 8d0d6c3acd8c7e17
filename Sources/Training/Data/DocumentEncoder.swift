// SPDX-License-Identifier: Apache-2.0

public import Tokenizers

/// The tokens of a document.
public struct EncodedDocument: Sendable, Equatable {
    /// The ids, BOS first where the vocabulary asks for it, the token that ends a text last.
    public var ids: [Int32]
    /// For each token whether it is learned.
    public var isLearned: [Bool]
    /// Whether some of the text is only read.
    public var isMasked: Bool
    /// Whether what is learned starts inside a token, which then is learned.
    public var straddles: Bool
    /// What decides its part, see ``SplitRule``.
    public var splitHash: UInt64
}

/// Turns documents into token ids.
public struct DocumentEncoder: Sendable {
    private let tokenizer: any Tokenizer
    private let eos: Int32
    private let parsesSpecial: Bool

    /// - Parameter parsesSpecial: the spelling of a control token in a text is that token.
    /// - Throws: ``TrainingDataError/noEndToken``.
    public init(_ tokenizer: any Tokenizer, parsesSpecial: Bool) throws(TrainingDataError) {
        guard let eos = tokenizer.eosID else { throw .noEndToken }
        self.tokenizer = tokenizer
        self.eos = eos
        self.parsesSpecial = parsesSpecial
    }

    /// The tokens of `document`, its segments read as one text, since tokens may reach over a seam. A token is learned
    /// if any byte of it is; the token before the text is as the first segment, the one after it as the last.
    ///
    /// - Parameter file: the name of its file, for errors.
    /// - Throws: ``TrainingDataError/completionNotFound(file:line:)``.
    public func encode(_ document: Document, file: String) throws(TrainingDataError) -> EncodedDocument {
        let text = document.text
        var ids = tokenizer.encode(text, addSpecial: true, parseSpecial: parsesSpecial)
        if ids.last != eos { ids.append(eos) }
        var result = EncodedDocument(
            ids: ids, isLearned: Array(repeating: true, count: ids.count), isMasked: document.isMasked,
            straddles: false,
            splitHash: SplitRule.hash(of: document))
        guard result.isMasked else { return result }
        let totalBytes = text.utf8.count
        var seams = Seams(document.segments)
        // The space that encoding puts before a text is no byte of it.
        var end = tokenizer.stripsLeadingSpace ? -1 : 0
        for (index, id) in ids.enumerated() {
            guard end < totalBytes else {
                result.isLearned[index] = document.segments.last?.isLearned ?? true
                continue
            }
            let start = end
            end += byteCount(of: id, isFirst: index == 0)
            let found = seams.advance(over: max(start, 0)..<max(end, 0))
            result.isLearned[index] = found.isLearned
            if found.straddles { result.straddles = true }
        }
        guard end == totalBytes else { throw .completionNotFound(file: file, line: document.line) }
        return result
    }

    /// Goes along the segments of a text, stretch by stretch.
    private struct Seams {
        private let segments: [(end: Int, isLearned: Bool)]
        private var place = 0

        init(_ segments: [Document.Segment]) {
            var end = 0
            self.segments = segments.map { segment in
                end += segment.text.utf8.count
                return (end, segment.isLearned)
            }
        }

        /// Whether any byte of `stretch` is learned, and whether it is one that follows a byte which is not. An empty
        /// stretch is as what stands there. Stretches come in their order and do not overlap.
        mutating func advance(over stretch: Range<Int>) -> (isLearned: Bool, straddles: Bool) {
            guard !stretch.isEmpty else { return (segments[min(place, segments.count - 1)].isLearned, false) }
            var (isLearned, isRead, straddles) = (false, false, false)
            while place < segments.count {
                let segment = segments[place]
                let begin = place == 0 ? 0 : segments[place - 1].end
                if max(begin, stretch.lowerBound) < min(segment.end, stretch.upperBound) {
                    if segment.isLearned {
                        isLearned = true
                        straddles = straddles || isRead
                    } else {
                        isRead = true
                    }
                }
                if segment.end > stretch.upperBound { break }
                // One that ends here with the stretch is done, as are empty ones.
                place += 1
            }
            return (isLearned, straddles)
        }
    }

    /// How many bytes of the text a token took.
    private func byteCount(of id: Int32, isFirst: Bool) -> Int {
        guard tokenizer.isControl(id) else { return tokenizer.bytes(of: id).count }
        if isFirst, tokenizer.addsBOS, id == tokenizer.bosID { return 0 }
        return tokenizer.piece(of: id)?.utf8.count ?? 0
    }
}
