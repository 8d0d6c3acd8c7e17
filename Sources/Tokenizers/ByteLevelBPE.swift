// SPDX-License-Identifier: Apache-2.0

import Checkpoints

/// Byte pair encoding over bytes, as GPT-2 introduced it and Llama 3, Qwen and SmolLM use it.
///
/// A text is cut at added tokens, normalized, cut into words by the pre-tokenizer, and each word merged from its bytes.
struct ByteLevelBPE: Tokenizer {
    /// What the makers know beyond the vocabulary.
    struct Parts {
        var vocabulary: Vocabulary
        var addedTokens: AddedTokens
        var preTokenizer: PreTokenizer
        /// The pre-tokenizer's name, for display.
        var preTokenizerName: String
        /// Puts a space before each text between added tokens that does not start with one.
        var addsPrefixSpace = false
        /// A word that is a piece becomes that piece, whatever the merges.
        var ignoresMerges = false
        /// Neighbouring unknown bytes of a word make one unknown token.
        var fusesUnknown = false
        var merges: ByteLevelMerges
    }

    private let parts: Parts
    /// What each piece stands for, by id; findable by bytes where ``Parts/ignoresMerges`` needs it.
    private let decoded: PieceTable
    /// The token of each byte; -1 if there is none.
    private let byteIDs: [Int32]

    /// - Throws: ``TokenizerError``, if the pieces are more than any vocabulary may have.
    init(_ parts: Parts) throws(TokenizerError) {
        self.parts = parts
        let vocabulary = parts.vocabulary
        var decoded = PieceTable(capacity: vocabulary.pieces.count)
        for id in 0..<vocabulary.pieces.count {
            switch vocabulary.kinds[id] {
            case .control, .unknown: try decoded.append([])
            case .userDefined: try decoded.append(vocabulary.pieces[id])
            case .normal, .unused, .byte: try decoded.append(ByteAlphabet.bytes(of: vocabulary.pieces[id]))
            }
        }
        if parts.ignoresMerges { decoded.index { vocabulary.kinds[$0] == .normal } }
        self.decoded = decoded
        byteIDs = parts.merges.byteSymbols.map { $0 < Int32(vocabulary.pieces.count) ? $0 : -1 }
    }

    var vocabularySize: Int { parts.vocabulary.size }
    var kindName: String { "byte-level BPE (\(parts.preTokenizerName))" }
    var bosID: Int32? { parts.vocabulary.bosID }
    var eosID: Int32? { parts.vocabulary.eosID }
    var endIDs: Set<Int32> { parts.vocabulary.endIDs }
    var addsBOS: Bool { bosID != nil && parts.vocabulary.prefix.first == bosID }
    var chatTemplate: String? { parts.vocabulary.chatTemplate }
    var stripsLeadingSpace: Bool { false }

    func piece(of id: Int32) -> String? { parts.vocabulary.piece(of: id) }
    func id(ofPiece piece: String) -> Int32? { parts.vocabulary.pieces.find(piece) }
    func isControl(_ id: Int32) -> Bool { parts.vocabulary.isControl(id) }

    func bytes(of id: Int32) -> [UInt8] {
        guard id >= 0, Int(id) < decoded.count else { return [] }
        return Array(decoded[Int(id)])
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
                case .text(let part, _) where parts.addsPrefixSpace && part.first != UInt8(ascii: " "):
                    ([UInt8(ascii: " ")] + part).withUnsafeBufferPointer { encode($0, &merger, into: &output) }
                case .text(let part, _):
                    encode(part, &merger, into: &output)
                }
            }
        }
        if addSpecial { output.append(contentsOf: parts.vocabulary.suffix) }
        return output
    }

    private func encode(
        _ text: UnsafeBufferPointer<UInt8>, _ merger: inout BytePairMerger, into output: inout [Int32]
    ) {
        for part in TextChunks(text) {
            let classified = ClassifiedText(part)
            var start = 0
            for scalarEnd in parts.preTokenizer.pieceEnds(of: classified) {
                let end = Int(classified.offsets[scalarEnd])
                encode(word: UnsafeBufferPointer(rebasing: part[start..<end]), &merger, into: &output)
                start = end
            }
        }
    }

    private func encode(
        word: UnsafeBufferPointer<UInt8>, _ merger: inout BytePairMerger, into output: inout [Int32]
    ) {
        if parts.ignoresMerges, let id = decoded.find(word) {
            output.append(id)
            return
        }
        merger.symbols.removeAll(keepingCapacity: true)
        merger.symbols.reserveCapacity(word.count)
        for (index, byte) in word.enumerated() {
            let id = parts.merges.byteSymbols[Int(byte)]
            merger.symbols.append(MergeSymbol(id: id, start: Int32(index), end: Int32(index + 1)))
        }
        merger.run(parts.merges.ranking, in: word)
        var followsUnknown = false
        for symbol in merger.symbols {
            if symbol.id < Int32(decoded.count) {
                output.append(symbol.id)
                followsUnknown = false
                continue
            }
            // Text that merges know and the vocabulary does not: its bytes.
            for byte in word[Int(symbol.start)..<Int(symbol.end)] {
                let id = byteIDs[Int(byte)]
                if id >= 0 {
                    output.append(id)
                    followsUnknown = false
                } else if let unknown = parts.vocabulary.unknownID {
                    if !(followsUnknown && parts.fusesUnknown) { output.append(unknown) }
                    followsUnknown = true
                }
            }
        }
    }
}

