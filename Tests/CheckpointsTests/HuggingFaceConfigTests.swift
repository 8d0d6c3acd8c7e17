// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import StrictJSON
import Testing

private enum ConfigText {
    static let llama2 = """
        {"architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 11008,
        "max_position_embeddings": 4096, "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 32, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
        "tie_word_embeddings": false, "torch_dtype": "float16", "use_cache": true, "vocab_size": 32000}
        """
    static let llama31 = """
        {"attention_bias": false, "hidden_act": "silu", "hidden_size": 2048, "head_dim": 64,
        "intermediate_size": 8192, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "llama",
        "num_attention_heads": 32, "num_hidden_layers": 16, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
        "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
        "tie_word_embeddings": true, "vocab_size": 128256}
        """
    static let mistral = """
        {"hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 32768,
        "model_type": "mistral", "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
        "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096, "tie_word_embeddings": false,
        "vocab_size": 32000}
        """
    static let qwen2 = """
        {"hidden_act": "silu", "hidden_size": 896, "intermediate_size": 4864, "max_position_embeddings": 32768,
        "max_window_layers": 21, "model_type": "qwen2", "num_attention_heads": 14, "num_hidden_layers": 24,
        "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "sliding_window": 32768,
        "tie_word_embeddings": true, "use_sliding_window": false, "vocab_size": 151936}
        """
    static let qwen3 = """
        {"attention_bias": false, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024,
        "intermediate_size": 3072, "layer_types": ["full_attention", "full_attention"],
        "max_position_embeddings": 40960, "max_window_layers": 28, "model_type": "qwen3", "num_attention_heads": 16,
        "num_hidden_layers": 2, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
        "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"}, "sliding_window": null,
        "tie_word_embeddings": true, "use_sliding_window": false, "vocab_size": 151936}
        """
    static let gpt2 = """
        {"activation_function": "gelu_new", "attn_pdrop": 0.1, "layer_norm_epsilon": 1e-05, "model_type": "gpt2",
        "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257}
        """
}

/// `config.json` of every family, as transformers 4 and 5 write it.
@Suite struct HuggingFaceConfigTests {
    private func read(_ text: String, _ changes: String = "{}") throws -> HuggingFaceConfigReader.Result {
        try HuggingFaceConfigReader.read(try Self.changed(text, changes), file: "config.json")
    }

    /// The object in `text` with the members of `changes` set; those that are the string "-" are taken out.
    private static func changed(_ text: String, _ changes: String) throws -> JSON {
        let base = try #require(try JSONParser.parse(text.utf8).objectValue)
        let change = try #require(try JSONParser.parse(changes.utf8).objectValue)
        var result = JSONObject()
        for (key, value) in base.members where change[key] == nil { result[key] = value }
        for (key, value) in change.members where value != .string("-") { result[key] = value }
        return .object(result)
    }

    private func rope(
        _ dimensions: Int, _ base: Double, _ scaling: RopeConfig.Scaling = .none
    ) -> RopeConfig {
        RopeConfig(dimensions: dimensions, base: base, pairing: .halves, scaling: scaling)
    }

