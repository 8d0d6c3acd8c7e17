// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import StrictJSON

/// What an answer can hold beyond the standard.
package enum AnswerExtra: String, Sendable, CaseIterable {
    /// Every setting in effect.
    case effectiveSettings = "effective_settings"
    /// The prompts as assembled: text, ids, and spans.
    case assembled
    /// The ids of prompts and choices.
    case tokenIDs = "token_ids"
    /// What makes and verifies the answer again.
    case receipt
    /// What a beam search decided at each step.
    case search
}

/// What of a stream's usage is asked for.
package struct StreamOptions: Sendable, Equatable {
    /// A last chunk with the usage.
    package var includesUsage = false
    /// The usage so far in every chunk.
    package var includesContinuousUsage = false

    static let includeUsage = Field<Bool>.boolean(
        "include_usage", default: false, meaning: "One more chunk at the end, without choices, holds the usage.")
    static let continuousUsage = Field<Bool>.boolean(
        "continuous_usage_stats", default: false,
        meaning: "Every chunk holds the usage so far; include_usage must be true.")
    static let obfuscation = Field<Bool>.boolean(
        "include_obfuscation", default: false, meaning: "Accepted; chunks are never padded.")
    static let fields = [AnyField(includeUsage), AnyField(continuousUsage), AnyField(obfuscation)]
}

// What the answer looks like.
extension RequestFields {
    static let stream = Field<Bool>.boolean(
        "stream", default: false, meaning: "Answers as server-sent events while the text is made.")

    static let streamOptions = Field<StreamOptions?>(
        "stream_options", type: "object", default: nil, defaultText: nil, endpoints: .openAI,
        members: StreamOptions.fields.map(\.declaration), meaning: "Options of a stream; only with stream true."
    ) { (json, path, reading) throws(APIError) in
        let values = try Read.members(json, path, StreamOptions.fields, &reading)
        let options = StreamOptions(
            includesUsage: values[StreamOptions.includeUsage],
            includesContinuousUsage: values[StreamOptions.continuousUsage])
        if values[StreamOptions.obfuscation] {
            reading.warn(
                RequestWarning(
                    code: "no_effect", param: JSONPath.member(path, "include_obfuscation"),
                    message: "accepted without effect"))
        }
        guard options.includesUsage || !options.includesContinuousUsage else {
            throw .invalidValue(
                param: JSONPath.member(path, "continuous_usage_stats"), reason: "only with include_usage true")
        }
        return options
    }

    static let echo = Field<Bool>.boolean(
        "echo", default: false, endpoints: [.completions],
        meaning: "Returns the prompt before the continuation; with logprobs also the prompt's log-probabilities.")

    static let logprobCount = Field<Int?>.optionalInteger(
        "logprobs", Allowed(min: 0, max: 20), unit: "tokens", endpoints: [.completions],
        meaning: "Reports the log-probability of each token and of this many of the likeliest at its place.")

    static let logprobs = Field<Bool>.boolean(
        "logprobs", default: false, endpoints: [.chat], meaning: "Reports the log-probability of each token.")

    static let topLogprobs = Field<Int>.integer(
        "top_logprobs", Allowed(min: 0, max: 20), default: 0, unit: "tokens", endpoints: [.chat],
        meaning: "How many of the likeliest tokens to report at each place; logprobs must be true.")

    static let logprobsMode = Field<String>.choice(
        "logprobs_mode", LogprobMode.allCases.map(\.rawValue), default: LogprobMode.raw.rawValue,
        endpoints: .openAI,
        meaning: "Which distribution log-probabilities are those of: raw, the model's own; processed, what was left "
            + "after the stages and drawn from (not with echo); both, raw with processed beside it.")

    static let trace = Field<TraceDetail?>(
        "trace", type: "string or object", allowed: Allowed(values: TraceFields.levels.map { .string($0) }),
        default: nil, defaultText: "\"off\"", members: TraceFields.members.map(\.declaration),
        meaning: "Reports at each generated token what each stage did: the tokens it left, the probability it removed, "
            + "the entropy before and after, rank and log-probability of the token that was drawn. full also lists the "
            + "likeliest tokens after each stage. An object sets how many."
    ) { (json, path, reading) throws(APIError) in
        try TraceFields.read(json, path, &reading)
    }

    static let skipSpecialTokens = Field<Bool>.boolean(
        "skip_special_tokens", default: true, meaning: "Control tokens leave no trace in the text.")

    static let returnExtras = Field<Set<AnswerExtra>>(
        "return", type: "array of strings", allowed: Allowed(values: AnswerExtra.allCases.map { .string($0.rawValue) }),
        default: [], defaultText: "[]",
        meaning: "What the answer holds besides: the settings in effect, the assembled prompts, the token ids, the "
            + "steps of a beam search, a receipt for /v1/replay (in a comparison one per lane)."
    ) { (json, path, _) throws(APIError) in
        let allowed = Allowed(values: AnswerExtra.allCases.map { .string($0.rawValue) })
        var extras: Set<AnswerExtra> = []
        let elements = try Read.array(json, path, Allowed(min: 0, max: 16, counting: "items"), of: "strings")
        for (index, element) in elements.enumerated() {
            let elementPath = JSONPath.element(path, index)
            guard let extra = AnswerExtra(rawValue: try Read.string(element, elementPath, allowed)) else { continue }
            extras.insert(extra)
        }
        return extras
    }

    static let assembledExtra = Field<Set<AnswerExtra>>(
        "return", type: "array of strings", allowed: Allowed(values: [.string(AnswerExtra.assembled.rawValue)]),
        default: [], defaultText: "[]", endpoints: [.score, .distribution],
        meaning: "What the answer holds besides: the assembled prompt."
    ) { (json, path, _) throws(APIError) in
        let allowed = Allowed(values: [.string(AnswerExtra.assembled.rawValue)])
        let elements = try Read.array(json, path, Allowed(min: 0, max: 16, counting: "items"), of: "strings")
        for (index, element) in elements.enumerated() {
            _ = try Read.string(element, JSONPath.element(path, index), allowed)
        }
        return elements.isEmpty ? [] : [.assembled]
    }

    static let strict = Field<Bool>.boolean(
        "strict", default: false, endpoints: Set(Endpoint.allCases),
        meaning: "An unknown field is an error instead of a warning.")
}

/// The levels and members of `trace`.
enum TraceFields {
    static let levels = ["off", "summary", "full"]
    static let level = Field<String>.choice("level", levels, default: "full", meaning: "How much.")
    static let top = Field<Int>.integer(
        "top", Allowed(min: 1, max: 50), default: 5, unit: "tokens",
        meaning: "How many of the likeliest tokens full lists after each stage.")
    static let members = [AnyField(level), AnyField(top)]

    static func read(_ json: JSON, _ path: String, _ reading: inout FieldReading) throws(APIError) -> TraceDetail? {
        if json.stringValue != nil {
            let level = try Read.string(json, path, Allowed(values: levels.map { .string($0) }))
            return detail(level, top: top.defaultValue)
        }
        guard json.objectValue != nil else {
            throw .wrongType(param: path, expected: "string or object", found: json.typeName)
        }
        let values = try Read.members(json, path, members, &reading)
        guard values[level] == "full" || !values.has(top) else {
            throw .invalidValue(param: JSONPath.member(path, "top"), reason: "only with level full")
        }
        return detail(values[level], top: values[top])
    }

    private static func detail(_ level: String, top: Int) -> TraceDetail? {
        switch level {
        case "summary": .summary
        case "full": .full(count: top)
        default: nil
        }
    }
}