/// The merges of a byte-level vocabulary. Symbols are ids; text that has none but is needed on the way gets a number
/// past the last id.
struct ByteLevelMerges: Sendable {
    private(set) var byteSymbols: [Int32] = []
    private(set) var ranking: PairRanking
    private var extra: [[UInt8]: Int32] = [:]
    private let pieceCount: Int

    /// - Parameters:
    ///   - vocabulary: its pieces are in GPT-2's alphabet.
    ///   - count: how many merges will come.
    init(_ vocabulary: Vocabulary, count: Int) throws(TokenizerError) {
        guard count <= VocabularyLimits.pieces else {
            throw .vocabularyTooLarge(count: count, limit: VocabularyLimits.pieces)
        }
        ranking = PairRanking(capacity: count)
        pieceCount = vocabulary.pieces.count
        for byte in 0...255 {
            byteSymbols.append(symbol(ByteAlphabet.spelling[byte][...], vocabulary))
        }
    }

    /// Adds the merge of rank `rank`. Pieces that the vocabulary lacks are an error, or are made up.
    mutating func append(
        _ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>, rank: Int, _ vocabulary: Vocabulary,
        allowsUnknown: Bool
    ) throws(TokenizerError) {
        let leftSymbol = try symbol(left, rank, vocabulary, allowsUnknown)
        let rightSymbol = try symbol(right, rank, vocabulary, allowsUnknown)
        let result = try symbol(left + right, rank, vocabulary, allowsUnknown)
        // Of a pair that is listed twice llama.cpp takes the first rank, Hugging Face's tokenizers the last.
        ranking.insert(
            left: leftSymbol, right: rightSymbol, Merge(rank: UInt32(rank), result: result),
            replacing: !allowsUnknown)
    }

    private mutating func symbol(
        _ piece: ArraySlice<UInt8>, _ rank: Int, _ vocabulary: Vocabulary, _ allowsUnknown: Bool
    ) throws(TokenizerError) -> Int32 {
        if let id = vocabulary.pieces.find(piece) { return id }
        guard allowsUnknown else {
            throw .unknownPieceInMerge(index: rank, piece: String(decoding: piece, as: UTF8.self))
        }
        return symbol(piece, vocabulary)
    }

    private mutating func symbol(_ piece: ArraySlice<UInt8>, _ vocabulary: Vocabulary) -> Int32 {
        if let id = vocabulary.pieces.find(piece) { return id }
        let bytes = Array(piece)
        if let symbol = extra[bytes] { return symbol }
        let symbol = Int32(pieceCount + extra.count)
        extra[bytes] = symbol
        return symbol
    }
}

/// GPT-2's printable alphabet: each byte is a scalar, itself if it prints in Latin-1, else one from U+0100 on.
enum ByteAlphabet {
    /// The UTF-8 spelling of each byte.
    static let spelling: [[UInt8]] = scalars.map { Array(String(Character($0)).utf8) }

    private static let scalars: [Unicode.Scalar] = {
        var result: [Unicode.Scalar] = []
        var other: UInt32 = 0x100
        for byte: UInt8 in 0...255 {
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: result.append(Unicode.Scalar(byte))
            default:
                if let scalar = Unicode.Scalar(other) { result.append(scalar) }
                other += 1
            }
        }
        return result
    }()

    /// The byte of each scalar below U+0144.
    private static let bytes: [UInt8?] = {
        var result = [UInt8?](repeating: nil, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { result[Int(scalar.value)] = UInt8(byte) }
        return result
    }()

    /// The bytes that `piece` spells; its own if it is not in the alphabet.
    static func bytes(of piece: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        for scalar in String(decoding: piece, as: UTF8.self).unicodeScalars {
            guard scalar.value < 0x144, let byte = bytes[Int(scalar.value)] else { return Array(piece) }
            result.append(byte)
        }
        return result
    }
}

/// A text in chunks of at most 1 GiB, cut between scalars, so that positions fit in 32 bits.
struct TextChunks: Sequence, IteratorProtocol {
    private var rest: UnsafeBufferPointer<UInt8>
    private static let limit = 1 << 30

    init(_ text: UnsafeBufferPointer<UInt8>) { rest = text }

    mutating func next() -> UnsafeBufferPointer<UInt8>? {
        guard !rest.isEmpty else { return nil }
        var end = Swift.min(rest.count, Self.limit)
        while end < rest.count, rest[end] & 0xC0 == 0x80 { end -= 1 }
        defer { rest = UnsafeBufferPointer(rebasing: rest[end...]) }
        return UnsafeBufferPointer(rebasing: rest[..<end])
    }
}