    @Test func llama2() throws {
        let result = try read(ConfigText.llama2)
        #expect(
            result.config
                == ModelConfig(
                    family: .llama, vocabularySize: 32_000, contextLength: 4096, width: 4096, layerCount: 32,
                    headCount: 32, kvHeadCount: 32, headSize: 128, feedForwardWidth: 11_008, normEpsilon: 1e-5,
                    rope: rope(128, 10_000), activation: .swiGLU, tiesHead: false))
        #expect(result.tiesHead == false && result.requiredBiases.isEmpty)
        #expect(try read(ConfigText.llama2, #"{"num_key_value_heads": null}"#).config.kvHeadCount == 32)
        #expect(try read(ConfigText.llama2, #"{"num_key_value_heads": "-"}"#).config.kvHeadCount == 32)
    }

    @Test func llama31() throws {
        let result = try read(ConfigText.llama31)
        #expect(
            result.config
                == ModelConfig(
                    family: .llama, vocabularySize: 128_256, contextLength: 131_072, width: 2048, layerCount: 16,
                    headCount: 32, kvHeadCount: 8, headSize: 64, feedForwardWidth: 8192, normEpsilon: 1e-5,
                    rope: rope(
                        64, 500_000,
                        .llama3(
                            factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192)),
                    activation: .swiGLU, tiesHead: false))
        #expect(result.tiesHead == true)
    }

    @Test func mistral() throws {
        let config = try read(ConfigText.mistral).config
        #expect(config.family == .mistral && config.slidingWindow == 4096 && config.kvHeadCount == 8)
        #expect(try read(ConfigText.mistral, #"{"sliding_window": null}"#).config.slidingWindow == nil)
        #expect(try read(ConfigText.mistral, #"{"sliding_window": "-"}"#).config.slidingWindow == 4096)
        #expect(try read(ConfigText.mistral, #"{"num_key_value_heads": "-"}"#).config.kvHeadCount == 8)
        #expect(try read(ConfigText.mistral, #"{"num_key_value_heads": null}"#).config.kvHeadCount == 32)
    }

    @Test func qwen2() throws {
        let result = try read(ConfigText.qwen2)
        #expect(result.config.family == .qwen2 && result.config.headSize == 64 && result.config.slidingWindow == nil)
        #expect(result.config.rope == rope(64, 1_000_000))
        #expect(result.tiesHead == true)
        let all = #"{"use_sliding_window": true, "max_window_layers": 0, "sliding_window": 100}"#
        #expect(try read(ConfigText.qwen2, all).config.slidingWindow == 100)
        let none = #"{"use_sliding_window": true, "max_window_layers": 24, "sliding_window": 100}"#
        #expect(try read(ConfigText.qwen2, none).config.slidingWindow == nil)
    }

    @Test func qwen3() throws {
        let result = try read(ConfigText.qwen3)
        #expect(result.config.family == .qwen3 && result.config.headSize == 128 && result.config.headCount == 16)
        #expect(result.config.rope == rope(128, 1_000_000))
        #expect(try read(ConfigText.qwen3, #"{"head_dim": "-"}"#).config.headSize == 128)
        let window = """
            {"use_sliding_window": true, "sliding_window": 9, "layer_types": ["sliding_attention", "sliding_attention"]}
            """
        #expect(try read(ConfigText.qwen3, window).config.slidingWindow == 9)
    }

    @Test func gpt2() throws {
        let result = try read(ConfigText.gpt2)
        #expect(
            result.config
                == ModelConfig(
                    family: .gpt2, vocabularySize: 50_257, contextLength: 1024, width: 768, layerCount: 12,
                    headCount: 12, kvHeadCount: 12, headSize: 64, feedForwardWidth: 3072, normEpsilon: 1e-5, rope: nil,
                    activation: .geluTanh, tiesHead: false))
        #expect(result.tiesHead == true)
        #expect(try read(ConfigText.gpt2, #"{"n_inner": 1000}"#).config.feedForwardWidth == 1000)
        #expect(try read(ConfigText.gpt2, #"{"activation_function": "gelu"}"#).config.activation == .gelu)
    }

    @Test(arguments: [
        (#"{"rope_scaling": {"type": "linear", "factor": 2}}"#, RopeConfig.Scaling.linear(factor: 2)),
        (#"{"rope_scaling": {"rope_type": "default"}}"#, .none),
        (#"{"rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 10000}}"#, .linear(factor: 2.5)),
        (
            #"{"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}}"#,
            .yarn(factor: 4, originalContext: 1024, betaFast: 32, betaSlow: 1, attentionFactor: nil)
        ),
        (
            #"{"rope_scaling": {"type": "yarn", "factor": 4, "beta_fast": 16, "beta_slow": 2, "attention_factor": 1.5}}"#,
            .yarn(factor: 4, originalContext: 4096, betaFast: 16, betaSlow: 2, attentionFactor: 1.5)
        ),
        (
            #"{"rope_parameters": {"rope_type": "yarn", "factor": null, "original_max_position_embeddings": 512}}"#,
            .yarn(factor: 8, originalContext: 512, betaFast: 32, betaSlow: 1, attentionFactor: nil)
        ),
    ])
    func rotaryScaling(changes: String, scaling: RopeConfig.Scaling) throws {
        let config = try read(ConfigText.llama2, changes).config
        #expect(config.rope == rope(128, 10_000, scaling))
    }

    @Test func yarnAttentionFromMagnitudeScales() throws {
        let changes = """
            {"rope_scaling": {"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096,
            "mscale": 0.707, "mscale_all_dim": 1.0}}
            """
        guard case .yarn(_, _, _, _, let attention?) = try read(ConfigText.llama2, changes).config.rope?.scaling else {
            Issue.record("no attention factor")
            return
        }
        // (0.1 · 0.707 · ln 40 + 1) / (0.1 · ln 40 + 1)
        #expect(abs(attention - 0.921_042_355) < 1e-6)
    }

    @Test func biasesThatAreAnnouncedAreRequired() throws {
        #expect(
            try read(ConfigText.llama2, #"{"attention_bias": true, "mlp_bias": true}"#).requiredBiases
                == [
                    "attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias", "ffn_gate.bias", "ffn_up.bias",
                    "ffn_down.bias",
                ])
    }

    @Test(arguments: [
        (#"{"model_type": "gemma3"}"#, "model_type"), (#"{"model_type": "-"}"#, "model_type"),
        (#"{"model_type": 7}"#, "model_type"), (#"{"hidden_act": "gelu"}"#, "hidden_act"),
        (#"{"partial_rotary_factor": 0.5}"#, "partial_rotary_factor"),
        (#"{"rope_interleaved": true}"#, "rope_interleaved"),
        (#"{"quantization_config": {"quant_method": "gptq"}}"#, "quantization_config"),
        (#"{"rope_scaling": {"rope_type": "dynamic", "factor": 2}}"#, "rope_scaling"),
        (#"{"rope_scaling": {"rope_type": "longrope"}}"#, "rope_scaling"),
        (#"{"rope_scaling": {"rope_type": 3}}"#, "rope_scaling"), (#"{"rope_scaling": 3}"#, "rope_scaling"),
        (#"{"rope_scaling": {"type": "linear"}}"#, "rope_scaling.factor"),
        (#"{"rope_scaling": {"type": "linear", "factor": 0}}"#, "factor"),
        (#"{"rope_scaling": {"type": "linear", "factor": -1}}"#, "factor"),
        (#"{"rope_scaling": {"type": "linear", "factor": "2"}}"#, "factor"),
        (
            #"{"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4}}"#,
            "high_freq_factor"
        ),
        (
            #"{"rope_scaling": {"type": "yarn", "factor": 4, "original_max_position_embeddings": 0}}"#,
            "original_max_position_embeddings"
        ),
        (#"{"rope_scaling": {"type": "yarn", "factor": 4, "truncate": false}}"#, "truncate"),
        (#"{"rope_parameters": {"full_attention": {"rope_type": "default"}}}"#, "rope_parameters"),
        (#"{"rope_theta": 0}"#, "rope_theta"), (#"{"rope_theta": -1}"#, "rope_theta"),
        (#"{"rope_theta": "x"}"#, "rope_theta"), (#"{"rms_norm_eps": 0}"#, "rms_norm_eps"),
        (#"{"rms_norm_eps": -1e-5}"#, "rms_norm_eps"), (#"{"rms_norm_eps": 1e300}"#, "rms_norm_eps"),
        (#"{"hidden_size": 0}"#, "hidden_size"), (#"{"hidden_size": -8}"#, "hidden_size"),
        (#"{"hidden_size": 1.5}"#, "hidden_size"), (#"{"hidden_size": 9223372036854775807}"#, "hidden_size"),
        (#"{"hidden_size": "-"}"#, "hidden_size"), (#"{"num_attention_heads": 0}"#, "num_attention_heads"),
        (#"{"num_attention_heads": 3}"#, "num_attention_heads"), (#"{"num_attention_heads": -1}"#, "heads"),
        (#"{"num_key_value_heads": 0}"#, "num_key_value_heads"),
        (#"{"num_key_value_heads": 5}"#, "num_key_value_heads"), (#"{"head_dim": 0}"#, "head_dim"),
        (#"{"head_dim": 7}"#, "head_dim"), (#"{"num_hidden_layers": 0}"#, "num_hidden_layers"),
        (#"{"num_hidden_layers": 1000000}"#, "num_hidden_layers"), (#"{"vocab_size": 0}"#, "vocab_size"),
        (#"{"vocab_size": 4294967296}"#, "vocab_size"),
        (#"{"max_position_embeddings": 0}"#, "max_position_embeddings"),
        (#"{"intermediate_size": 0}"#, "intermediate_size"),
    ])
    func whatCannotBeHonouredIsRefusedByItsKey(changes: String, key: String) {
        let error = #expect(throws: CheckpointError.self) { try read(ConfigText.llama2, changes) }
        #expect(error?.description.contains(key) == true, "\(String(describing: error))")
    }

    @Test(arguments: [
        (ConfigText.qwen2, #"{"use_sliding_window": true}"#, "max_window_layers"),
        (
            ConfigText.qwen3,
            #"{"use_sliding_window": true, "sliding_window": 8, "layer_types": ["full_attention", "sliding_attention"]}"#,
            "layer_types"
        ),
        (ConfigText.qwen3, #"{"use_sliding_window": true, "sliding_window": 8, "layer_types": []}"#, "layer_types"),
        (ConfigText.mistral, #"{"sliding_window": 0}"#, "sliding_window"),
        (ConfigText.gpt2, #"{"scale_attn_by_inverse_layer_idx": true}"#, "scale_attn_by_inverse_layer_idx"),
        (ConfigText.gpt2, #"{"scale_attn_weights": false}"#, "scale_attn_weights"),
        (ConfigText.gpt2, #"{"add_cross_attention": true}"#, "add_cross_attention"),
        (ConfigText.gpt2, #"{"activation_function": "relu"}"#, "activation_function"),
        (ConfigText.gpt2, #"{"n_head": 5}"#, "n_head"),
        (ConfigText.gpt2, #"{"n_embd": 9223372036854775800}"#, "n_embd"),
        (ConfigText.gpt2, #"{"n_positions": "-", "n_ctx": "-"}"#, "n_ctx"),
        (ConfigText.gpt2, #"{"layer_norm_epsilon": 0}"#, "layer_norm_epsilon"),
    ])
    func familiesRefuseByTheirOwnKeys(base: String, changes: String, key: String) {
        let error = #expect(throws: CheckpointError.self) { try read(base, changes) }
        #expect(error?.description.contains(key) == true, "\(String(describing: error))")
    }
}
