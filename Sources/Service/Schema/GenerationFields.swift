// SPDX-License-Identifier: Apache-2.0

import Prompting
import StrictJSON

// What is generated, and when it ends.
extension RequestFields {
    static let model = Field<String?>.string(
        "model", Allowed(min: 1, max: 512, counting: "bytes"), endpoints: .withModel,
        meaning: "The model's name as in /v1/models; absent: the first one loaded.")

    static let prompt = Field<[PromptInput]?>(
        "prompt", type: "string, array of token ids, or array of these", allowed: PromptInput.countRange, default: nil,
        defaultText: nil, endpoints: [.completions],
        meaning: "The text to continue. A list of strings or of lists is as many prompts; a list with ids in it is "
            + "one prompt. An empty string stands for the beginning-of-sequence token alone. With examples or a "
            + "template it is the query."
    ) { (json, path, reading) throws(APIError) in
        try PromptInput.readAll(json, path, &reading)
    }

    static let messages = Field<[ChatMessage]?>(
        "messages", type: "array of messages", allowed: MessageInput.countRange, default: nil, defaultText: nil,
        endpoints: .conversations, members: MessageInput.members,
        meaning: "The conversation so far."
    ) { (json, path, reading) throws(APIError) in
        try MessageInput.readAll(json, path, &reading)
    }

    static let maxTokens = Field<Int?>(
        "max_tokens", aliases: ["max_completion_tokens", "max_new_tokens", "n_predict"], type: "integer",
        allowed: Allowed(min: 0, maxFromModel: .contextLength), default: nil, defaultText: "16", unit: "tokens",
        endpoints: [.completions, .compare],
        meaning: "The most tokens to generate per choice; 0 computes the prompt only. Absent: 16, or what is left of "
            + "the context if that is less."
    ) { (json, path, reading) throws(APIError) in try readMaxTokens(json, path, reading) }

    static let maxCompletionTokens = Field<Int?>(
        "max_completion_tokens", aliases: ["max_tokens", "max_new_tokens", "n_predict"], type: "integer",
        allowed: Allowed(min: 0, maxFromModel: .contextLength), default: nil, defaultText: nil, unit: "tokens",
        endpoints: [.chat],
        meaning: "The most tokens to generate per choice; 0 computes the prompt only. Absent: what is left of the "
            + "context."
    ) { (json, path, reading) throws(APIError) in try readMaxTokens(json, path, reading) }

    private static func readMaxTokens(
        _ json: JSON, _ path: String, _ reading: FieldReading
    ) throws(APIError) -> Int {
        try Read.integer(json, path, Allowed(min: 0, maxFromModel: .contextLength).resolved(reading.limits))
    }

    static let choiceCount = Field<Int>.integer(
        "n", aliases: ["n_cmpl"], Allowed(min: 1, max: 64), default: 1, unit: "choices", endpoints: .openAI,
        meaning: "How many continuations of each prompt; they share one prefill. Choice j is the same whatever n is.")

    static let stopCountRange = Allowed(min: 0, max: 64, counting: "strings")
    static let stopLengthRange = Allowed(min: 1, max: 1024, counting: "bytes")

    static let stop = Field<[String]>(
        "stop", type: "string or array of strings", allowed: stopCountRange, default: [], defaultText: "[]",
        meaning: "The text ends before the first of these strings; up to 64 of 1 to 1024 bytes."
    ) { (json, path, _) throws(APIError) in
        if json.stringValue != nil { return [try Read.string(json, path, stopLengthRange)] }
        var strings: [String] = []
        for (index, element) in try Read.array(json, path, stopCountRange, of: "strings").enumerated() {
            strings.append(try Read.string(element, JSONPath.element(path, index), stopLengthRange))
        }
        return strings
    }

