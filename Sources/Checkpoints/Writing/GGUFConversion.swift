// SPDX-License-Identifier: Apache-2.0

import Compute
import Glibc

extension GGUFWriter {
    /// A writer of `checkpoint` as llama.cpp would have it: configuration, tensors and vocabulary.
    ///
    /// A vocabulary of Hugging Face layout is left out: a `tokenizer.json` is not a list of pieces.
    ///
    /// - Throws: ``CheckpointError`` if the checkpoint holds no model.
    public init(_ checkpoint: Checkpoint) throws(CheckpointError) {
        self.init()
        guard let config = checkpoint.config else {
            throw .notACheckpoint(path: "checkpoint", found: "a vocabulary without a model")
        }
        // GGUF knows Mistral as a llama.
        let architecture = config.family == .mistral ? "llama" : config.family.rawValue
        let ordered = checkpoint.reordered(for: architecture == "llama" ? .interleaved : .halves)
        set("general.architecture", .string(architecture))
        if let name = config.name { set("general.name", .string(name)) }
        set("general.alignment", .uint32(UInt32(Self.alignment)))
        add(config, architecture)
        switch checkpoint.tokenizer {
        case .gguf(let vocabulary): add(vocabulary)
        case .llama2c(let pieces, let scores): add(try GGUFVocabulary(llama2cPieces: pieces, scores: scores))
        case .huggingFace, nil: break
        }
        if let rope = config.rope, let factors = rope.storedFactors {
            let storage = Storage(byteCount: factors.count * 4) { memory in
                for (index, factor) in factors.enumerated() {
                    memory.storeBytes(of: factor.bitPattern.littleEndian, toByteOffset: index * 4, as: UInt32.self)
                }
            }
            if let tensor = Tensor(storage: storage, byteOffset: 0, type: .f32, shape: [factors.count]) {
                add("rope_freqs.weight", tensor)
            }
        }
        for requirement in config.tensorRequirements {
            if let tensor = ordered.tensors[requirement.name] { add(requirement.name, tensor) }
        }
    }

    private mutating func add(_ config: ModelConfig, _ architecture: String) {
        func key(_ name: String) -> String { "\(architecture).\(name)" }
        // A validated configuration's counts fit 32 bits.
        func count(_ value: Int) -> GGUFValue { .uint32(UInt32(clamping: value)) }
        set(key("vocab_size"), count(config.vocabularySize))
        set(key("context_length"), count(config.contextLength))
        set(key("embedding_length"), count(config.width))
        set(key("block_count"), count(config.layerCount))
        set(key("feed_forward_length"), count(config.feedForwardWidth))
        set(key("attention.head_count"), count(config.headCount))
        set(key("attention.head_count_kv"), count(config.kvHeadCount))
        set(key("attention.key_length"), count(config.headSize))
        set(key("attention.value_length"), count(config.headSize))
        let epsilon = config.family == .gpt2 ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"
        set(key(epsilon), .float32(config.normEpsilon))
        if let window = config.slidingWindow { set(key("attention.sliding_window"), count(window)) }
        guard let rope = config.rope else { return }
        set(key("rope.dimension_count"), count(rope.dimensions))
        set(key("rope.freq_base"), .float32(Float(rope.base)))
        switch rope.scaling {
        case .none, .factors, .llama3: break
        case .linear(let factor):
            set(key("rope.scaling.type"), .string("linear"))
            set(key("rope.scaling.factor"), .float32(Float(factor)))
        case .yarn(let factor, let original, let fast, let slow, let attention):
            set(key("rope.scaling.type"), .string("yarn"))
            set(key("rope.scaling.factor"), .float32(Float(factor)))
            set(key("rope.scaling.original_context_length"), count(original))
            set(key("rope.scaling.yarn_beta_fast"), .float32(Float(fast)))
            set(key("rope.scaling.yarn_beta_slow"), .float32(Float(slow)))
            if let attention {
                let extra = attention / RopeConfig.yarnAttentionFactor(factor)
                set(key("rope.scaling.attn_factor"), .float32(Float(extra)))
            }
        }
    }

    private mutating func add(_ vocabulary: GGUFVocabulary) {
        let prefix = "tokenizer.ggml."
        set(prefix + "model", .string(vocabulary.model))
        if let pre = vocabulary.preTokenizer { set(prefix + "pre", .string(pre)) }
        set(prefix + "tokens", .array(.string(vocabulary.pieces)))
        if !vocabulary.scores.isEmpty { set(prefix + "scores", .array(.float32(vocabulary.scores))) }
        if !vocabulary.kinds.isEmpty {
            set(prefix + "token_type", .array(.int32(vocabulary.kinds.map(\.rawValue))))
        }
        if !vocabulary.merges.isEmpty { set(prefix + "merges", .array(.string(vocabulary.merges))) }
        for (role, id) in vocabulary.specialIDs.sorted(by: { $0.key < $1.key }) {
            let key = GGUFFile.specialRoles.first { $0.role == role }?.key ?? role
            set("\(prefix)\(key)_token_id", .uint32(UInt32(clamping: id)))
        }
        if let flag = vocabulary.addsBOS { set(prefix + "add_bos_token", .bool(flag)) }
        if let flag = vocabulary.addsEOS { set(prefix + "add_eos_token", .bool(flag)) }
        if let flag = vocabulary.addsSpacePrefix { set(prefix + "add_space_prefix", .bool(flag)) }
        if let flag = vocabulary.removesExtraWhitespace { set(prefix + "remove_extra_whitespaces", .bool(flag)) }
        if let template = vocabulary.chatTemplate { set("tokenizer.chat_template", .string(template)) }
    }
}

extension GGUFVocabulary {
    /// llama2.c's vocabulary as SentencePiece has it: a space is "▁", ids 0 to 2 are unknown, BOS and EOS.
    package init(llama2cPieces: [[UInt8]], scores: [Float]) throws(CheckpointError) {
        let reserved = ["<unk>", "<s>", "</s>"]
        var pieces: [String] = []
        var kinds: [TokenKind] = []
        for (index, bytes) in llama2cPieces.enumerated() {
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw .badVocabulary(file: "vocabulary", what: "piece \(index)", expected: "UTF-8", found: "other bytes")
            }
            let isByte = bytes.count == 6 && text.hasPrefix("<0x") && text.hasSuffix(">")
            pieces.append(
                index < reserved.count
                    ? reserved[index] : String(text.map { $0 == " " ? "\u{2581}" : $0 }))
            kinds.append(index == 0 ? .unknown : index < reserved.count ? .control : isByte ? .byte : .normal)
        }
        self.init(model: "llama", pieces: pieces)
        self.scores = scores
        self.kinds = kinds
        preTokenizer = "default"
        specialIDs = ["unknown": 0, "bos": 1, "eos": 2].filter { Int($0.value) < pieces.count }
        addsBOS = true
        addsEOS = false
        addsSpacePrefix = true
    }
}

extension RopeConfig {
    /// The factors that GGUF stores as `rope_freqs.weight`, or nil if this scaling needs none.
    var storedFactors: [Float]? {
        switch scaling {
        case .none, .linear, .yarn: return nil
        case .factors(let factors): return factors
        case .llama3(let factor, let low, let high, let original):
            return (0..<dimensions / 2).map { index in
                let frequency = pow(base, -2 * Double(index) / Double(dimensions))
                let turns = Double(original) * frequency / (2 * Double.pi)
                if turns > high { return 1 }
                if turns < low { return Float(factor) }
                let share = (turns - low) / (high - low)
                return Float(1 / ((1 - share) / factor + share))
            }
        }
    }
}
