// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
import StrictJSON

/// Makes the tokenizer of a vocabulary.
///
/// Byte-level BPE of GGUF matches llama.cpp (so no normalization, also where the model's own `tokenizer.json` has NFC);
/// tokenizers from `tokenizer.json` match Hugging Face's; SentencePiece BPE matches SentencePiece. Added tokens are
/// matched leftmost first, at one place the longest.
///
/// - Parameters:
///   - source: the vocabulary as the checkpoint has it; nothing in it is trusted.
///   - vocabularySize: the rows of the model's embedding, if there is a model. It may have more rows than the
///     vocabulary has pieces, not fewer.
/// - Throws: ``TokenizerError`` with what was expected, what was found and where.
public func makeTokenizer(
    from source: TokenizerSource, vocabularySize: Int?
) throws(TokenizerError) -> any Tokenizer {
    switch source {
    case .gguf(let vocabulary):
        return try GGUFReader(vocabulary, modelSize: vocabularySize).tokenizer()
    case .huggingFace(let tokenizer, let config, let generationConfig, let chatTemplate):
        return try HuggingFaceReader(
            tokenizer: tokenizer, config: config, generationConfig: generationConfig, chatTemplate: chatTemplate,
            modelSize: vocabularySize
        ).tokenizer()
    case .llama2c(let pieces, let scores):
        return try llama2cTokenizer(pieces: pieces, scores: scores, modelSize: vocabularySize)
    }
}

/// The tokenizer of llama2.c's `tokenizer.bin`: id 0 is unknown, 1 BOS, 2 EOS, and spaces are stored as such.
private func llama2cTokenizer(
    pieces: [[UInt8]], scores: [Float], modelSize: Int?
) throws(TokenizerError) -> any Tokenizer {
    let size = try Vocabulary.size(count: pieces.count, modelSize: modelSize)
    guard scores.count == pieces.count else {
        throw .countMismatch(list: "scores", found: scores.count, expected: pieces.count)
    }
    var table = PieceTable(capacity: pieces.count)
    var kinds: [TokenKind] = []
    let special: [(kind: TokenKind, spelling: String)] = [(.unknown, "<unk>"), (.control, "<s>"), (.control, "</s>")]
    for (id, piece) in pieces.enumerated() {
        if id < special.count {
            // Stored with line ends around them.
            kinds.append(special[id].kind)
            try table.append(special[id].spelling.utf8)
        } else if SentencePieceBPE.byte(of: piece[...]) != nil {
            kinds.append(.byte)
            try table.append(piece)
        } else {
            kinds.append(.normal)
            try table.append(piece.flatMap { $0 == UInt8(ascii: " ") ? SentencePieceBPE.space : [$0] })
        }
    }
    table.index()
    var vocabulary = Vocabulary(pieces: table, kinds: kinds, size: size)
    vocabulary.unknownID = 0
    if pieces.count > 1 {
        vocabulary.bosID = 1
        vocabulary.prefix = [1]
    }
    if pieces.count > 2 { vocabulary.eosID = 2 }
    vocabulary.settleEnds(others: [], trustsSpelling: false)
    return try sentencePieceTokenizer(
        vocabulary, scores: scores, addedTokens: vocabulary.addedTokens, addsSpacePrefix: true)
}

/// A tokenizer that merges by score and puts a space before the text and after each added token.
func sentencePieceTokenizer(
    _ vocabulary: Vocabulary, scores: [Float], addedTokens: [AddedToken], addsSpacePrefix: Bool
) throws(TokenizerError) -> any Tokenizer {
    if let id = scores.firstIndex(where: \.isNaN) { throw .scoreNotANumber(id: id) }
    var mergeable = vocabulary.pieces
    mergeable.index { vocabulary.kinds[$0] == .normal }
    var steps: [Normalizer.Step] = [.replace(pattern: [UInt8(ascii: " ")], with: SentencePieceBPE.space)]
    if addsSpacePrefix { steps.insert(.prepend(SentencePieceBPE.space), at: 0) }
    return try SentencePieceBPE(
        SentencePieceBPE.Parts(
            vocabulary: vocabulary,
            addedTokens: AddedTokens(addedTokens, normalizer: Normalizer(steps: steps)),
            rules: .scores(ScoreRanking(pieces: mergeable, scores: scores)),
            stripsLeadingSpace: addsSpacePrefix))
}
