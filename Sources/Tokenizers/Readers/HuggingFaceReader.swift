// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import StrictJSON

/// Makes a tokenizer of Hugging Face's `tokenizer.json` and the files beside it.
///
/// Source: huggingface/tokenizers, the serialization of `Tokenizer`; huggingface/transformers, `tokenizer_config.json`.
struct HuggingFaceReader {
    let root: JSONNode
    let config: JSONNode
    let generationConfig: JSONNode
    let chatTemplate: String?
    let modelSize: Int?

    init(tokenizer: JSON, config: JSON?, generationConfig: JSON?, chatTemplate: String?, modelSize: Int?) {
        root = JSONNode(value: tokenizer, path: "")
        self.config = JSONNode(value: config ?? .null, path: "tokenizer_config.json: ")
        self.generationConfig = JSONNode(value: generationConfig ?? .null, path: "generation_config.json: ")
        self.chatTemplate = chatTemplate
        self.modelSize = modelSize
    }

    func tokenizer() throws(TokenizerError) -> any Tokenizer {
        let model = try checkedModel()
        let tokens = try HuggingFaceTokens(root, model: model, modelSize: modelSize)
        var vocabulary = tokens.vocabulary
        if let unknown = try model["unk_token"]?.string(), let id = vocabulary.pieces.find(unknown) {
            vocabulary.unknownID = id
            vocabulary.kinds[Int(id)] = .unknown
        }
        try settleSpecial(&vocabulary)
        let added = tokens.added.map { token in
            var token = token
            token.isControl = vocabulary.isControl(token.id)
            return token
        }
        let normalizer = try HuggingFacePipeline.normalizer(root["normalizer"])
        let pipeline = try HuggingFacePipeline.preTokenizer(root["pre_tokenizer"], after: normalizer)
        let fusesUnknown = try model.bool("fuse_unk", default: false)
        switch pipeline {
        case .byteLevel(let preTokenizer, let addsPrefixSpace):
            var merges = try ByteLevelMerges(vocabulary, count: try self.merges(model).count)
            try forEachMerge(model) { (rank, left, right) throws(TokenizerError) in
                try merges.append(left, right, rank: rank, vocabulary, allowsUnknown: false)
            }
            return try ByteLevelBPE(
                ByteLevelBPE.Parts(
                    vocabulary: vocabulary,
                    addedTokens: try AddedTokens(added, normalizer: normalizer),
                    preTokenizer: preTokenizer, preTokenizerName: preTokenizer.displayName,
                    addsPrefixSpace: addsPrefixSpace,
                    ignoresMerges: try model.bool("ignore_merges", default: false),
                    fusesUnknown: fusesUnknown, merges: merges))
        case .metaspace(let prefix, let splits, let replacesSpaces):
            var normalizer = normalizer
            if replacesSpaces {
                normalizer.steps.append(.replace(pattern: [UInt8(ascii: " ")], with: SentencePieceBPE.space))
            }
            let fallsBack = try model.bool("byte_fallback", default: false)
            if fallsBack { tokens.markBytes(&vocabulary) }
            return try SentencePieceBPE(
                SentencePieceBPE.Parts(
                    vocabulary: vocabulary,
                    addedTokens: try AddedTokens(added, normalizer: normalizer),
                    rules: .ranks(try ranking(model, vocabulary)),
                    prefix: prefix, splitsAtSpaces: splits, fallsBackToBytes: fallsBack, needsAllBytes: true,
                    fusesUnknown: fusesUnknown,
                    stripsLeadingSpace: try HuggingFacePipeline.stripsLeadingSpace(root["decoder"])))
        }
    }

