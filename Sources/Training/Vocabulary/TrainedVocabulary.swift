// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
public import StrictJSON
import Tokenizers

/// A vocabulary that was learned, and its files.
public struct TrainedVocabulary: Sendable {
    private let options: VocabularyOptions
    /// What each id stands for: control tokens, the 256 bytes, merged pieces.
    public let pieces: [[UInt8]]
    /// The ids that merge, in order of rank.
    public let merges: [(left: Int32, right: Int32)]

    init(options: VocabularyOptions, pieces: [[UInt8]], merges: [(left: Int32, right: Int32)]) {
        self.options = options
        self.pieces = pieces
        self.merges = merges
    }

    /// The contents of `tokenizer.json`, as Hugging Face tokenizers serializes a byte-level BPE tokenizer.
    public var tokenizerJSON: JSON {
        var vocab = JSONObject()
        let spellings = pieces.enumerated().map { id, piece in
            id < options.special.count ? options.special[id] : ByteSpelling.spelling(of: piece)
        }
        for (id, spelling) in spellings.enumerated() { vocab[spelling] = .integer(Int64(id)) }
        let byteLevel = JSON(members: [
            "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "trim_offsets": .bool(true),
            "use_regex": .bool(true),
        ])
        return JSON(members: [
            "version": .string("1.0"), "truncation": .null, "padding": .null,
            "added_tokens": .array(
                options.special.enumerated().map { id, token in
                    JSON(members: [
                        "id": .integer(Int64(id)), "content": .string(token), "single_word": .bool(false),
                        "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false),
                        "special": .bool(true),
                    ])
                }),
            "normalizer": .null,
            "pre_tokenizer": options.rule.json,
            "post_processor": postProcessor ?? byteLevel,
            "decoder": byteLevel,
            "model": JSON(members: [
                "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
                "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
                "ignore_merges": .bool(options.rule.ignoresMerges), "vocab": .object(vocab),
                "merges": .array(
                    merges.map { .array([.string(spellings[Int($0.left)]), .string(spellings[Int($0.right)])]) }),
            ]),
        ])
    }

    /// Puts the BOS token before a text, where there is one.
    private var postProcessor: JSON? {
        guard let bos = options.bos, let id = options.special.firstIndex(of: bos) else { return nil }
        func special(_ type: Int64) -> JSON {
            JSON(members: ["SpecialToken": JSON(members: ["id": .string(bos), "type_id": .integer(type)])])
        }
        func sequence(_ name: String, _ type: Int64) -> JSON {
            JSON(members: ["Sequence": JSON(members: ["id": .string(name), "type_id": .integer(type)])])
        }
        return JSON(members: [
            "type": .string("TemplateProcessing"),
            "single": .array([special(0), sequence("A", 0)]),
            "pair": .array([special(0), sequence("A", 0), special(1), sequence("B", 1)]),
            "special_tokens": JSON(members: [
                bos: JSON(members: [
                    "id": .string(bos), "ids": .array([.integer(Int64(id))]), "tokens": .array([.string(bos)]),
                ])
            ]),
        ])
    }

    /// The contents of `tokenizer_config.json`, which names the roles of control tokens.
    public var configJSON: JSON {
        var config = JSONObject()
        config["tokenizer_class"] = .string("PreTrainedTokenizerFast")
        config["clean_up_tokenization_spaces"] = .bool(false)
        config["bos_token"] = options.bos.map { .string($0) }
        config["eos_token"] = .string(options.eos)
        config["pad_token"] = options.pad.map { .string($0) }
        return .object(config)
    }
}

extension TrainedVocabulary {
    /// Writes `tokenizer.json` and `tokenizer_config.json` into `folder`, which is made if need be.
    public func write(toFolder folder: String) throws(CheckpointError) {
        try FilePath.makeFolder(folder)
        for (name, json) in [("tokenizer.json", tokenizerJSON), ("tokenizer_config.json", configJSON)] {
            var writer = JSONWriter()
            writer.value(json)
            try AtomicFile.write(FilePath.join(folder, name), writer.bytes + [UInt8(ascii: "\n")])
        }
    }
}
