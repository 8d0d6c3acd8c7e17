// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON
import Tokenizers

/// A request to score continuations, understood in full.
struct ScorePlan: Sendable {
    /// A continuation.
    struct Choice: Sendable {
        /// The first of its tokens in the sequence.
        var start: Int
        /// Bytes of its own text.
        var byteCount: Int
    }

    var head: AnswerHead
    var model: ModelInfo
    /// Tokens of the prompt alone.
    var promptTokens: Int
    var choices: [Choice]
    /// The work: what all sequences begin with is computed once.
    var group: GenerationGroup
    var warnings: [RequestWarning]
}

extension GenerationPlanner {
    /// The plan of a request to score continuations.
    ///
    /// - Throws: ``APIError`` where the prompt cannot be made or a choice is none.
    func scoring(
        _ values: FieldValues, assembly: PromptAssembly, warnings: [RequestWarning]
    ) throws(APIError) -> ScorePlan {
        let model = assembly.model
        guard let inputs = values[RequestFields.scoreChoices] else {
            throw .missing(param: RequestFields.scoreChoices.name)
        }
        let (prompt, param) = try assembly.onePrompt(values)
        let isText = param == RequestFields.onePrompt.name && values[RequestFields.onePrompt]?.text != nil
        let joint = isText && values[RequestFields.boundary] == "joined"
        let seam = joint ? JointSeam(prompt, values, model.tokenizer) : nil
        var choices: [ScorePlan.Choice] = []
        var requests: [GenerationRequest] = []
        for (index, input) in inputs.enumerated() {
            let choiceParam = JSONPath.element(RequestFields.scoreChoices.name, index)
            let (ids, start) = Self.sequence(input, after: prompt, seam: seam, model.tokenizer)
            guard ids.count > start else {
                throw .invalidValue(
                    param: choiceParam,
                    reason: "has no token of its own after the prompt; say boundary apart to tokenize it alone")
            }
            guard ids.count <= model.contextLength else {
                throw .contextOverflow(
                    param: choiceParam, promptTokens: start, maxTokens: ids.count - start,
                    contextLength: model.contextLength)
            }
            var request = GenerationRequest(prompt: ids, maxTokens: 0)
            request.logprobCount = 1
            request.reportsPromptLogprobs = true
            request.promptLogprobStart = start
            requests.append(request)
            let byteCount =
                input.text?.utf8.count ?? ids[start...].reduce(0) { $0 + model.tokenizer.bytes(of: $1).count }
            choices.append(ScorePlan.Choice(start: start, byteCount: byteCount))
        }
        return ScorePlan(
            head: head("score", model), model: model, promptTokens: prompt.ids.count, choices: choices,
            group: GenerationGroup(requests, sharedTokens: Self.sharedTokens(requests)), warnings: warnings)
    }

    /// The tokens of the prompt with a choice, and where those of the choice begin.
    private static func sequence(
        _ choice: PromptInput, after prompt: PromptPlan, seam: JointSeam?, _ tokenizer: any Tokenizer
    ) -> (ids: [Int32], start: Int) {
        if let seam, let text = choice.text { return seam.sequence(text) }
        var ids = prompt.ids
        for segment in choice.segments {
            switch segment {
            case .ids(let given): ids += given
            case .text(let text): ids += tokenizer.encode(text, addSpecial: false, parseSpecialIn: [])
            }
        }
        return (ids, prompt.ids.count)
    }

    /// How many tokens all prompts begin with, without the last of any, which needs no computation.
    private static func sharedTokens(_ requests: [GenerationRequest]) -> Int {
        guard let first = requests.first?.prompt else { return 0 }
        return requests.reduce(first.count - 1) { shared, request in
            let limit = min(shared, request.prompt.count - 1)
            return (0..<limit).first { request.prompt[$0] != first[$0] } ?? limit
        }
    }
}

/// Tokenizes prompt and choice as one text, as lm_eval does: white space at the prompt's end belongs to the choice, whose
/// tokens are those after as many as the rest of the prompt has.
private struct JointSeam {
    private let prompt: PromptPlan
    private let addsSpecial: Bool
    private let tokenizer: any Tokenizer
    private let start: Int
    /// What stands for the prompt if it has no token.
    private let opening: [Int32]

    init(_ prompt: PromptPlan, _ values: FieldValues, _ tokenizer: any Tokenizer) {
        self.prompt = prompt
        self.tokenizer = tokenizer
        addsSpecial = values[RequestFields.addSpecialTokens]
        var bare = Substring(prompt.text).unicodeScalars
        while let last = bare.last, last.properties.isWhitespace { bare.removeLast() }
        let count = Self.encode(String(bare), prompt, tokenizer, addsSpecial).count
        opening = count == 0 ? Array(prompt.ids.prefix(1)) : []
        start = max(count, 1)
    }

    func sequence(_ choice: String) -> (ids: [Int32], start: Int) {
        (opening + Self.encode(prompt.text + choice, prompt, tokenizer, addsSpecial), start)
    }

    /// Control tokens are read in the prompt alone.
    private static func encode(
        _ text: String, _ prompt: PromptPlan, _ tokenizer: any Tokenizer, _ addsSpecial: Bool
    ) -> [Int32] {
        let trusted = min(prompt.text.utf8.count, text.utf8.count)
        return tokenizer.encode(
            text, addSpecial: addsSpecial, parseSpecialIn: prompt.spellsControl ? [0..<trusted] : [])
    }
}
