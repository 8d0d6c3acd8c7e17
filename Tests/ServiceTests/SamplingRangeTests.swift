// SPDX-License-Identifier: Apache-2.0

import Service
import StrictJSON
import Testing

/// A number field with its range as documented.
private struct NumberField: Sendable, CustomTestStringConvertible {
    enum Kind { case number, integer }

    var name: String
    var kind: Kind
    var min: Double
    var max: Double
    var excludesMin = false
    var excludesMax = false
    var standard: String

    var testDescription: String { name }

    static func number(
        _ name: String, _ min: Double, _ max: Double, above: Bool = false, below: Bool = false, _ standard: String
    ) -> NumberField {
        NumberField(
            name: name, kind: .number, min: min, max: max, excludesMin: above, excludesMax: below, standard: standard)
    }

    static func integer(_ name: String, _ min: Double, _ max: Double, _ standard: String) -> NumberField {
        NumberField(name: name, kind: .integer, min: min, max: max, standard: standard)
    }
}

private let fields: [NumberField] = [
    .number("temperature", 0, 100, "1"), .number("dynatemp_range", 0, 100, "0"),
    .number("dynatemp_exponent", 0, 100, "1"), .integer("top_k", -1, 2_147_483_647, "0"),
    .number("top_p", 0, 1, above: true, "1"), .number("min_p", 0, 1, "0"),
    .number("typical_p", 0, 1, above: true, "1"), .number("typ_p", 0, 1, above: true, "1"),
    .number("top_n_sigma", -1, 100, "0"), .number("top_h", 0, 1, above: true, "1"),
    .number("epsilon_cutoff", 0, 1, below: true, "0"), .number("eta_cutoff", 0, 1, below: true, "0"),
    .number("tfs_z", 0, 1, "1"), .number("tfs", 0, 1, "1"), .number("top_a", 0, 1, "0"),
    .number("xtc_probability", 0, 1, "0"), .number("xtc_threshold", 0, 1, above: true, "0.1"),
    .number("smoothing_factor", 0, 100, "0"), .number("smoothing_curve", 1, 10, "1"),
    .integer("mirostat", 0, 2, "0"), .integer("mirostat_mode", 0, 2, "0"), .number("mirostat_tau", 0, 100, "5"),
    .number("mirostat_eta", 0, 10, "0.1"), .number("adaptive_target", -1, 1, "-1"),
    .number("adaptive_decay", 0, 0.99, "0.9"), .number("frequency_penalty", -2, 2, "0"),
    .number("presence_penalty", -2, 2, "0"), .number("repetition_penalty", 0.01, 100, "1"),
    .number("repeat_penalty", 0.01, 100, "1"), .integer("repetition_penalty_window", -1, 1_048_576, "null"),
    .integer("frequency_penalty_window", -1, 1_048_576, "null"),
    .integer("presence_penalty_window", -1, 1_048_576, "null"), .integer("penalty_window", -1, 1_048_576, "null"),
    .integer("repeat_last_n", -1, 1_048_576, "null"), .integer("no_repeat_ngram_size", 0, 1024, "0"),
    .number("dry_multiplier", 0, 100, "0"), .number("dry_base", 1, 100, "1.75"),
    .integer("dry_allowed_length", 0, 1024, "2"), .integer("dry_penalty_last_n", -1, 1_048_576, "null"),
    .integer("min_tokens", 0, 64, "0"), .integer("min_new_tokens", 0, 64, "0"),
]

@Suite struct SamplingRangeTests {
    private func error(_ name: String, _ value: String) throws -> APIError? {
        let object = try #require(try parse("{\"\(name)\":\(value)}").objectValue)
        var reading = FieldReading(limits: ModelLimits(contextLength: 64, vocabularySize: 262), isStrict: true)
        do throws(APIError) {
            _ = try RequestSchema.read(object, for: .completions, &reading)
            return nil
        } catch {
            return error
        }
    }

    /// The neighbour of a limit among the values of the field, as JSON.
    private func neighbour(_ value: Double, up: Bool, _ kind: NumberField.Kind) -> String {
        if kind == .integer { return "\(Int64(value) + (up ? 1 : -1))" }
        // The next float: a double nearer to the limit may round to it.
        let float = Float(value)
        return "\(Double(up ? float.nextUp : float.nextDown))"
    }

    private func text(_ value: Double, _ kind: NumberField.Kind) -> String {
        kind == .integer ? "\(Int64(value))" : "\(value)"
    }