    static let stopTokenIDs = Field<Set<Int32>>(
        "stop_token_ids", type: "array of token ids", allowed: Allowed(min: 0, max: 64, counting: "ids"), default: [],
        defaultText: "[]", meaning: "Token ids that end a choice, beside the vocabulary's own."
    ) { (json, path, reading) throws(APIError) in
        var ids: Set<Int32> = []
        let elements = try Read.array(json, path, Allowed(min: 0, max: 64, counting: "ids"), of: "token ids")
        for (index, element) in elements.enumerated() {
            ids.insert(try Read.tokenID(element, JSONPath.element(path, index), reading.limits))
        }
        return ids
    }

    static let includeStop = Field<Bool>.boolean(
        "include_stop_str_in_output", aliases: ["include_stop"], default: false,
        meaning: "The text holds the stop string, or the token of stop_token_ids, that ended it.")

    static let ignoreEnd = Field<Bool>.boolean(
        "ignore_eos", default: false,
        meaning: "The vocabulary's end tokens are drawn like any other and do not end a choice.")

    static let maxTime = Field<Double?>(
        "max_time", type: "number", allowed: Allowed(above: 0, through: 86_400), default: nil, defaultText: nil,
        unit: "seconds",
        meaning: "The choices end after this time, finish_reason length and stop_reason timeout. Absent: the server's "
            + "own limit."
    ) { (json, path, _) throws(APIError) in
        try Read.number(json, path, Allowed(above: 0, through: 86_400))
    }
}

// How it is computed.
extension RequestFields {
    static let lookupTokens = Field<Int>.integer(
        "prompt_lookup_num_tokens", Allowed(min: 0, max: 16), default: 0, unit: "tokens", endpoints: .openAI,
        meaning: "Guesses up to this many next tokens from what followed the same tokens earlier in prompt and answer, "
            + "and computes them in one step. The answer is the same to the bit, and comes sooner where the text "
            + "repeats itself; a busy server guesses less. The usage counts guesses that came true and those that did "
            + "not. 0: no guesses.")

    static let lookupMatch = Field<Int>.integer(
        "max_matching_ngram_size", Allowed(min: 1, max: 16), default: 3, unit: "tokens", endpoints: .openAI,
        meaning: "How many last tokens prompt_lookup_num_tokens compares at most; the place that agrees in most is "
            + "taken, the latest of several.")
}

// How a prompt becomes tokens.
extension RequestFields {
    static let addSpecialTokens = Field<Bool>.boolean(
        "add_special_tokens", default: true, endpoints: .texts,
        meaning: "Puts the beginning-of-sequence token before a text prompt where the vocabulary asks for it.")

    static let parseSpecial = Field<Bool>.boolean(
        "parse_special", default: true, endpoints: .texts,
        meaning: "Reads the spelling of control tokens in a text prompt, such as <|im_end|>, as those tokens. Set it "
            + "to false for text from others. Contents of messages and examples are never read so.")

    static let truncatePromptTokens = Field<Int?>(
        "truncate_prompt_tokens", aliases: ["truncate"], type: "integer", allowed: Allowed(min: -1), default: nil,
        defaultText: nil, unit: "tokens", endpoints: .openAI,
        meaning: "Keeps only the last tokens of a longer prompt, this many; -1: as many as fit the context beside the "
            + "tokens to generate. Absent: a prompt that does not fit is refused. What was cut is listed in warnings."
    ) { (json, path, _) throws(APIError) in
        let count = try Read.integer(json, path, Allowed(min: -1))
        guard count != 0 else { throw .notAllowed(param: path, found: "0", allowed: Allowed(above: 0)) }
        return count
    }

    static let addGenerationPrompt = Field<Bool>.boolean(
        "add_generation_prompt", default: true, endpoints: Set<Endpoint>.conversations.union([.tokenize]),
        meaning: "Ends the prompt with the opening of the assistant's turn.")

    static let continueFinalMessage = Field<Bool>.boolean(
        "continue_final_message", default: false, endpoints: .conversations,
        meaning: "Leaves the last message open for the model to go on with; add_generation_prompt must be false.")
}
