// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// A field that other servers know and that this one does not honour (yet). Values that ask for nothing pass.
struct ForeignField: Sendable {
    /// The name.
    let name: String
    /// Values that ask for nothing: the field's off position.
    let neutral: [JSON]
    /// Why any other value is refused.
    let reason: String

    init(_ name: String, off neutral: [OffValue] = [], _ reason: String = "not supported by this server") {
        self.name = name
        self.neutral = neutral.map(\.json)
        self.reason = reason
    }

    /// Whether `json` asks for nothing. Numbers compare by value.
    func isNeutral(_ json: JSON) -> Bool {
        json.isNull
            || neutral.contains { candidate in
                if let left = candidate.doubleValue, let right = json.doubleValue { return left == right }
                return candidate == json
            }
    }

    /// Fields with an effect on the output; refused unless off. Sources: the OpenAI specification, llama-server, vLLM,
    /// SGLang, TGI, transformers.
    static let all: [ForeignField] = [
        // Search and ranking.
        ForeignField("force_words_ids", off: [[]]),
        ForeignField("do_sample", off: [true], "say temperature 0 for the likeliest token"),
        // Fill in the middle.
        ForeignField("suffix", off: [""]),
        // Tools and other modes.
        ForeignField("tools", off: [[]]),
        ForeignField("tool_choice", off: ["none", "auto"]),
        ForeignField("parallel_tool_calls", off: [true, false]),
        ForeignField("functions", off: [[]]),
        ForeignField("function_call", off: ["none", "auto"]),
        ForeignField("modalities", off: [["text"]]),
        ForeignField("audio"),
        ForeignField("web_search_options"),
        ForeignField("reasoning_effort", off: ["none"]),
        ForeignField("reasoning_format", off: ["none", "auto"]),
        ForeignField("reasoning_budget_tokens", off: [-1]),
        ForeignField("thinking_token_budget"),
        ForeignField("verbosity"),
        // Constraints.
        ForeignField("ebnf"),
        ForeignField("format"),
        ForeignField("structured_outputs", "say choice, regex, json_schema or grammar"),
        ForeignField("structural_tag"),
        ForeignField("begin_suppress_tokens", off: [[]]),
        ForeignField("forced_bos_token_id"),
        ForeignField("forced_eos_token_id"),
        ForeignField("logits_processors", off: [[]]),
        ForeignField("custom_logit_processor"),
        // Samplers.
        ForeignField("sampler_order", "say samplers"),
        ForeignField("sampler_priority", "say samplers"),
        ForeignField("encoder_repetition_penalty", off: [1]),
        ForeignField("repetition_penalty_range", off: [0], "say penalty_window"),
        ForeignField("min_keep", off: [0, 1]),
        // Ends.
        ForeignField("min_length", off: [0], "say min_tokens, which does not count the prompt"),
        ForeignField("stop_regex"),
        ForeignField("t_max_predict_ms", off: [-1, 0], "say max_time, in seconds"),
        ForeignField("n_indent", off: [0]),
        // Log-probabilities and answers.
        ForeignField("n_probs", off: [0], "say logprobs"),
        ForeignField("post_sampling_probs", off: [false], "say \"logprobs_mode\": \"processed\""),
        ForeignField("prompt_logprobs", "say echo with logprobs"),
        ForeignField("logprob_token_ids"),
        ForeignField("return_tokens_as_token_ids", off: [false], "say \"return\": [\"token_ids\"]"),
        ForeignField("return_token_ids", off: [false], "say \"return\": [\"token_ids\"]"),
        ForeignField("return_tokens", off: [false], "say \"return\": [\"token_ids\"]"),
        ForeignField("response_fields", off: [[]]),
        ForeignField("timings_per_token", off: [false]),
        ForeignField("return_progress", off: [false]),
        // Prompts.
        ForeignField("prompt_embeds"),
        ForeignField("truncation_side", off: ["left"]),
        ForeignField("chat_template", "the model's own template is used"),
        ForeignField("chat_template_kwargs", off: [[:]]),
        ForeignField("documents", off: [[]]),
        ForeignField("mm_processor_kwargs"),
        // Adapters and routing.
        ForeignField("lora", off: [[]]),
        ForeignField("adapter_id"),
        ForeignField("priority", off: [0]),
        ForeignField("kv_transfer_params"),
        ForeignField("speculative"),
    ]

    /// Fields that never change the text; accepted, named in `warnings`.
    static let withoutEffect: Set<String> = [
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "cache_prompt", "cache_salt", "id_slot", "n_keep", "n_cache_reuse", "keep_alive", "request_id", "prediction",
        "spaces_between_special_tokens",
    ]
}

/// A JSON value that can be written as a literal.
struct OffValue: Sendable, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    let json: JSON

    init(integerLiteral value: Int64) { json = .integer(value) }
    init(stringLiteral value: String) { json = .string(value) }
    init(booleanLiteral value: Bool) { json = .bool(value) }
    init(arrayLiteral elements: OffValue...) { json = .array(elements.map(\.json)) }
    init(dictionaryLiteral elements: (String, OffValue)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value.json }
        json = .object(object)
    }
}
