// SPDX-License-Identifier: Apache-2.0

/// A token that is matched whole before anything else.
struct AddedToken: Sendable, Equatable {
    var id: Int32
    var content: [UInt8]
    /// Matched only where control tokens are asked for.
    var isControl: Bool
    /// Takes the white space before it along.
    var stripsLeft = false
    /// Takes the white space after it along.
    var stripsRight = false
    /// Matches only where no word character is next to it.
    var isSingleWord = false
    /// Matched after normalization instead of before.
    var isNormalized = false
}

/// A stretch of text between added tokens, or one of them.
enum TextSegment {
    /// Text to cut and merge, never empty; whether it starts where the whole text does.
    case text(UnsafeBufferPointer<UInt8>, isStart: Bool)
    /// An added token.
    case token(Int32)
}

/// The added tokens of a vocabulary and the normalizer that runs between their two kinds.
struct AddedTokens: Sendable {
    let normalizer: Normalizer
    private let raw: AddedTokenMatcher
    private let normalized: AddedTokenMatcher

    /// - Throws: ``TokenizerError/pieceTooLong(id:byteCount:limit:)``; matching takes time in proportion to the longest.
    init(_ tokens: [AddedToken], normalizer: Normalizer) throws(TokenizerError) {
        for token in tokens where token.content.count > VocabularyLimits.addedTokenBytes {
            throw .pieceTooLong(
                id: Int(token.id), byteCount: token.content.count, limit: VocabularyLimits.addedTokenBytes)
        }
        self.normalizer = normalizer
        var raw: [AddedToken] = []
        var normalized: [AddedToken] = []
        for var token in tokens {
            if token.isNormalized, !normalizer.steps.isEmpty {
                token.content = token.content.withUnsafeBufferPointer(normalizer.apply)
                normalized.append(token)
            } else {
                raw.append(token)
            }
        }
        self.raw = AddedTokenMatcher(raw)
        self.normalized = AddedTokenMatcher(normalized)
    }

    /// Cuts `text` at the added tokens that are not normalized, normalizes what is between them, cuts that at the others.
    func forEachSegment(
        of text: UnsafeBufferPointer<UInt8>, trusted: TrustedRanges, _ body: (TextSegment) -> Void
    ) {
        let start = text.baseAddress
        raw.forEachSegment(of: text, trusted: trusted) { segment in
            guard case .text(let part, _) = segment else { return body(segment) }
            let isStart = part.baseAddress == start
            guard !normalizer.steps.isEmpty else { return body(.text(part, isStart: isStart)) }
            let offset = part.baseAddress.flatMap { partStart in start.map { partStart - $0 } } ?? 0
            let range = offset..<offset + part.count
            normalizer.apply(part).withUnsafeBufferPointer { normal in
                let partStart = normal.baseAddress
                let isSame = normal.elementsEqual(part)
                let trusted = isSame ? trusted.inside(range) : trusted.inside(range, rewrittenTo: normal.count)
                normalized.forEachSegment(of: normal, trusted: trusted) { segment in
                    guard case .text(let inner, _) = segment else { return body(segment) }
                    body(.text(inner, isStart: isStart && inner.baseAddress == partStart))
                }
            }
        }
    }
}

/// Finds added tokens: leftmost first, the longest of those that start at one place.
struct AddedTokenMatcher: Sendable {
    private let tokens: [AddedToken]
    /// Node of a trie by parent and byte.
    private var children: PairRanking
    /// The tokens that end at each node: one that is always matched, one that is a control token; -1 for none.
    private var ends: [(user: Int32, control: Int32)] = [(-1, -1)]
    private var startsToken = [Bool](repeating: false, count: 256)

    init(_ tokens: [AddedToken]) {
        self.tokens = tokens
        children = PairRanking(capacity: tokens.reduce(0) { $0 + $1.content.count })
        for (index, token) in tokens.enumerated() {
            guard let first = token.content.first else { continue }
            startsToken[Int(first)] = true
            var node: Int32 = 0
            for byte in token.content {
                if let child = child(of: node, byte) {
                    node = child
                } else {
                    let child = Int32(ends.count)
                    children.insert(
                        left: node, right: Int32(byte), Merge(rank: 0, result: child), replacing: false)
                    ends.append((-1, -1))
                    node = child
                }
            }
            if token.isControl {
                ends[Int(node)].control = Int32(index)
            } else {
                ends[Int(node)].user = Int32(index)
            }
        }
    }

