// SPDX-License-Identifier: Apache-2.0

import Engine
import Evaluation
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
    var prompt: PromptPlan
    /// Tokens of the prompt, and of those that the choices are calibrated with.
    var promptTokens: Int
    /// What the answer holds besides.
    var extras: Set<AnswerExtra>
    var choices: [Choice]
    /// What the choices are scored after besides, to calibrate them; nil: nothing.
    var calibration: CalibrationInput?
    /// The work: the choices after the prompt, then after each input of the calibration. What all sequences begin with is
    /// computed once.
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
        let reserved = inputs.reduce(0) { longest, input in
            max(longest, input.segments.reduce(0) { $0 + $1.tokenLimit })
        }
        let (prompt, param) = try assembly.onePrompt(values, reserved: min(reserved, model.contextLength - 1))
        let isText = param == RequestFields.onePrompt.name && values[RequestFields.onePrompt]?.text != nil
        let joins = isText && values[RequestFields.boundary] == "joined"
        let asked = try Self.sequences(inputs, after: prompt, joins: joins, values, model) {
            JSONPath.element(RequestFields.scoreChoices.name, $0)
        }
        var requests = asked.requests
        var promptTokens = prompt.ids.count
        let calibration = values[RequestFields.calibrate]
        if let calibration {
            let count = inputs.count * (calibration.inputs.count + 1)
            guard count <= Int(RequestFields.scoreCount.max ?? 0) else {
                throw .invalidValue(
                    param: RequestFields.calibrate.name,
                    reason: "\(inputs.count) choices after \(calibration.inputs.count) inputs and the query are "
                        + "\(count), at most \(Int(RequestFields.scoreCount.max ?? 0)) are allowed")
            }
            guard isText else {
                throw .conflict(param: RequestFields.calibrate.name, other: values.path(param))
            }
            for (place, text) in calibration.inputs.enumerated() {
                let path =
                    calibration.method == .pmi ? "calibrate.premise" : JSONPath.element("calibrate.inputs", place)
                let other = try assembly.prompt(
                    text, instead: prompt, isWhole: calibration.method == .pmi, values, param: path)
                promptTokens += other.ids.count
                requests += try Self.sequences(inputs, after: other, joins: joins, values, model) { _ in path }.requests
            }
        }
        return ScorePlan(
            head: head("score", model), model: model, prompt: prompt, promptTokens: promptTokens,
            extras: values[RequestFields.assembledExtra], choices: asked.choices, calibration: calibration,
            group: GenerationGroup(requests, sharedTokens: Self.sharedTokens(requests)),
            warnings: warnings + PromptAssembly.warnings(of: prompt, param: param))
    }

    /// Each choice after a prompt, and what computes it; `choiceParam` names it in errors.
    private static func sequences(
        _ inputs: [PromptInput], after prompt: PromptPlan, joins: Bool, _ values: FieldValues, _ model: ModelInfo,
        choiceParam: (Int) -> String
    ) throws(APIError) -> (choices: [ScorePlan.Choice], requests: [GenerationRequest]) {
        let seam = joins ? JointSeam(prompt, values, model.tokenizer) : nil
        var choices: [ScorePlan.Choice] = []
        var requests: [GenerationRequest] = []
        for (index, input) in inputs.enumerated() {
            let (ids, start) = sequence(input, after: prompt, seam: seam, model.tokenizer)
            guard ids.count > start else {
                throw .invalidValue(
                    param: choiceParam(index),
                    reason: "has no token of its own after the prompt; say boundary apart to tokenize it alone")
            }
            guard ids.count <= model.contextLength else {
                throw .contextOverflow(
                    param: choiceParam(index), promptTokens: start, maxTokens: ids.count - start,
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
        return (choices, requests)
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
    static func sharedTokens(_ requests: [GenerationRequest]) -> Int {
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
