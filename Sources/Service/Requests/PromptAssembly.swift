// SPDX-License-Identifier: Apache-2.0

import Engine
import Prompting
import Tokenizers

/// Makes the prompts of a request: text and ids as they are, messages by the model's chat template, examples by the
/// request's template.
struct PromptAssembly: Sendable {
    let model: ModelInfo

    /// The prompts of a generation request, at least one, none empty.
    func prompts(_ values: FieldValues, endpoint: Endpoint) throws(APIError) -> [PromptPlan] {
        if endpoint == .chat {
            guard let messages = values[RequestFields.messages] else { throw .missing(param: "messages") }
            return [try chat(messages, addsGenerationPrompt: true, continuesFinal: false)]
        }
        guard let inputs = values[RequestFields.prompt] else { throw .missing(param: "prompt") }
        var plans: [PromptPlan] = []
        for (index, input) in inputs.enumerated() {
            plans.append(
                try plain(
                    input, values, param: GenerationPlanner.param(.completions, index: index, count: inputs.count)))
        }
        return plans
    }

    /// A prompt as given: texts tokenized, ids kept.
    private func plain(_ input: PromptInput, _ values: FieldValues, param: String) throws(APIError) -> PromptPlan {
        let tokenizer = model.tokenizer
        let parsesSpecial = values[RequestFields.parseSpecial]
        var ids: [Int32] = []
        for (index, segment) in input.segments.enumerated() {
            switch segment {
            case .ids(let given): ids.append(contentsOf: given)
            case .text(let text):
                let addsSpecial = index == 0 && values[RequestFields.addSpecialTokens]
                ids.append(
                    contentsOf: tokenizer.encode(text, addSpecial: addsSpecial, parseSpecial: parsesSpecial))
            }
        }
        if ids.isEmpty {
            // An empty text stands for the start of a sequence.
            guard let start = tokenizer.bosID ?? tokenizer.eosID else {
                throw .invalidValue(param: param, reason: "the prompt has no tokens")
            }
            ids = [start]
        }
        let showsSpecial = !values[RequestFields.skipSpecialTokens]
        if let text = input.text {
            return PromptPlan(ids: ids, text: text, spellsControl: parsesSpecial)
        }
        return PromptPlan(
            ids: ids, text: tokenizer.decode(ids, showSpecial: showsSpecial), spellsControl: showsSpecial)
    }

    /// A conversation by the model's chat template.
    func chat(
        _ messages: [ChatMessage], addsGenerationPrompt: Bool, continuesFinal: Bool
    ) throws(APIError) -> PromptPlan {
        throw .unsupported(param: "messages", reason: "no chat template", allowed: nil)
    }
}
