// SPDX-License-Identifier: Apache-2.0

import Checkpoints

/// Byte pair encoding over characters with bytes to fall back on, as SentencePiece has it and Llama 2, TinyLlama and
/// Mistral use it. Spaces are U+2581 inside the vocabulary.
struct SentencePieceBPE: Tokenizer {
    /// Which neighbours merge first.
    enum Rules: Sendable {
        /// Those whose piece has the best score.
        case scores(ScoreRanking)
        /// Those that come first in a list.
        case ranks(PairRanking)
    }

    /// Where a space is put that the text does not have (Hugging Face's Metaspace).
    enum Prefix: Sendable {
        case never
        /// At the start of the text, unless there is one.
        case first
        /// At the start and after each added token, unless there is one.
        case always
    }

    /// What the makers know beyond the vocabulary.
    struct Parts {
        var vocabulary: Vocabulary
        var addedTokens: AddedTokens
        var rules: Rules
        var prefix = Prefix.never
        /// Cuts before each space.
        var splitsAtSpaces = false
        /// Spells what the vocabulary lacks in byte tokens.
        var fallsBackToBytes = true
        /// A character is spelt in byte tokens only if all its bytes have one.
        var needsAllBytes = false
        /// Neighbouring unknown characters make one unknown token.
        var fusesUnknown = true
        var stripsLeadingSpace: Bool
    }

    private let parts: Parts
    /// Ordinary pieces only, findable: what text may become.
    private let pieces: PieceTable
    private let byteIDs: [Int32]
    private let bytesByID: [Int32: UInt8]
    /// Whether no piece has a space after something else, so that cutting there changes nothing.
    private let isCutAtSpaces: Bool

    /// - Throws: ``TokenizerError``, if a byte token is malformed or there twice.
    init(_ parts: Parts) throws(TokenizerError) {
        self.parts = parts
        let vocabulary = parts.vocabulary
        var byteIDs = [Int32](repeating: -1, count: 256)
        var bytesByID: [Int32: UInt8] = [:]
        var isCutAtSpaces = true
        for id in 0..<vocabulary.pieces.count {
            let piece = vocabulary.pieces[id]
            switch vocabulary.kinds[id] {
            case .byte:
                guard let byte = Self.byte(of: piece) else {
                    throw .malformedByteToken(id: id, piece: String(decoding: piece, as: UTF8.self))
                }
                guard byteIDs[Int(byte)] < 0 else {
                    throw .duplicateByteToken(byte: byte, ids: [Int(byteIDs[Int(byte)]), id])
                }
                byteIDs[Int(byte)] = Int32(id)
                bytesByID[Int32(id)] = byte
            case .normal:
                if isCutAtSpaces, Self.hasInnerSpace(piece) { isCutAtSpaces = false }
            case .control, .unknown, .userDefined, .unused: break
            }
        }
        self.byteIDs = byteIDs
        self.bytesByID = bytesByID
        self.isCutAtSpaces = isCutAtSpaces
        var pieces = vocabulary.pieces
        pieces.index { vocabulary.kinds[$0] == .normal }
        self.pieces = pieces
    }

    var vocabularySize: Int { parts.vocabulary.size }
    var kindName: String { "SentencePiece BPE" }
    var bosID: Int32? { parts.vocabulary.bosID }
    var eosID: Int32? { parts.vocabulary.eosID }
    var endIDs: Set<Int32> { parts.vocabulary.endIDs }
    var addsBOS: Bool { bosID != nil && parts.vocabulary.prefix.first == bosID }
    var chatTemplate: String? { parts.vocabulary.chatTemplate }
    var stripsLeadingSpace: Bool { parts.stripsLeadingSpace }

    func piece(of id: Int32) -> String? { parts.vocabulary.piece(of: id) }
    func id(ofPiece piece: String) -> Int32? { parts.vocabulary.pieces.find(piece) }
    func isControl(_ id: Int32) -> Bool { parts.vocabulary.isControl(id) }

    func bytes(of id: Int32) -> [UInt8] {
        switch parts.vocabulary.kind(of: id) {
        case nil, .control, .unknown, .unused: []
        case .byte: bytesByID[id].map { [$0] } ?? []
        case .normal, .userDefined: Self.unescaped(parts.vocabulary.pieces[Int(id)])
        }
    }

    func encode(_ text: String, addSpecial: Bool, parseSpecialIn trusted: [Range<Int>]) -> [Int32] {
        var output = addSpecial ? parts.vocabulary.prefix : []
        var merger = BytePairMerger()
        var text = text
        text.withUTF8 { text in
            parts.addedTokens.forEachSegment(of: text, trusted: TrustedRanges(trusted)) { segment in
                switch segment {
                case .token(let id):
                    output.append(id)
                case .text(let part, let isStart):
                    if needsPrefix(part, isStart: isStart) {
                        (Self.space + part).withUnsafeBufferPointer { encode($0, &merger, into: &output) }
                    } else {
                        encode(part, &merger, into: &output)
                    }
                }
            }
        }
        if addSpecial { output.append(contentsOf: parts.vocabulary.suffix) }
        return output
    }

