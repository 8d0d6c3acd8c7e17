// SPDX-License-Identifier: Apache-2.0

import Decoding
import StrictJSON

// What makes repetition less likely, and the end likelier.
extension RequestFields {
    private static func scope(_ name: String) -> Field<String?> {
        .string(
            "\(name)_scope", Allowed(values: PenaltyRange.Scope.allCases.map { .string($0.rawValue) }),
            meaning: "Which tokens \(name) looks at. Absent: as the order has it.")
    }

    private static func window(_ name: String) -> Field<Int?> {
        .optionalInteger(
            "\(name)_window", windowRange, unit: "tokens",
            meaning: "How many of the last tokens of its scope \(name) looks at; -1: all, 0: none. Absent: "
                + "penalty_window.")
    }

    static let windowRange = Allowed(min: -1, max: 1_048_576)

    static let repetitionScope = scope("repetition_penalty")
    static let frequencyScope = scope("frequency_penalty")
    static let presenceScope = scope("presence_penalty")
    static let repetitionWindow = window("repetition_penalty")
    static let frequencyWindow = window("frequency_penalty")
    static let presenceWindow = window("presence_penalty")

    static let penaltyWindow = Field<Int?>.optionalInteger(
        "penalty_window", aliases: ["repeat_last_n", "penalty_last_n"], windowRange, unit: "tokens",
        meaning: "The window of the three penalties where they name none of their own. Absent: as the order has it.")

    static let noRepeatNGramSize = Field<Int>.integer(
        "no_repeat_ngram_size", Allowed(min: 0, max: 1024), default: 0, unit: "tokens",
        meaning: "No sequence of so many tokens occurs twice in prompt and output. 0 is off.")

    static let dryMultiplier = Field<Float>.number(
        "dry_multiplier", Allowed(min: 0, max: 100), default: 0,
        meaning: "DRY: a token that would go on with a repetition of L tokens loses "
            + "dry_multiplier * dry_base^(L - dry_allowed_length). 0 is off.")

    static let dryBase = Field<Float>.number(
        "dry_base", Allowed(min: 1, max: 100), default: 1.75, meaning: "How fast DRY's penalty grows.")

    static let dryAllowedLength = Field<Int>.integer(
        "dry_allowed_length", Allowed(min: 0, max: 1024), default: 2, unit: "tokens",
        meaning: "Repetitions shorter than this cost nothing.")

    static let dryWindow = Field<Int?>.optionalInteger(
        "dry_penalty_last_n", windowRange, unit: "tokens",
        meaning: "How many of the last tokens of prompt and output DRY looks at; -1: all, 0: none. Absent: 64 with "
            + "order llama.cpp, else all.")

    static let dryBreakerCount = Allowed(min: 0, max: 16, counting: "strings")
    static let dryBreakerLength = Allowed(min: 1, max: 40, counting: "bytes")

    static let dryBreakers = Field<[String]>(
        "dry_sequence_breakers", type: "array of strings", allowed: dryBreakerCount,
        default: ["\n", ":", "\"", "*"], defaultText: "[\"\\n\",\":\",\"\\\"\",\"*\"]",
        meaning: "No repetition is followed across these; up to 16 of 1 to 40 bytes."
    ) { (json, path, _) throws(APIError) in
        var breakers: [String] = []
        for (index, element) in try Read.array(json, path, dryBreakerCount, of: "strings").enumerated() {
            breakers.append(try Read.string(element, JSONPath.element(path, index), dryBreakerLength))
        }
        return breakers
    }

    static let lengthDecay = Field<LengthDecayInput?>(
        "exponential_decay_length_penalty", type: "array of an integer and a number",
        allowed: Allowed(min: 2, max: 2, counting: "items"), default: nil, defaultText: nil,
        meaning: "[s, f]: once t > s tokens were generated the logit l of each end token becomes "
            + "l + |l| * (f^(t - s) - 1); s at least 0, f above 0, at most 100. Absent: off."
    ) { (json, path, _) throws(APIError) in
        let pair = try Read.array(json, path, Allowed(min: 2, max: 2, counting: "items"), of: "two numbers")
        return LengthDecayInput(
            start: try Read.integer(pair[0], JSONPath.element(path, 0), Allowed(min: 0, max: 1_048_576)),
            factor: try Read.float(pair[1], JSONPath.element(path, 1), Allowed(above: 0, through: 100)))
    }
}

/// `[s, f]` of `exponential_decay_length_penalty`.
package struct LengthDecayInput: Sendable, Equatable {
    /// s.
    package var start: Int
    /// f.
    package var factor: Float
}