    private func child(of node: Int32, _ byte: UInt8) -> Int32? {
        let merge = children.value(left: node, right: Int32(byte))
        return merge == .none ? nil : merge.result
    }

    /// The longest token that starts at `offset`.
    private func match(_ text: UnsafeBufferPointer<UInt8>, at offset: Int, trusted: TrustedRanges) -> AddedToken? {
        var node: Int32 = 0
        var found: Int32 = -1
        var index = offset
        while index < text.count, let child = child(of: node, text[index]) {
            node = child
            index += 1
            let end = ends[Int(node)]
            if end.control >= 0, trusted.contain(offset..<index) {
                found = end.control
            } else if end.user >= 0 {
                found = end.user
            }
        }
        return found < 0 ? nil : tokens[Int(found)]
    }

    /// Calls `body` with the text between the tokens, never empty, and with the tokens, in order.
    func forEachSegment(
        of text: UnsafeBufferPointer<UInt8>, trusted: TrustedRanges, _ body: (TextSegment) -> Void
    ) {
        guard !text.isEmpty else { return }
        guard !tokens.isEmpty else { return body(.text(text, isStart: true)) }
        /// End of what `body` has had.
        var done = 0
        var offset = 0
        while offset < text.count {
            guard startsToken[Int(text[offset])],
                let token = match(text, at: offset, trusted: trusted)
            else {
                offset += 1
                continue
            }
            var start = offset
            var end = offset + token.content.count
            offset = end
            if token.isSingleWord, WordBoundary.isWord(before: start, text) || WordBoundary.isWord(at: end, text) {
                continue
            }
            if token.stripsLeft { start = WordBoundary.spaceStart(before: start, notBefore: done, text) }
            if token.stripsRight { end = WordBoundary.spaceEnd(from: end, text) }
            if done < start {
                body(.text(UnsafeBufferPointer(rebasing: text[done..<start]), isStart: done == 0))
            }
            body(.token(token.id))
            done = end
            offset = end
        }
        if done < text.count {
            body(.text(UnsafeBufferPointer(rebasing: text[done...]), isStart: done == 0))
        }
    }
}

/// Questions about the neighbours of a place in valid UTF-8.
private enum WordBoundary {
    static func isWord(at offset: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        offset < text.count && isWord(UTF8Scalar.read(text, at: offset).scalar)
    }

    static func isWord(before offset: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        offset > 0 && isWord(UTF8Scalar.read(text, at: scalarStart(before: offset, text)).scalar)
    }

    /// Where the white space that ends at `offset` starts, not before `limit`.
    static func spaceStart(before offset: Int, notBefore limit: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
        var start = offset
        while start > limit {
            let previous = scalarStart(before: start, text)
            guard previous >= limit, isSpace(UTF8Scalar.read(text, at: previous).scalar) else { break }
            start = previous
        }
        return start
    }

    /// Where the white space that starts at `offset` ends.
    static func spaceEnd(from offset: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
        var end = offset
        while end < text.count {
            let (scalar, length) = UTF8Scalar.read(text, at: end)
            guard isSpace(scalar) else { break }
            end += length
        }
        return end
    }

    private static func scalarStart(before offset: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int {
        var start = offset - 1
        while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    private static func isSpace(_ scalar: UInt32) -> Bool {
        CharacterClassTable.shared[scalar].contains(.whitespace)
    }

    /// `\w` of UTS #18: alphabetic, mark, decimal number, connector punctuation, join control.
    private static func isWord(_ scalar: UInt32) -> Bool {
        guard let properties = Unicode.Scalar(scalar)?.properties else { return false }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return properties.isAlphabetic || properties.isJoinControl
        }
    }
}
