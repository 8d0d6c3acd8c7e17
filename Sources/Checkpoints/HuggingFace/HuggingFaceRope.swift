// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// Reads rotary embedding from `rope_theta` and `rope_scaling` (transformers 4) or `rope_parameters` (5).
///
/// Source: transformers, `modeling_rope_utils.py`.
struct HuggingFaceRopeReader {
    let config: HuggingFaceConfigReader

    func read(headSize: Int, contextLength: Int) throws(CheckpointError) -> RopeConfig {
        var key = "rope_parameters"
        if config.json[key] ?? .null == .null { key = "rope_scaling" }
        let parameters = config.json[key] ?? .null
        guard parameters.isNull || parameters.objectValue != nil else {
            throw .badValue(file: config.file, key: key, expected: "an object or null", found: parameters.typeName)
        }
        let reader = Parameters(json: parameters, key: key, file: config.file)
        if let factor = try reader.number("partial_rotary_factor"), factor != 1 {
            throw config.unsupported("\(key).partial_rotary_factor", "\(factor)", "1")
        }
        var base = try reader.number("rope_theta")
        if base == nil { base = try config.number("rope_theta") }
        return RopeConfig(
            dimensions: headSize, base: base ?? 10_000,
            pairing: .halves, scaling: parameters.isNull ? .none : try scaling(reader, contextLength: contextLength))
    }

    private func scaling(
        _ reader: Parameters, contextLength: Int
    ) throws(CheckpointError) -> RopeConfig.Scaling {
        let type = reader.json["rope_type"] ?? reader.json["type"] ?? .string("default")
        let originalKey = "original_max_position_embeddings"
        var original = try reader.integer(originalKey)
        if original == nil { original = try config.optionalInteger(originalKey) }
        switch type.stringValue {
        case "default":
            for (name, value) in reader.json.objectValue?.members ?? JSONObject().members
            where value.objectValue != nil {
                throw config.unsupported(
                    "\(reader.key).\(name)", "that differs from layer to layer", "one rotary embedding")
            }
            return .none
        case "linear": return .linear(factor: try reader.required("factor"))
        case "llama3":
            return .llama3(
                factor: try reader.required("factor"), lowFrequencyFactor: try reader.required("low_freq_factor"),
                highFrequencyFactor: try reader.required("high_freq_factor"), originalContext: original ?? contextLength
            )
        case "yarn": return try yarn(reader, original: original ?? contextLength, contextLength: contextLength)
        default:
            throw config.unsupported(
                "\(reader.key).rope_type", type.stringValue?.quoted ?? type.typeName, "default, linear, llama3, yarn")
        }
    }

    private func yarn(
        _ reader: Parameters, original: Int, contextLength: Int
    ) throws(CheckpointError) -> RopeConfig.Scaling {
        if reader.json["truncate"]?.boolValue == false {
            throw config.unsupported("\(reader.key).truncate", "false", "true")
        }
        guard original > 0 else {
            throw .badValue(
                file: config.file, key: "\(reader.key).original_max_position_embeddings", expected: "1 or more",
                found: "\(original)")
        }
        let factor = try reader.number("factor") ?? Double(contextLength) / Double(original)
        var attention = try reader.number("attention_factor")
        if attention == nil, let scale = try reader.number("mscale"), scale != 0,
            let all = try reader.number("mscale_all_dim"), all != 0
        {
            attention =
                RopeConfig.yarnAttentionFactor(factor, scale: scale)
                / RopeConfig.yarnAttentionFactor(factor, scale: all)
        }
        return .yarn(
            factor: factor, originalContext: original, betaFast: try reader.number("beta_fast") ?? 32,
            betaSlow: try reader.number("beta_slow") ?? 1, attentionFactor: attention)
    }

    /// The members of the object under `key`.
    private struct Parameters {
        let json: JSON
        let key: String
        let file: String

        func number(_ name: String) throws(CheckpointError) -> Double? {
            guard let value = json[name], !value.isNull else { return nil }
            guard let number = value.doubleValue else {
                throw .badValue(file: file, key: "\(key).\(name)", expected: "a number", found: value.typeName)
            }
            return number
        }

        func required(_ name: String) throws(CheckpointError) -> Double {
            guard let value = try number(name) else { throw .missingKey(file: file, key: "\(key).\(name)") }
            return value
        }

        func integer(_ name: String) throws(CheckpointError) -> Int? {
            guard let value = json[name], !value.isNull else { return nil }
            guard let integer = value.integerValue else {
                throw .badValue(file: file, key: "\(key).\(name)", expected: "an integer", found: value.typeName)
            }
            return Int(integer)
        }
    }
}
