// SPDX-License-Identifier: Apache-2.0

import Compute
package import StrictJSON

extension Checkpoint {
    /// Writes the model in Hugging Face layout into an existing folder: `config.json`, `model.safetensors`, and the
    /// vocabulary's files where it is of that layout.
    ///
    /// - Throws: ``CheckpointError`` if the checkpoint holds no model, has block-quantized tensors, or stretches
    ///   rotary angles by stored factors, which the layout cannot say.
    public func writeHuggingFace(toFolder folder: String) throws(CheckpointError) {
        let (config, weights) = try huggingFaceFiles()
        try weights.write(to: FilePath.join(folder, "model.safetensors"))
        try Self.write(config, to: FilePath.join(folder, "config.json"))
        guard case .huggingFace(let tokenizer, let settings, let generation, let template) = tokenizer else { return }
        try Self.write(tokenizer, to: FilePath.join(folder, "tokenizer.json"))
        if let settings { try Self.write(settings, to: FilePath.join(folder, "tokenizer_config.json")) }
        if let generation { try Self.write(generation, to: FilePath.join(folder, "generation_config.json")) }
        guard let template else { return }
        try AtomicFile.write(FilePath.join(folder, "chat_template.jinja")) { sink throws(CheckpointError) in
            try GGUFWriter.emit([UInt8](template.utf8), to: sink)
        }
    }

    /// What `config.json` and `model.safetensors` would hold.
    package func huggingFaceFiles() throws(CheckpointError) -> (config: JSON, weights: SafetensorsWriter) {
        guard let config else {
            throw .notACheckpoint(path: "checkpoint", found: "a vocabulary without a model")
        }
        var weights = SafetensorsWriter()
        for (name, tensor) in reordered(for: .halves).tensors.sorted(by: { $0.key < $1.key }) {
            guard let theirs = config.family.huggingFaceName(of: name) else {
                throw .badTensor(
                    file: "checkpoint", name: name, expected: "a tensor that family \(config.family.rawValue) uses",
                    found: "an unknown name")
            }
            guard let tensor = theirs.isTransposed ? tensor.transposed() : tensor else {
                throw .badTensor(
                    file: "checkpoint", name: name, expected: "type F32, F16 or BF16", found: tensor.type.name)
            }
            try weights.add(theirs.name, tensor)
        }
        return (try config.huggingFaceConfig(hasBias: { tensors["blk.0.\($0).bias"] != nil }), weights)
    }

    private static func write(_ json: JSON, to path: String) throws(CheckpointError) {
        var writer = JSONWriter()
        writer.value(json)
        try AtomicFile.write(path) { sink throws(CheckpointError) in try GGUFWriter.emit(writer.bytes, to: sink) }
    }
}

extension ModelConfig {
    /// What `config.json` says of this model, in the keys of transformers 4 (which 5 reads too).
    func huggingFaceConfig(hasBias: (String) -> Bool) throws(CheckpointError) -> JSON {
        var json = JSONObject()
        func set(_ key: String, _ value: Int) { json[key] = .integer(Int64(value)) }
        json["model_type"] = .string(family.rawValue)
        json["tie_word_embeddings"] = .bool(tiesHead)
        set("vocab_size", vocabularySize)
        guard let rope else {
            json["architectures"] = .array([.string("GPT2LMHeadModel")])
            set("n_positions", contextLength)
            set("n_embd", width)
            set("n_layer", layerCount)
            set("n_head", headCount)
            set("n_inner", feedForwardWidth)
            json["layer_norm_epsilon"] = .number(Double(normEpsilon))
            json["activation_function"] = .string(activation == .gelu ? "gelu" : "gelu_new")
            return .object(json)
        }
        let classes: [ModelFamily: String] = [
            .llama: "Llama", .mistral: "Mistral", .qwen2: "Qwen2", .qwen3: "Qwen3",
        ]
        json["architectures"] = .array([.string((classes[family] ?? "Llama") + "ForCausalLM")])
        set("max_position_embeddings", contextLength)
        set("hidden_size", width)
        set("num_hidden_layers", layerCount)
        set("num_attention_heads", headCount)
        set("num_key_value_heads", kvHeadCount)
        set("head_dim", headSize)
        set("intermediate_size", feedForwardWidth)
        json["rms_norm_eps"] = .number(Double(normEpsilon))
        json["hidden_act"] = .string("silu")
        json["rope_theta"] = .number(rope.base)
        guard rope.dimensions == headSize else {
            throw .unsupported(
                file: "config.json", what: "rotary embedding of", found: "\(rope.dimensions) of \(headSize) elements",
                supported: "all elements")
        }
        json["rope_scaling"] = try rope.huggingFaceScaling()
        if family != .qwen2 { json["attention_bias"] = .bool(hasBias("attn_q")) }
        if family == .llama { json["mlp_bias"] = .bool(hasBias("ffn_up")) }
        if let slidingWindow {
            set("sliding_window", slidingWindow)
            if family == .qwen2 || family == .qwen3 {
                json["use_sliding_window"] = .bool(true)
                set("max_window_layers", 0)
            }
        } else if family == .mistral {
            json["sliding_window"] = .null
        }
        return .object(json)
    }
}

extension RopeConfig {
    fileprivate func huggingFaceScaling() throws(CheckpointError) -> JSON {
        var json = JSONObject()
        switch scaling {
        case .none: return .null
        case .linear(let factor):
            json["rope_type"] = .string("linear")
            json["factor"] = .number(factor)
        case .llama3(let factor, let low, let high, let original):
            json["rope_type"] = .string("llama3")
            json["factor"] = .number(factor)
            json["low_freq_factor"] = .number(low)
            json["high_freq_factor"] = .number(high)
            json["original_max_position_embeddings"] = .integer(Int64(original))
        case .yarn(let factor, let original, let fast, let slow, let attention):
            json["rope_type"] = .string("yarn")
            json["factor"] = .number(factor)
            json["original_max_position_embeddings"] = .integer(Int64(original))
            json["beta_fast"] = .number(fast)
            json["beta_slow"] = .number(slow)
            json["attention_factor"] = attention.map(JSON.number) ?? .null
        case .factors:
            throw .unsupported(
                file: "config.json", what: "rotary scaling by", found: "stored factors",
                supported: "none, linear, llama3, yarn")
        }
        return .object(json)
    }
}
