// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
import StrictJSON

extension TokenizerSource {
    /// The vocabulary as a GGUF file holds it, so that llama.cpp gives the same ids.
    ///
    /// Of Hugging Face's tokenizers, byte-level BPE can be written if llama.cpp has a name for its pre-tokenizer. As
    /// everywhere in llama.cpp there is no normalization, also where `tokenizer.json` has NFC.
    ///
    /// - Parameter vocabularySize: the rows of the model's embedding; rows without a piece become unused tokens.
    /// - Throws: ``TokenizerError``.
    public func ggufVocabulary(vocabularySize: Int) throws(TokenizerError) -> GGUFVocabulary {
        switch self {
        case .gguf(let vocabulary): return vocabulary
        case .huggingFace(let tokenizer, let config, let generationConfig, let chatTemplate):
            return try HuggingFaceReader(
                tokenizer: tokenizer, config: config, generationConfig: generationConfig, chatTemplate: chatTemplate,
                modelSize: vocabularySize
            ).ggufVocabulary(size: vocabularySize)
        case .llama2c:
            throw .unsupported(path: "vocabulary", found: "llama2.c's", expected: "GGUF's or Hugging Face's")
        }
    }
}

extension HuggingFaceReader {
    fileprivate func ggufVocabulary(size: Int) throws(TokenizerError) -> GGUFVocabulary {
        let model = try checkedModel()
        let tokens = try HuggingFaceTokens(root, model: model, modelSize: size)
        var vocabulary = tokens.vocabulary
        if let unknown = try model["unk_token"]?.string(), let id = vocabulary.pieces.find(unknown) {
            vocabulary.unknownID = id
            vocabulary.kinds[Int(id)] = .unknown
        }
        try settleSpecial(&vocabulary)
        for token in tokens.added where token.stripsLeft || token.stripsRight || token.isSingleWord {
            throw .unsupported(
                path: "added_tokens", found: "\(String(decoding: token.content, as: UTF8.self)) with conditions",
                expected: "added tokens without lstrip, rstrip and single_word")
        }
        let normalizer = try HuggingFacePipeline.normalizer(root["normalizer"])
        guard normalizer.steps.allSatisfy({ $0 == .nfc }) else {
            throw .unsupported(path: "normalizer", found: "replacements", expected: "none, or NFC")
        }
        let pipeline = try HuggingFacePipeline.preTokenizer(root["pre_tokenizer"], after: normalizer)
        guard case .byteLevel(let preTokenizer, addsPrefixSpace: false) = pipeline else {
            throw .unsupported(
                path: "pre_tokenizer", found: "another one", expected: "ByteLevel without add_prefix_space")
        }
        let ignoresMerges = try model.bool("ignore_merges", default: false)
        let stages = preTokenizer.stages.map(\.asInGGUF)
        let family = PreTokenizer.families.first { $0.stages == stages && $0.ignoresMerges == ignoresMerges }
        guard let name = family?.names.first else {
            throw .unknownPreTokenizer(name: preTokenizer.displayName, known: PreTokenizer.knownNames)
        }
        var result = GGUFVocabulary(
            model: "gpt2", pieces: (0..<size).map { vocabulary.piece(of: Int32($0)) ?? "[PAD\($0)]" })
        result.preTokenizer = name
        result.kinds = (0..<size).map { id in
            vocabulary.piece(of: Int32(id)) == nil ? .unused : vocabulary.kinds[id]
        }
        var merges: [String] = []
        try forEachMerge(model) { (_, left, right) throws(TokenizerError) in
            merges.append(String(decoding: left, as: UTF8.self) + " " + String(decoding: right, as: UTF8.self))
        }
        result.merges = merges
        result.specialIDs["bos"] = vocabulary.bosID
        result.specialIDs["eos"] = vocabulary.eosID
        result.specialIDs["unknown"] = vocabulary.unknownID
        result.specialIDs["padding"] = try special("pad_token", vocabulary)
        result.addsBOS = vocabulary.bosID.map { vocabulary.prefix.contains($0) } ?? false
        result.addsEOS = vocabulary.eosID.map { vocabulary.suffix.contains($0) } ?? false
        result.chatTemplate = vocabulary.chatTemplate
        return result
    }
}

extension PreTokenizerStage {
    /// The stage as llama.cpp has it, to which no long s is an "s".
    fileprivate var asInGGUF: PreTokenizerStage {
        guard case .llama3(let maximumDigits, _) = self else { return self }
        return .llama3(maximumDigits: maximumDigits, foldsLongS: false)
    }
}
