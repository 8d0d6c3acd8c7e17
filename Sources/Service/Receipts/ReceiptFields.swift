// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// A receipt as a client gives it back.
struct ReceiptInput: Sendable {
    /// A prompt.
    struct Prompt: Sendable {
        /// Its ids, which have the hash that the receipt says.
        var ids: [Int32]
    }

    /// A continuation.
    struct Output: Sendable {
        var prompt: Int
        var choice: Int
        var digest: String
        /// Its ids, which have that hash; nil: not given.
        var ids: [Int32]?
        /// Why it ended; nil: not given.
        var reason: String?
        var detail: JSON
    }

    var model: String?
    var fingerprint: String?
    var checkpoint: String
    var tokenizer: String
    var settings: JSONObject
    var prompts: [Prompt]
    var outputs: [Output]
}

// The body of `/v1/replay`.
extension RequestFields {
    static let receipt = Field<ReceiptInput?>(
        "receipt", type: "object", default: nil, defaultText: nil, endpoints: [.replay],
        members: ReceiptFields.members.map(\.declaration),
        meaning: "The receipt, as an answer gave it: return holds \"receipt\"."
    ) { (json, path, reading) throws(APIError) in
        try ReceiptFields.read(json, path, &reading)
    }
}

/// The members of a receipt.
enum ReceiptFields {
    static let promptCount = PromptInput.countRange
    static let outputCount = Allowed(min: 1, max: 8192, counting: "outputs")
    private static let digestLength = Allowed(min: 64, max: 64, counting: "bytes")

    static let version = Field<Int>.integer(
        "version", Allowed(min: Double(Receipt.version), max: Double(Receipt.version)), default: 0,
        meaning: "The layout of the receipt.")
    static let model = Field<String?>.string(
        "model", Allowed(min: 1, max: 512, counting: "bytes"),
        meaning: "The model to replay on, unless the field model names another.")
    static let fingerprint = Field<String?>.string(
        "system_fingerprint", Allowed(min: 1, max: 64, counting: "bytes"), meaning: "Names model and build.")
    static let checkpoint = Field<String?>.string(
        "checkpoint_sha256", digestLength, meaning: "The hash of configuration and weights.")
    static let tokenizer = Field<String?>.string(
        "tokenizer_sha256", digestLength, meaning: "The hash of the vocabulary.")
    static let settings = Field<JSONObject?>(
        "settings", type: "object", default: nil, defaultText: nil,
        meaning: "Fields of a completion; all must be known. max_tokens may be a list, one per prompt."
    ) { (json, path, _) throws(APIError) in
        try Read.object(json, path)
    }
    static let prompts = Field<[ReceiptInput.Prompt]?>(
        "prompts", type: "array of objects", allowed: promptCount, default: nil, defaultText: nil,
        members: promptMembers.map(\.declaration), meaning: "The prompts."
    ) { (json, path, reading) throws(APIError) in
        var prompts: [ReceiptInput.Prompt] = []
        for (index, element) in try Read.array(json, path, promptCount, of: "objects").enumerated() {
            let place = JSONPath.element(path, index)
            let values = try Read.members(element, place, promptMembers, &reading)
            let (ids, _) = try readIDs(values, place)
            guard let ids, !ids.isEmpty else { throw .missing(param: JSONPath.member(place, "token_ids")) }
            prompts.append(ReceiptInput.Prompt(ids: ids))
        }
        return prompts
    }
    static let outputs = Field<[ReceiptInput.Output]?>(
        "outputs", type: "array of objects", allowed: outputCount, default: nil, defaultText: nil,
        members: outputMembers.map(\.declaration), meaning: "The continuations."
    ) { (json, path, reading) throws(APIError) in
        var outputs: [ReceiptInput.Output] = []
        for (index, element) in try Read.array(json, path, outputCount, of: "objects").enumerated() {
            let place = JSONPath.element(path, index)
            let values = try Read.members(element, place, outputMembers, &reading)
            let (ids, digest) = try readIDs(values, place)
            outputs.append(
                ReceiptInput.Output(
                    prompt: values[promptIndex], choice: values[choiceIndex], digest: digest, ids: ids,
                    reason: values[finishReason], detail: values[stopReason]))
        }
        return outputs
    }
    static let members = [
        AnyField(version), AnyField(model), AnyField(fingerprint), AnyField(checkpoint), AnyField(tokenizer),
        AnyField(settings), AnyField(prompts), AnyField(outputs),
    ]

    private static let digest = Field<String?>.string(
        "sha256", digestLength, meaning: "The hash of the ids as decimal numbers with commas between them.")
    private static let ids = Field<[Int32]?>(
        "token_ids", type: "array of token ids", default: nil, defaultText: nil,
        meaning: "The ids. Of an output they may be missing: then a difference is found and not located."
    ) { (json, path, reading) throws(APIError) in
        let most = reading.limits.map { Double($0.contextLength) }
        return try Read.tokenIDs(json, path, Allowed(min: 0, max: most, counting: "tokens"), reading.limits)
    }
    private static let promptMembers = [AnyField(digest), AnyField(ids)]

    private static let promptIndex = Field<Int>.integer(
        "prompt", Allowed(min: 0, max: 127), default: 0, meaning: "The index of its prompt.")
    private static let choiceIndex = Field<Int>.integer(
        "choice", Allowed(min: 0, max: 63), default: 0, meaning: "Its index among those of the prompt.")
    private static let finishReason = Field<String?>.string(
        "finish_reason", Allowed(values: [.string("stop"), .string("length")]), meaning: "Why it ended.")
    private static let stopReason = Field<JSON>(
        "stop_reason", type: "string or integer", default: .null, defaultText: nil, meaning: "The same in detail."
    ) { (json, path, _) throws(APIError) in
        guard json.stringValue != nil || json.integerValue != nil else {
            throw .wrongType(param: path, expected: "string or integer", found: json.typeName)
        }
        return json
    }
    private static let outputMembers = [
        AnyField(promptIndex), AnyField(choiceIndex), AnyField(digest), AnyField(ids), AnyField(finishReason),
        AnyField(stopReason),
    ]

    static func read(_ json: JSON, _ path: String, _ reading: inout FieldReading) throws(APIError) -> ReceiptInput {
        let values = try Read.members(json, path, members, &reading)
        func need<Value>(_ field: Field<Value?>) throws(APIError) -> Value {
            guard let value = values[field] else { throw .missing(param: JSONPath.member(path, field.name)) }
            return value
        }
        guard values.has(version) else { throw .missing(param: JSONPath.member(path, version.name)) }
        return ReceiptInput(
            model: values[model], fingerprint: values[fingerprint], checkpoint: try need(checkpoint),
            tokenizer: try need(tokenizer), settings: try need(settings), prompts: try need(prompts),
            outputs: try need(outputs))
    }

    /// Ids and their hash, which must fit each other.
    private static func readIDs(
        _ values: FieldValues, _ path: String
    ) throws(APIError) -> (ids: [Int32]?, digest: String) {
        guard let said = values[digest] else { throw .missing(param: JSONPath.member(path, digest.name)) }
        guard let found = values[ids] else { return (nil, said) }
        guard Receipt.digest(of: found) == said else {
            throw .invalidValue(
                param: JSONPath.member(path, ids.name), reason: "not the tokens whose hash stands beside them")
        }
        return (found, said)
    }
}
