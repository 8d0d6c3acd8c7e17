// SPDX-License-Identifier: Apache-2.0

import Compute

/// Reads the hyper-parameters of a GGUF file, `<architecture>.*`.
struct GGUFConfigReader {
    let file: GGUFFile
    let architecture: String

    /// The configuration; a `rope_freqs.weight` among `tensors` becomes part of it and leaves them.
    static func read(
        _ file: GGUFFile, _ tensors: inout [String: Tensor]
    ) throws(CheckpointError) -> ModelConfig {
        guard let stated = file["general.architecture"] else {
            throw .missingKey(file: file.name, key: "general.architecture")
        }
        guard let architecture = stated.stringValue else {
            throw .badValue(
                file: file.name, key: "general.architecture", expected: "a STRING", found: stated.typeName)
        }
        let reader = GGUFConfigReader(file: file, architecture: architecture)
        return try reader.config(&tensors)
    }

    private func key(_ name: String) -> String { "\(architecture).\(name)" }

    private func config(_ tensors: inout [String: Tensor]) throws(CheckpointError) -> ModelConfig {
        guard var family = ModelFamily(rawValue: architecture) else {
            throw .unsupported(
                file: file.name, what: "architecture", found: architecture.quoted,
                supported: "llama (Llama, Mistral), qwen2, qwen3, gpt2")
        }
        try refuseWhatWeCannotHonour()
        let width = try integer("embedding_length")
        let headCount = try uniform("attention.head_count")
        let kvHeadCount = try optionalUniform("attention.head_count_kv") ?? headCount
        let headSize = try self.headSize(width: width, headCount: headCount)
        let contextLength = try integer("context_length")
        let window = try optionalInteger("attention.sliding_window").flatMap { $0 == 0 ? nil : $0 }
        if window != nil, family == .llama { family = .mistral }
        let epsilonName = family == .gpt2 ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"
        let config = ModelConfig(
            family: family, name: file["general.name"]?.stringValue,
            vocabularySize: try vocabularySize(tensors), contextLength: contextLength, width: width,
            layerCount: try integer("block_count"), headCount: headCount, kvHeadCount: kvHeadCount, headSize: headSize,
            feedForwardWidth: try uniform("feed_forward_length"), normEpsilon: Float(try number(epsilonName)),
            rope: family == .gpt2 ? nil : try rope(headSize, contextLength, &tensors),
            slidingWindow: window, activation: family == .gpt2 ? .geluTanh : .swiGLU,
            tiesHead: tensors["output.weight"] == nil)
        try config.validate(names, file: file.name)
        return config
    }