    @Test("every limit, just inside, just outside, wrong types and null", arguments: fields)
    private func limits(_ field: NumberField) throws {
        let (name, kind) = (field.name, field.kind)
        func expectGood(_ value: String) throws {
            let found = try error(name, value)
            #expect(found == nil, "\(name) \(value): \(found?.message ?? "")")
        }
        func expectBad(_ value: String, _ code: String) throws {
            let found = try error(name, value)
            #expect(found?.code == code && found?.param == name && found?.status == 400, "\(name) \(value)")
            guard code == "invalid_value" else { return }
            #expect(found?.allowed?.min == field.min && found?.allowed?.max == field.max, "\(name) \(value)")
            #expect(found?.allowed?.excludesMin == field.excludesMin, "\(name)")
            #expect(found?.allowed?.excludesMax == field.excludesMax, "\(name)")
        }
        if field.excludesMin {
            try expectBad(text(field.min, kind), "invalid_value")
        } else {
            try expectGood(text(field.min, kind))
        }
        if field.excludesMax {
            try expectBad(text(field.max, kind), "invalid_value")
        } else {
            try expectGood(text(field.max, kind))
        }
        try expectGood(neighbour(field.min, up: true, kind))
        try expectGood(neighbour(field.max, up: false, kind))
        try expectBad(neighbour(field.min, up: false, kind), "invalid_value")
        try expectBad(neighbour(field.max, up: true, kind), "invalid_value")
        try expectBad("1e300", "invalid_value")
        try expectBad("-1e300", "invalid_value")
        for wrong in ["\"1\"", "true", "[]", "{}"] { try expectBad(wrong, "invalid_type") }
        if kind == .integer { try expectBad("0.5", "invalid_type") }
        try expectGood("null")
        // JSON knows no such numbers: the parser refuses them before any field is read.
        for none in ["NaN", "Infinity", "-Infinity", "1e999"] {
            #expect(throws: JSONError.self) { try parse("{\"\(name)\":\(none)}") }
        }
    }

    @Test func theTableHoldsEveryNumberOfTheStages() {
        let declared = RequestSchema.declarations(of: .completions)
        for field in fields {
            let declaration = declared.first { $0.name == field.name || $0.aliases.contains(field.name) }
            #expect(declaration?.defaultText ?? "null" == field.standard, "\(field.name)")
            #expect(declaration?.type == (field.kind == .integer ? "integer" : "number"), "\(field.name)")
        }
        let others: Set = [
            "n", "max_tokens", "max_time", "logprobs", "truncate_prompt_tokens", "max_completion_tokens",
            "top_logprobs", "prompt_lookup_num_tokens", "max_matching_ngram_size",
            // Strategies, which StrategyPlanTests looks at.
            "best_of", "beam_width", "num_beam_groups", "diversity_penalty", "length_penalty", "guidance_scale",
            "penalty_alpha",
        ]
        let numbers = declared.filter { ["number", "integer"].contains($0.type) }.map(\.name)
        #expect(Set(numbers).subtracting(others).isSubset(of: Set(fields.map(\.name))))
    }

