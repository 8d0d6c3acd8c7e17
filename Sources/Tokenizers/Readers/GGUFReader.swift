// SPDX-License-Identifier: Apache-2.0

import Checkpoints

/// Makes a tokenizer of the vocabulary of a GGUF file.
///
/// Source: ggml, `docs/gguf.md`; llama.cpp, `src/llama-vocab.cpp`.
struct GGUFReader {
    private let source: GGUFVocabulary
    private let modelSize: Int?

    init(_ source: GGUFVocabulary, modelSize: Int?) {
        self.source = source
        self.modelSize = modelSize
    }

    func tokenizer() throws(TokenizerError) -> any Tokenizer {
        switch source.model {
        case "gpt2": try byteLevel()
        case "llama": try sentencePiece()
        default: throw .unsupportedModel(found: source.model, known: ["gpt2", "llama"])
        }
    }

    private func byteLevel() throws(TokenizerError) -> any Tokenizer {
        // Files from before the key was introduced have GPT-2's rules or their like.
        let name = source.preTokenizer ?? "gpt-2"
        guard let known = PreTokenizer.named(name) else {
            throw .unknownPreTokenizer(name: name, known: PreTokenizer.knownNames)
        }
        var vocabulary = try vocabulary(kinds: kinds { _ in .normal })
        try settle(&vocabulary, defaults: [:], addsBOS: known.addsBOS)
        // Files name EOS here, which must not come of a byte that has no token.
        vocabulary.unknownID = nil
        var merges = try ByteLevelMerges(vocabulary, count: source.merges.count)
        for (rank, merge) in source.merges.enumerated() {
            let bytes = Array(merge.utf8)
            // A piece may be a space, so the separator is not the first byte.
            guard let space = bytes.dropFirst().firstIndex(of: UInt8(ascii: " ")), space + 1 < bytes.count else {
                throw .malformedMerge(index: rank, text: merge)
            }
            try merges.append(
                bytes[..<space], bytes[(space + 1)...], rank: rank, vocabulary, allowsUnknown: true)
        }
        return try ByteLevelBPE(
            ByteLevelBPE.Parts(
                vocabulary: vocabulary,
                addedTokens: AddedTokens(vocabulary.addedTokens, normalizer: Normalizer()),
                preTokenizer: known.preTokenizer, preTokenizerName: name, ignoresMerges: known.ignoresMerges,
                merges: merges))
    }

    private func sentencePiece() throws(TokenizerError) -> any Tokenizer {
        guard source.scores.count == source.pieces.count else {
            throw .countMismatch(
                list: "tokenizer.ggml.scores", found: source.scores.count, expected: source.pieces.count)
        }
        let special = source.specialIDs
        let kinds = kinds { (id: Int) -> TokenKind in
            let id32 = Int32(truncatingIfNeeded: id)
            if id32 == special["unknown"] ?? 0 { return .unknown }
            if id32 == special["bos"] ?? 1 || id32 == special["eos"] ?? 2 { return .control }
            return SentencePieceBPE.byte(of: Array(source.pieces[id].utf8)[...]) == nil ? .normal : .byte
        }
        var vocabulary = try vocabulary(kinds: kinds)
        try settle(&vocabulary, defaults: ["unknown": 0, "bos": 1, "eos": 2], addsBOS: true)
        return try sentencePieceTokenizer(
            vocabulary, scores: source.scores, addedTokens: vocabulary.addedTokens,
            addsSpacePrefix: source.addsSpacePrefix ?? true)
    }

    /// The kinds as stored, or as `guess` has it where the file does not say.
    private func kinds(_ guess: (Int) -> TokenKind) -> [TokenKind] {
        source.kinds.isEmpty ? source.pieces.indices.map(guess) : source.kinds
    }

    private func vocabulary(kinds: [TokenKind]) throws(TokenizerError) -> Vocabulary {
        let size = try Vocabulary.size(count: source.pieces.count, modelSize: modelSize)
        guard kinds.count == source.pieces.count else {
            throw .countMismatch(
                list: "tokenizer.ggml.token_type", found: kinds.count, expected: source.pieces.count)
        }
        var table = PieceTable(capacity: source.pieces.count)
        for piece in source.pieces { try table.append(piece.utf8) }
        table.index()
        return Vocabulary(pieces: table, kinds: kinds, size: size)
    }

    /// Sets the special ids, and what encoding puts before and after a text.
    private func settle(
        _ vocabulary: inout Vocabulary, defaults: [String: Int32], addsBOS: Bool
    ) throws(TokenizerError) {
        func id(_ role: String) throws(TokenizerError) -> Int32? {
            guard let id = source.specialIDs[role] else {
                return defaults[role].flatMap { Int($0) < source.pieces.count ? $0 : nil }
            }
            guard id >= 0, Int(id) < source.pieces.count else {
                throw .idOutOfRange(piece: role, id: Int64(id), limit: source.pieces.count)
            }
            return id
        }
        vocabulary.bosID = try id("bos")
        vocabulary.eosID = try id("eos")
        vocabulary.unknownID = try id("unknown")
        vocabulary.chatTemplate = source.chatTemplate
        var others: [Int32] = []
        for role in ["eot", "eom"] {
            if let id = try id(role) { others.append(id) }
        }
        vocabulary.settleEnds(others: others, trustsSpelling: true)
        if source.addsBOS ?? addsBOS, let bos = vocabulary.bosID { vocabulary.prefix = [bos] }
        if source.addsEOS ?? false, let eos = vocabulary.eosID { vocabulary.suffix = [eos] }
    }
}