    private var names: HyperparameterNames {
        HyperparameterNames(
            vocabularySize: key("vocab_size"), contextLength: key("context_length"), width: key("embedding_length"),
            layerCount: key("block_count"), headCount: key("attention.head_count"),
            kvHeadCount: key("attention.head_count_kv"), headSize: key("attention.key_length"),
            feedForwardWidth: key("feed_forward_length"),
            normEpsilon: key(
                architecture == "gpt2" ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"),
            ropeBase: key("rope.freq_base"), ropeDimensions: key("rope.dimension_count"),
            ropeScaling: key("rope.scaling"), slidingWindow: key("attention.sliding_window"))
    }

    private func refuseWhatWeCannotHonour() throws(CheckpointError) {
        if let count = try optionalInteger("expert_count"), count != 0 {
            throw unsupported("expert_count", "\(count)", "0 (no mixture of experts)")
        }
        if file[key("attention.causal")]?.boolValue == false {
            throw unsupported("attention.causal", "false", "true")
        }
        for name in ["logit_scale", "attention.clamp_kqv", "attention.max_alibi_bias", "attn_logit_softcapping"] {
            if let value = try optionalNumber(name), value != 0 { throw unsupported(name, "\(value)", "0") }
        }
        for name in ["attention.scale", "residual_scale", "embedding_scale"] {
            if let value = try optionalNumber(name), value != 0, value != 1 {
                throw unsupported(name, "\(value)", "absent")
            }
        }
        if let count = file["split.count"]?.integerValue, count > 1 {
            throw .refused(
                file: file.name, format: "a GGUF split into \(count) files",
                advice: "merge them first (llama-gguf-split --merge)")
        }
    }

    private func headSize(width: Int, headCount: Int) throws(CheckpointError) -> Int {
        let keyLength = try optionalUniform("attention.key_length")
        if let valueLength = try optionalUniform("attention.value_length"), let keyLength, valueLength != keyLength {
            throw unsupported("attention.value_length", "\(valueLength)", "the key length \(keyLength)")
        }
        if let keyLength { return keyLength }
        guard headCount > 0, width % headCount == 0 else {
            throw .badValue(
                file: file.name, key: key("attention.head_count"), expected: "a divisor of the width \(width)",
                found: "\(headCount)")
        }
        return width / headCount
    }

    private func vocabularySize(_ tensors: [String: Tensor]) throws(CheckpointError) -> Int {
        guard let embedding = tensors["token_embd.weight"] else {
            throw .missingTensor(file: file.name, name: "token_embd.weight", shape: [])
        }
        let rows = embedding.shape[0]
        if let stated = try optionalInteger("vocab_size"), stated != rows {
            throw .badValue(
                file: file.name, key: key("vocab_size"), expected: "\(rows), the rows of token_embd.weight",
                found: "\(stated)")
        }
        return rows
    }

    // MARK: Rotary embedding

    private func rope(
        _ headSize: Int, _ contextLength: Int, _ tensors: inout [String: Tensor]
    ) throws(CheckpointError) -> RopeConfig {
        let dimensions = try optionalInteger("rope.dimension_count") ?? headSize
        var scaling = try ropeScaling(contextLength)
        if let tensor = tensors.removeValue(forKey: "rope_freqs.weight") {
            guard scaling == .none else {
                throw .badTensor(
                    file: file.name, name: "rope_freqs.weight", expected: "no \(key("rope.scaling.type")) beside it",
                    found: "\(scaling)")
            }
            scaling = .factors(try factors(tensor))
        }
        return RopeConfig(
            dimensions: dimensions, base: try optionalNumber("rope.freq_base") ?? 10_000,
            pairing: architecture == "llama" ? .interleaved : .halves, scaling: scaling)
    }

    private func ropeScaling(_ contextLength: Int) throws(CheckpointError) -> RopeConfig.Scaling {
        let typeKey = "rope.scaling.type"
        let type = file[key(typeKey)]
        guard let name = type.map({ $0.stringValue ?? $0.typeName }) else {
            // The key of before "rope.scaling.type".
            guard let factor = try optionalNumber("rope.scale_linear"), factor != 1 else { return .none }
            return .linear(factor: factor)
        }
        switch name {
        case "none": return .none
        case "linear": return .linear(factor: try number("rope.scaling.factor"))
        case "yarn":
            for (key, only) in [("rope.scaling.yarn_log_multiplier", 0.0), ("rope.scaling.yarn_ext_factor", 1)] {
                if let value = try optionalNumber(key), value != only { throw unsupported(key, "\(value)", "\(only)") }
            }
            let factor = try number("rope.scaling.factor")
            let extra =
                (try optionalNumber("rope.scaling.attn_factor") ?? 1)
                * (try optionalNumber("rope.scaling.yarn_attn_factor") ?? 1)
            return .yarn(
                factor: factor,
                originalContext: try optionalInteger("rope.scaling.original_context_length") ?? contextLength,
                betaFast: try optionalNumber("rope.scaling.yarn_beta_fast") ?? 32,
                betaSlow: try optionalNumber("rope.scaling.yarn_beta_slow") ?? 1,
                attentionFactor: extra == 1 ? nil : extra * RopeConfig.yarnAttentionFactor(factor))
        default: throw unsupported(typeKey, name.quoted, "none, linear, yarn")
        }
    }

    private func factors(_ tensor: Tensor) throws(CheckpointError) -> [Float] {
        guard tensor.type == .f32, tensor.shape.count == 1 else {
            throw .badTensor(
                file: file.name, name: "rope_freqs.weight", expected: "one dimension of F32",
                found: "shape \(tensor.shape) of \(tensor.type.name)")
        }
        return (0..<tensor.elementCount).map {
            Float(
                bitPattern: UInt32(littleEndian: tensor.address.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
        }
    }

    // MARK: Values

    private func unsupported(_ name: String, _ found: String, _ supported: String) -> CheckpointError {
        .unsupported(file: file.name, what: key(name), found: found, supported: supported)
    }

    private func optionalInteger(_ name: String) throws(CheckpointError) -> Int? {
        guard let value = file[key(name)] else { return nil }
        guard let integer = value.integerValue else {
            throw .badValue(
                file: file.name, key: key(name), expected: "an integer", found: "\(value.typeName) \(value)")
        }
        return integer
    }

    private func integer(_ name: String) throws(CheckpointError) -> Int {
        guard let value = try optionalInteger(name) else {
            throw .missingKey(file: file.name, key: key(name))
        }
        return value
    }

    private func optionalNumber(_ name: String) throws(CheckpointError) -> Double? {
        guard let value = file[key(name)] else { return nil }
        guard let number = value.doubleValue else {
            throw .badValue(file: file.name, key: key(name), expected: "a number", found: "\(value.typeName) \(value)")
        }
        return number
    }

    private func number(_ name: String) throws(CheckpointError) -> Double {
        guard let value = try optionalNumber(name) else { throw .missingKey(file: file.name, key: key(name)) }
        return value
    }

    /// An integer, or an array with one per layer that are all equal.
    private func optionalUniform(_ name: String) throws(CheckpointError) -> Int? {
        guard let array = file[key(name)]?.arrayValue else { return try optionalInteger(name) }
        guard let values = array.integerValues, let first = values.first else {
            throw .badValue(
                file: file.name, key: key(name), expected: "integers",
                found: "\(array.count) × \(array.elementTypeName)")
        }
        guard values.allSatisfy({ $0 == first }) else {
            throw unsupported(name, "that differs from layer to layer", "one value for all layers")
        }
        return first
    }

    private func uniform(_ name: String) throws(CheckpointError) -> Int {
        guard let value = try optionalUniform(name) else {
            throw .missingKey(file: file.name, key: key(name))
        }
        return value
    }
}