    private func needsPrefix(_ part: UnsafeBufferPointer<UInt8>, isStart: Bool) -> Bool {
        switch parts.prefix {
        case .never: false
        case .first: isStart && !part.starts(with: Self.space)
        case .always: !part.starts(with: Self.space)
        }
    }

    /// Encodes a text whose spaces are U+2581.
    private func encode(
        _ text: UnsafeBufferPointer<UInt8>, _ merger: inout BytePairMerger, into output: inout [Int32]
    ) {
        var followsUnknown = false
        for chunk in TextChunks(text) {
            var start = 0
            while start < chunk.count {
                let end = cut(chunk, after: start)
                if parts.splitsAtSpaces { followsUnknown = false }
                encode(
                    word: UnsafeBufferPointer(rebasing: chunk[start..<end]), &merger, into: &output, &followsUnknown)
                start = end
            }
        }
    }

    /// Where the stretch that starts at `start` and merges by itself ends.
    private func cut(_ text: UnsafeBufferPointer<UInt8>, after start: Int) -> Int {
        guard parts.splitsAtSpaces || isCutAtSpaces else { return text.count }
        var wasSpace = Self.isSpace(text, at: start)
        var offset = start + UTF8Scalar.length(text[start])
        while offset < text.count {
            let isSpace = Self.isSpace(text, at: offset)
            if isSpace, parts.splitsAtSpaces || !wasSpace { return offset }
            wasSpace = isSpace
            offset += UTF8Scalar.length(text[offset])
        }
        return text.count
    }

    private func encode(
        word: UnsafeBufferPointer<UInt8>, _ merger: inout BytePairMerger, into output: inout [Int32],
        _ followsUnknown: inout Bool
    ) {
        merger.symbols.removeAll(keepingCapacity: true)
        merger.symbols.reserveCapacity(word.count)
        var offset = 0
        while offset < word.count {
            let end = min(offset + UTF8Scalar.length(word[offset]), word.count)
            let id = pieces.find(UnsafeBufferPointer(rebasing: word[offset..<end])) ?? -1
            merger.symbols.append(MergeSymbol(id: id, start: Int32(offset), end: Int32(end)))
            offset = end
        }
        switch parts.rules {
        case .scores(let ranking): merger.run(ranking, in: word)
        case .ranks(let ranking): merger.run(ranking, in: word)
        }
        for symbol in merger.symbols {
            if symbol.id >= 0 {
                output.append(symbol.id)
                followsUnknown = false
            } else {
                appendBytes(word[Int(symbol.start)..<Int(symbol.end)], to: &output, &followsUnknown)
            }
        }
    }

    /// Appends the tokens of a character that the vocabulary lacks.
    private func appendBytes(
        _ bytes: Slice<UnsafeBufferPointer<UInt8>>, to output: inout [Int32], _ followsUnknown: inout Bool
    ) {
        func appendUnknown() {
            guard let unknown = parts.vocabulary.unknownID else { return }
            if !(followsUnknown && parts.fusesUnknown) { output.append(unknown) }
            followsUnknown = true
        }
        guard parts.fallsBackToBytes else { return appendUnknown() }
        if parts.needsAllBytes, bytes.contains(where: { byteIDs[Int($0)] < 0 }) { return appendUnknown() }
        for byte in bytes {
            let id = byteIDs[Int(byte)]
            guard id >= 0 else {
                appendUnknown()
                continue
            }
            output.append(id)
            followsUnknown = false
        }
    }
}

extension SentencePieceBPE {
    /// U+2581, LOWER ONE EIGHTH BLOCK, which stands for a space.
    static let space: [UInt8] = [0xE2, 0x96, 0x81]

    /// The byte that a piece spelt `<0xNN>` stands for.
    static func byte(of piece: ArraySlice<UInt8>) -> UInt8? {
        let spelling = Array(piece)
        guard spelling.count == 6, spelling.starts(with: "<0x".utf8), spelling[5] == UInt8(ascii: ">"),
            let high = hexDigit(spelling[3]), let low = hexDigit(spelling[4])
        else { return nil }
        return high << 4 | low
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// `piece` with spaces for U+2581.
    private static func unescaped(_ piece: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var index = piece.startIndex
        while index < piece.endIndex {
            if piece[index...].starts(with: space) {
                result.append(UInt8(ascii: " "))
                index += 3
            } else {
                result.append(piece[index])
                index += 1
            }
        }
        return result
    }

    private static func isSpace(_ text: UnsafeBufferPointer<UInt8>, at offset: Int) -> Bool {
        offset + 2 < text.count && text[offset] == space[0] && text[offset + 1] == space[1]
            && text[offset + 2] == space[2]
    }

    /// Whether U+2581 follows anything but itself.
    private static func hasInnerSpace(_ piece: ArraySlice<UInt8>) -> Bool {
        piece.withUnsafeBufferPointer { piece in
            var offset = 0
            var isAfterOther = false
            while offset < piece.count {
                let isSpace = isSpace(piece, at: offset)
                if isSpace, isAfterOther { return true }
                if !isSpace { isAfterOther = true }
                offset += isSpace ? 3 : 1
            }
            return false
        }
    }
}