    /// The model, if it is byte pair encoding without the options that are not implemented.
    func checkedModel() throws(TokenizerError) -> JSONNode {
        let model = try root.required("model")
        // Old files do not name the type of BPE models, which alone have merges.
        let type = try model["type"]?.string() ?? (model["merges"] == nil ? "unnamed" : "BPE")
        guard type == "BPE" else { throw .unsupportedModel(found: type, known: ["BPE"]) }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let option = model[key], try !option.string().isEmpty { throw option.unsupported("null") }
        }
        if let dropout = model["dropout"], dropout.value.doubleValue != 0 { throw dropout.unsupported("null") }
        return model
    }

    // MARK: Merges

    private func merges(_ model: JSONNode) throws(TokenizerError) -> [JSON] {
        let node = try model.required("merges")
        guard let merges = node.value.arrayValue else { throw node.malformed("an array") }
        guard merges.count <= VocabularyLimits.pieces else {
            throw .vocabularyTooLarge(count: merges.count, limit: VocabularyLimits.pieces)
        }
        return merges
    }

    /// Calls `body` with each merge, written "left right" or ["left", "right"].
    func forEachMerge(
        _ model: JSONNode,
        _ body: (Int, ArraySlice<UInt8>, ArraySlice<UInt8>) throws(TokenizerError) -> Void
    ) throws(TokenizerError) {
        for (rank, merge) in try merges(model).enumerated() {
            switch merge {
            case .string(let text):
                let bytes = Array(text.utf8)
                guard let space = bytes.firstIndex(of: UInt8(ascii: " ")), space > 0, space + 1 < bytes.count,
                    !bytes[(space + 1)...].contains(UInt8(ascii: " "))
                else { throw .malformedMerge(index: rank, text: text) }
                try body(rank, bytes[..<space], bytes[(space + 1)...])
            case .array(let parts):
                guard parts.count == 2, let left = parts[0].stringValue, let right = parts[1].stringValue,
                    !left.isEmpty, !right.isEmpty
                else { throw .malformedMerge(index: rank, text: "\(merge.typeName) of \(parts.count)") }
                try body(rank, Array(left.utf8)[...], Array(right.utf8)[...])
            default:
                throw .malformedMerge(index: rank, text: merge.typeName)
            }
        }
    }

    private func ranking(_ model: JSONNode, _ vocabulary: Vocabulary) throws(TokenizerError) -> PairRanking {
        var ranking = PairRanking(capacity: try merges(model).count)
        try forEachMerge(model) { (rank, left, right) throws(TokenizerError) in
            func id(_ piece: ArraySlice<UInt8>) throws(TokenizerError) -> Int32 {
                guard let id = vocabulary.pieces.find(piece) else {
                    throw .unknownPieceInMerge(index: rank, piece: String(decoding: piece, as: UTF8.self))
                }
                return id
            }
            let merge = Merge(rank: UInt32(rank), result: try id(left + right))
            ranking.insert(left: try id(left), right: try id(right), merge, replacing: true)
        }
        return ranking
    }

    // MARK: Special tokens

    func settleSpecial(_ vocabulary: inout Vocabulary) throws(TokenizerError) {
        let template = try HuggingFacePipeline.template(root["post_processor"], vocabulary)
        vocabulary.prefix = template.prefix
        vocabulary.suffix = template.suffix
        vocabulary.bosID = try special("bos_token", vocabulary) ?? template.prefix.first
        vocabulary.eosID = try special("eos_token", vocabulary)
        if let addsBOS = try config["add_bos_token"]?.bool(), let bos = vocabulary.bosID {
            vocabulary.prefix.removeAll { $0 == bos }
            if addsBOS { vocabulary.prefix.insert(bos, at: 0) }
        }
        if let addsEOS = try config["add_eos_token"]?.bool(), let eos = vocabulary.eosID {
            vocabulary.suffix.removeAll { $0 == eos }
            if addsEOS { vocabulary.suffix.append(eos) }
        }
        var others: [Int32] = []
        if let ends = generationConfig["eos_token_id"] {
            for end in ends.value.arrayValue == nil ? [ends] : try ends.array() {
                others.append(try end.id(of: "eos_token_id", limit: vocabulary.size))
            }
        }
        vocabulary.eosID = vocabulary.eosID ?? others.first
        vocabulary.settleEnds(others: others, trustsSpelling: false)
        vocabulary.chatTemplate = chatTemplate
        if chatTemplate == nil { vocabulary.chatTemplate = try configTemplate() }
    }

    /// The id of a token that `tokenizer_config.json` names, as a string or as an object with `content`.
    func special(_ key: String, _ vocabulary: Vocabulary) throws(TokenizerError) -> Int32? {
        guard let node = config[key] else { return nil }
        let spelling = try node.value.objectValue == nil ? node.string() : node.required("content").string()
        return vocabulary.pieces.find(spelling)
    }

    /// `chat_template`: one template, or a list of named ones, of which "default" or else the first is taken.
    private func configTemplate() throws(TokenizerError) -> String? {
        guard let node = config["chat_template"] else { return nil }
        guard node.value.arrayValue != nil else { return try node.string() }
        var first: String?
        for entry in try node.array() {
            let template = try entry.required("template").string()
            if try entry.required("name").string() == "default" { return template }
            first = first ?? template
        }
        return first
    }
}
