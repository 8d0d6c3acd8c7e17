// SPDX-License-Identifier: Apache-2.0

import StrictJSON

// What the routes ask for that look at one prompt from several sides.
extension RequestFields {
    static let onePrompt = Field<PromptInput?>(
        "prompt", type: "string or array of token ids", default: nil, defaultText: nil, endpoints: .onePrompt,
        meaning: "The text to continue: one. An empty string stands for the beginning-of-sequence token alone. With "
            + "examples or a template it is the query. Without it messages must be there."
    ) { (json, path, reading) throws(APIError) in
        let prompts = try PromptInput.readAll(json, path, &reading)
        guard let prompt = prompts.first, prompts.count == 1 else {
            throw .notAllowed(
                param: path, found: "\(prompts.count) prompts", allowed: Allowed(min: 1, max: 1, counting: "prompts"))
        }
        return prompt
    }

    // MARK: Compare

    /// The most continuations of all lanes together.
    static let continuationLimit = 64

    static let samples = Field<Int>.integer(
        "samples", aliases: ["n"], Allowed(min: 1, max: Double(continuationLimit)), default: 1,
        unit: "continuations", endpoints: [.compare],
        meaning: "How many continuations in each lane; lanes times samples is at most \(continuationLimit).")

    static let referenceCount = Allowed(min: 1, max: 16, counting: "texts")
    static let referenceLength = Allowed(min: 0, max: 262_144, counting: "bytes")

    static let reference = Field<[String]>(
        "reference", aliases: ["references"], type: "string or array of strings", allowed: referenceCount, default: [],
        defaultText: nil, endpoints: [.compare],
        meaning: "What a right answer is, up to 16 of them of at most 262144 bytes: adds exact_match, rouge_l and bleu."
    ) { (json, path, _) throws(APIError) in
        if json.stringValue != nil { return [try Read.string(json, path, referenceLength)] }
        var texts: [String] = []
        for (index, element) in try Read.array(json, path, referenceCount, of: "strings").enumerated() {
            texts.append(try Read.string(element, JSONPath.element(path, index), referenceLength))
        }
        return texts
    }

    static let compareTopLogprobs = Field<Int>.integer(
        "top_logprobs", Allowed(min: 0, max: 20), default: 0, unit: "tokens", endpoints: [.compare],
        meaning: "How many of the likeliest tokens to report at each place, by the model's own probabilities.")

    // MARK: Score

    static let scoreCount = Allowed(min: 1, max: 64, counting: "choices")

    static let scoreChoices = Field<[PromptInput]?>(
        "choices", type: "array of strings or of arrays of token ids", allowed: scoreCount, default: nil,
        defaultText: nil, endpoints: [.score], meaning: "The continuations to score, none empty."
    ) { (json, path, reading) throws(APIError) in
        var choices: [PromptInput] = []
        for (index, element) in try Read.array(json, path, scoreCount, of: "strings or of token ids").enumerated() {
            let elementPath = JSONPath.element(path, index)
            if let text = element.stringValue {
                guard !text.isEmpty else { throw .invalidValue(param: elementPath, reason: "the choice is empty") }
                choices.append(PromptInput(segments: [.text(text)]))
                continue
            }
            guard element.arrayValue != nil else {
                throw .wrongType(
                    param: elementPath, expected: "string or array of token ids", found: element.typeName)
            }
            let ids = try Read.tokenIDs(
                element, elementPath, Allowed(min: 1, maxFromModel: .contextLength).resolved(reading.limits),
                reading.limits)
            choices.append(PromptInput(segments: [.ids(ids)]))
        }
        return choices
    }

    static let boundary = Field<String>.choice(
        "boundary", ["joined", "apart"], default: "joined", endpoints: [.score],
        meaning: "How a choice of text after a prompt of text becomes tokens. joined: both as one text, white space at "
            + "the prompt's end counts as the choice's, as lm_eval has it. apart: the choice alone. After messages and "
            + "token ids it is apart in any case.")

    // MARK: Distribution

    static let distributionTop = Field<Int>.integer(
        "top", aliases: ["top_logprobs"], Allowed(min: 0, max: 1000), default: 10, unit: "tokens",
        endpoints: [.distribution], meaning: "How many of the likeliest tokens to list of each distribution.")
}
