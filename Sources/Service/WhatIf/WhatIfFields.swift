// SPDX-License-Identifier: Apache-2.0

import StrictJSON

// What keeps a run, and the body of `/v1/whatif`.
extension RequestFields {
    static let keep = Field<Bool>.boolean(
        "keep", default: false, endpoints: .openAI,
        meaning: "Keeps the run under the answer's id, so that /v1/whatif can decode it again. One prompt only; takes "
            + "4 bytes per token, choice and id of the vocabulary.")

    static let run = Field<String?>.string(
        "run", Allowed(min: 1, max: 128, counting: "bytes"), endpoints: [.whatIf],
        meaning: "The id of the answer whose run was kept.")

    static let runChoice = Field<Int>.integer(
        "choice", Allowed(min: 0, max: 63), default: 0, endpoints: [.whatIf], meaning: "Which of its choices.")

    static let whatIfSettings = Field<JSONObject?>(
        "settings", type: "object", default: nil, defaultText: nil, endpoints: [.whatIf],
        meaning: "What is to be other than in the run: fields of a completion without those of the prompt; null puts a "
            + "field back to its default. stream, logprobs, trace, return and the like hold for this answer alone."
    ) { (json, path, _) throws(APIError) in
        try Read.object(json, path)
    }
}

/// Which fields of a run hold when it is decoded again.
enum WhatIfFields {
    /// The fields that say what the prompt is; they cannot be changed.
    static let prompt: Set<String> = [
        RequestFields.model.name, RequestFields.prompt.name, RequestFields.messages.name,
        RequestFields.instruction.name, RequestFields.examples.name, RequestFields.template.name,
        RequestFields.shots.name, RequestFields.choiceCount.name, RequestFields.echo.name, RequestFields.keep.name,
        RequestFields.addSpecialTokens.name, RequestFields.parseSpecial.name,
        RequestFields.truncatePromptTokens.name, RequestFields.addGenerationPrompt.name,
        RequestFields.continueFinalMessage.name, RequestFields.strict.name,
    ]
    /// The fields that say what the answer looks like; they hold for one answer.
    static let answer: Set<String> = [
        RequestFields.stream.name, RequestFields.streamOptions.name, RequestFields.logprobCount.name,
        RequestFields.topLogprobs.name, RequestFields.logprobsMode.name, RequestFields.trace.name,
        RequestFields.returnExtras.name, RequestFields.maxTime.name,
    ]
}

extension FieldValues {
    /// What of a generation request holds for its run however it is told, with the number of tokens as it came to be.
    func ofRun(seed: Int64, maxTokens: Int) -> FieldValues {
        var values = self
        for name in WhatIfFields.prompt.union(WhatIfFields.answer) { values.remove(name) }
        values.remove(RequestFields.maxCompletionTokens.name)
        values.set(RequestFields.maxTokens.name, maxTokens)
        values.set(RequestFields.seed.name, seed)
        return values
    }
}
