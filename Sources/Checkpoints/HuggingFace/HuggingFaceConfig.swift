// SPDX-License-Identifier: Apache-2.0

package import StrictJSON

/// Reads the hyper-parameters of a Hugging Face `config.json` (transformers 4 and 5).
///
/// A key that is absent has the default of the family's configuration class in transformers where a checkpoint may
/// rely on it, and is an error else.
package struct HuggingFaceConfigReader {
    let json: JSON
    let file: String

    /// What `config.json` says.
    package struct Result: Sendable {
        /// The validated configuration; `tiesHead` is false where the file does not say.
        package var config: ModelConfig
        /// `tie_word_embeddings`, or the family's default; nil if the file does not say and the default is no.
        package var tiesHead: Bool?
        /// Canonical names, within a block, of biases that must be there.
        package var requiredBiases: [String]
    }

    /// Reads the configuration in `json`.
    package static func read(_ json: JSON, file: String) throws(CheckpointError) -> Result {
        try HuggingFaceConfigReader(json: json, file: file).read()
    }

    static let names = HyperparameterNames(
        vocabularySize: "vocab_size", contextLength: "max_position_embeddings", width: "hidden_size",
        layerCount: "num_hidden_layers", headCount: "num_attention_heads", kvHeadCount: "num_key_value_heads",
        headSize: "head_dim", feedForwardWidth: "intermediate_size", normEpsilon: "rms_norm_eps",
        ropeBase: "rope_theta", ropeDimensions: "head_dim", ropeScaling: "rope_scaling",
        slidingWindow: "sliding_window")

    static let gpt2Names = HyperparameterNames(
        vocabularySize: "vocab_size", contextLength: "n_positions", width: "n_embd", layerCount: "n_layer",
        headCount: "n_head", kvHeadCount: "n_head", headSize: "n_embd / n_head", feedForwardWidth: "n_inner",
        normEpsilon: "layer_norm_epsilon", ropeBase: "", ropeDimensions: "", ropeScaling: "", slidingWindow: "")

    private func read() throws(CheckpointError) -> Result {
        guard json.objectValue != nil else {
            throw .badValue(file: file, key: "config", expected: "an object", found: json.typeName)
        }
        guard let type = try string("model_type") else { throw .missingKey(file: file, key: "model_type") }
        guard let family = ModelFamily(rawValue: type) else {
            throw .unsupported(
                file: file, what: "model_type", found: type.quoted,
                supported: ModelFamily.allCases.map(\.rawValue).joined(separator: ", "))
        }
        if let quantization = json["quantization_config"], !quantization.isNull {
            throw .unsupported(
                file: file, what: "quantization_config", found: quantization["quant_method"]?.stringValue ?? "object",
                supported: "unquantized safetensors; quantized models as GGUF")
        }
        return family == .gpt2 ? try gpt2() : try llama(family)
    }

    // MARK: GPT-2

    private func gpt2() throws(CheckpointError) -> Result {
        for (key, only) in [
            ("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("add_cross_attention", false),
        ] {
            if let flag = try flag(key), flag != only { throw unsupported(key, "\(flag)", "\(only)") }
        }
        let width = try integer("n_embd")
        let headCount = try integer("n_head")
        guard headCount > 0, width % headCount == 0 else {
            throw .badValue(
                file: file, key: "n_head", expected: "a divisor of n_embd \(width)", found: "\(headCount)")
        }
        let activation: ModelConfig.Activation
        switch try string("activation_function") ?? "gelu_new" {
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": activation = .geluTanh
        case "gelu": activation = .gelu
        case let other:
            throw unsupported("activation_function", other.quoted, "gelu_new, gelu_pytorch_tanh, gelu_fast, gelu")
        }
        // Widths beyond the limits are refused below.
        let feedForwardWidth = try optionalInteger("n_inner") ?? 4 * min(width, ModelConfig.Limits.width + 1)
        let config = ModelConfig(
            family: .gpt2, name: try string("_name_or_path"), vocabularySize: try integer("vocab_size"),
            contextLength: try integer(json["n_positions"] == nil ? "n_ctx" : "n_positions"), width: width,
            layerCount: try integer("n_layer"), headCount: headCount, kvHeadCount: headCount,
            headSize: width / headCount,
            feedForwardWidth: feedForwardWidth,
            normEpsilon: Float(try number("layer_norm_epsilon") ?? 1e-5), rope: nil, activation: activation,
            tiesHead: false)
        try config.validate(Self.gpt2Names, file: file)
        return Result(config: config, tiesHead: try flag("tie_word_embeddings") ?? true, requiredBiases: [])
    }

    // MARK: The llama family

    private func llama(_ family: ModelFamily) throws(CheckpointError) -> Result {
        let activation = try string("hidden_act") ?? "silu"
        guard activation == "silu" || activation == "swish" else {
            throw unsupported("hidden_act", activation.quoted, "silu")
        }
        for key in ["partial_rotary_factor", "rope_partial_factor"] {
            if let factor = try number(key), factor != 1 { throw unsupported(key, "\(factor)", "1") }
        }
        if try flag("rope_interleaved") ?? false { throw unsupported("rope_interleaved", "true", "false") }
        let width = try integer("hidden_size")
        let headCount = try integer("num_attention_heads")
        let headSize = try self.headSize(family, width: width, headCount: headCount)
        let contextLength = try integer("max_position_embeddings")
        let layerCount = try integer("num_hidden_layers")
        let config = ModelConfig(
            family: family, name: try string("_name_or_path"), vocabularySize: try integer("vocab_size"),
            contextLength: contextLength, width: width, layerCount: layerCount, headCount: headCount,
            kvHeadCount: try kvHeadCount(family, headCount: headCount), headSize: headSize,
            feedForwardWidth: try integer("intermediate_size"), normEpsilon: Float(try number("rms_norm_eps") ?? 1e-6),
            rope: try HuggingFaceRopeReader(config: self).read(headSize: headSize, contextLength: contextLength),
            slidingWindow: try slidingWindow(family, layerCount: layerCount), activation: .swiGLU, tiesHead: false)
        try config.validate(Self.names, file: file)
        var biases: [String] = []
        if family != .qwen2, try flag("attention_bias") ?? false {
            biases += ["attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias"]
        }
        if try flag("mlp_bias") ?? false { biases += ["ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"] }
        return Result(
            config: config, tiesHead: try flag("tie_word_embeddings"), requiredBiases: biases)
    }

    private func headSize(
        _ family: ModelFamily, width: Int, headCount: Int
    ) throws(CheckpointError) -> Int {
        if let size = try optionalInteger("head_dim") { return size }
        if family == .qwen3 { return 128 }
        guard headCount > 0, width % headCount == 0 else {
            throw .badValue(
                file: file, key: "num_attention_heads", expected: "a divisor of hidden_size \(width)",
                found: "\(headCount)")
        }
        return width / headCount
    }

    private func kvHeadCount(_ family: ModelFamily, headCount: Int) throws(CheckpointError) -> Int {
        if let count = try optionalInteger("num_key_value_heads") { return count }
        guard json["num_key_value_heads"] == nil else { return headCount }
        switch family {
        case .llama, .gpt2: return headCount
        case .mistral: return 8
        case .qwen2, .qwen3: return 32
        }
    }

    /// The window if all layers have it; nil if none has.
    private func slidingWindow(_ family: ModelFamily, layerCount: Int) throws(CheckpointError) -> Int? {
        let mixed = "one kind of attention for all layers"
        switch family {
        case .llama, .gpt2: return nil
        case .mistral:
            // Absent is the class's default, null is none.
            return json["sliding_window"] == nil ? 4096 : try optionalInteger("sliding_window")
        case .qwen2, .qwen3:
            guard try flag("use_sliding_window") ?? false else { return nil }
            guard let window = try optionalInteger("sliding_window") else { return nil }
            if let types = json["layer_types"], !types.isNull {
                let names = (types.arrayValue ?? []).map(\.stringValue)
                guard names.count == layerCount else {
                    throw .badValue(
                        file: file, key: "layer_types", expected: "\(layerCount) strings", found: "\(names.count)")
                }
                if names.allSatisfy({ $0 == "full_attention" }) { return nil }
                if names.allSatisfy({ $0 == "sliding_attention" }) { return window }
                throw unsupported("layer_types", "that differ from layer to layer", mixed)
            }
            let first = try optionalInteger("max_window_layers") ?? 28
            if first >= layerCount { return nil }
            if first <= 0 { return window }
            throw unsupported("max_window_layers", "\(first) of \(layerCount)", mixed)
        }
    }

    // MARK: Values

    func unsupported(_ key: String, _ found: String, _ supported: String) -> CheckpointError {
        .unsupported(file: file, what: key, found: found, supported: supported)
    }

    func optionalInteger(_ key: String) throws(CheckpointError) -> Int? {
        guard let value = json[key], !value.isNull else { return nil }
        guard let integer = value.integerValue else {
            throw .badValue(file: file, key: key, expected: "an integer", found: value.typeName)
        }
        return Int(integer)
    }

    func integer(_ key: String) throws(CheckpointError) -> Int {
        guard let value = try optionalInteger(key) else { throw .missingKey(file: file, key: key) }
        return value
    }

    func number(_ key: String) throws(CheckpointError) -> Double? {
        guard let value = json[key], !value.isNull else { return nil }
        guard let number = value.doubleValue else {
            throw .badValue(file: file, key: key, expected: "a number", found: value.typeName)
        }
        return number
    }

    private func string(_ key: String) throws(CheckpointError) -> String? {
        guard let value = json[key], !value.isNull else { return nil }
        guard let text = value.stringValue else {
            throw .badValue(file: file, key: key, expected: "a string", found: value.typeName)
        }
        return text
    }

    private func flag(_ key: String) throws(CheckpointError) -> Bool? {
        guard let value = json[key], !value.isNull else { return nil }
        guard let flag = value.boolValue else {
            throw .badValue(file: file, key: key, expected: "a boolean", found: value.typeName)
        }
        return flag
    }
}