    @Test(
        "lists are checked element by element",
        arguments: [
            ("sequence_bias", "[[[1,2],-5.5]]", nil), ("sequence_bias", "[[[1,2]]]", "sequence_bias[0]"),
            ("sequence_bias", "[[[],1]]", "sequence_bias[0][0]"),
            ("sequence_bias", "[[[262],1]]", "sequence_bias[0][0][0]"),
            ("sequence_bias", "[[[1],100.5]]", "sequence_bias[0][1]"),
            ("sequence_bias", "[[[1],\"x\"]]", "sequence_bias[0][1]"),
            ("sequence_bias", "{}", "sequence_bias"), ("bad_words", "[\"x\"]", nil),
            ("bad_words", "[\"\"]", "bad_words[0]"),
            ("bad_words", "\"x\"", "bad_words"), ("bad_words", "[1]", "bad_words[0]"),
            ("bad_words_ids", "[[1],[2,3]]", nil), ("bad_words_ids", "[[]]", "bad_words_ids[0]"),
            ("bad_words_ids", "[[1,-1]]", "bad_words_ids[0][1]"), ("allowed_token_ids", "[0,261]", nil),
            ("allowed_token_ids", "[]", "allowed_token_ids"), ("allowed_token_ids", "[262]", "allowed_token_ids[0]"),
            ("suppress_tokens", "[]", nil), ("suppress_tokens", "[1.5]", "suppress_tokens[0]"),
            ("dry_sequence_breakers", "[]", nil), ("dry_sequence_breakers", "[\"\"]", "dry_sequence_breakers[0]"),
            ("dry_sequence_breakers", "[\"a\",2]", "dry_sequence_breakers[1]"),
            ("exponential_decay_length_penalty", "[10,1.5]", nil),
            ("exponential_decay_length_penalty", "[10]", "exponential_decay_length_penalty"),
            ("exponential_decay_length_penalty", "[-1,1.5]", "exponential_decay_length_penalty[0]"),
            ("exponential_decay_length_penalty", "[1,0]", "exponential_decay_length_penalty[1]"),
            ("watermark", "true", nil), ("watermark", "false", nil), ("watermark", "{\"bias\":1}", nil),
            ("watermark", "1", "watermark"), ("watermark", "{\"greenlist_ratio\":1}", "watermark.greenlist_ratio"),
            ("watermark", "{\"greenlist_ratio\":0}", "watermark.greenlist_ratio"),
            ("watermark", "{\"hashing_key\":-1}", "watermark.hashing_key"),
            ("watermark", "{\"seeding_scheme\":\"selfhash\"}", "watermark.seeding_scheme"),
            ("watermark", "{\"context_width\":2}", "watermark.context_width"),
            ("watermarking_config", "{\"x\":2}", "watermarking_config.x"),
            ("repetition_penalty_scope", "\"output\"", nil),
            ("repetition_penalty_scope", "\"all\"", "repetition_penalty_scope"),
            ("frequency_penalty_scope", "1", "frequency_penalty_scope"), ("order", "\"llama.cpp\"", nil),
            ("order", "\"llama\"", "order"), ("order", "1", "order"), ("include_stop", "true", nil),
            ("include_stop_str_in_output", "1", "include_stop_str_in_output"),
            ("samplers", "[]", nil), ("samplers", "[\"top_k\",{\"name\":\"top_p\",\"top_p\":0.5},\"penalties\"]", nil),
            ("samplers", "\"top_k\"", "samplers"), ("samplers", "[1]", "samplers[0]"),
            ("samplers", "[\"top_k\",\"topk\"]", "samplers[1]"), ("samplers", "[\"top_k\",\"top_k\"]", "samplers[1]"),
            ("samplers", "[\"penalties\",\"presence_penalty\"]", "samplers[1]"),
            ("samplers", "[{}]", "samplers[0].name"),
            ("samplers", "[{\"name\":\"x\"}]", "samplers[0].name"), ("samplers", "[{\"name\":1}]", "samplers[0].name"),
            ("samplers", "[\"dry\",{\"name\":\"top_p\",\"p\":0.5}]", "samplers[1].p"),
            ("samplers", "[{\"name\":\"top_p\",\"top_p\":2}]", "samplers[0].top_p"),
            ("samplers", "[{\"name\":\"top_p\",\"top_k\":2}]", "samplers[0].top_k"),
            ("samplers", "[{\"name\":\"mirostat\",\"mirostat_tau\":true}]", "samplers[0].mirostat_tau"),
            ("samplers", "[\"mirostat\",\"top_p\"]", "samplers[0]"),
            ("samplers", "[\"adaptive_p\",\"mirostat\"]", "samplers[0]"),
        ] as [(String, String, String?)])
    func lists(_ name: String, _ value: String, _ param: String?) throws {
        let found = try error(name, value)
        #expect(found?.param == param, "\(name) \(value): \(found?.message ?? "accepted")")
    }

    @Test func countsAreLimited() throws {
        func list(_ element: String, _ count: Int) -> String {
            "[\(repeatElement(element, count: count).joined(separator: ","))]"
        }
        for (name, element, limit) in [
            ("sequence_bias", "[[1],1]", 1024), ("bad_words", "\"x\"", 256), ("bad_words_ids", "[1]", 1024),
            ("allowed_token_ids", "1", 262_144), ("suppress_tokens", "1", 262_144),
            ("dry_sequence_breakers", "\"x\"", 16),
        ] {
            #expect(try error(name, list(element, limit)) == nil, "\(name)")
            #expect(try error(name, list(element, limit + 1))?.param == name)
        }
        #expect(try error("bad_words_ids", "[\(list("1", 64))]") == nil)
        #expect(try error("bad_words_ids", "[\(list("1", 65))]")?.param == "bad_words_ids[0]")
        #expect(try error("samplers", list("\"top_k\"", 33))?.param == "samplers")
        #expect(
            try error("dry_sequence_breakers", "[\"\(String(repeating: "x", count: 41))\"]")?.param
                == "dry_sequence_breakers[0]")
    }
}
