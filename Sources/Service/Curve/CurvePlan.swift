// SPDX-License-Identifier: Apache-2.0

import Decoding
package import Engine
package import Prompting
package import StrictJSON
import Tokenizers

/// An n-shot curve understood in full: which prompts to ask, and how answers are judged.
package struct CurvePlan: Sendable {
    let assembly: PromptAssembly
    let shots: PromptAssembly.ResolvedShots
    /// The numbers of shots, ascending.
    package let counts: [Int]
    /// What is asked, and what is right.
    package let items: [ShotExample]
    /// How answers are judged.
    package let scoring: AnswerScoring
    /// What ``AnswerScoring/Metric/choice`` ranks.
    let choices: [String]
    let maxTokens: Int
    let stops: [String]
    /// Of the intervals.
    package let confidence: Double
    let isStreamed: Bool
    /// What ought to be known of the request.
    package let warnings: [RequestWarning]

    package var model: ModelInfo { assembly.model }

    /// The plan of the checked fields of a body.
    init(_ values: FieldValues, assembly: PromptAssembly, warnings: [RequestWarning]) throws(APIError) {
        self.assembly = assembly
        self.warnings = warnings
        guard let input = values[RequestFields.curveShots] else { throw .missing(param: "shots") }
        shots = try assembly.resolve(input)
        counts = values[RequestFields.curveCounts]
        items = try Self.items(values, assembly)
        let metric = AnswerScoring.Metric(rawValue: values[RequestFields.curveMetric]) ?? .exactMatch
        for (isGiven, name, isUsed) in [
            (values.has(RequestFields.curveChoices), "choices", metric == .choice),
            (values.has(RequestFields.curveNormalize), "normalize", metric == .exactMatch),
            (values.has(RequestFields.curveAnswerAfter), "answer_after", metric != .choice),
            (values.has(RequestFields.curveMaxTokens), "max_tokens", metric != .choice),
            (values.has(RequestFields.curveStop), "stop", metric != .choice),
        ] where isGiven && !isUsed {
            throw .conflict(param: name, other: "metric")
        }
        scoring = AnswerScoring(
            metric: metric,
            normalization: AnswerScoring.Normalization(rawValue: values[RequestFields.curveNormalize]) ?? .trim,
            marker: values[RequestFields.curveAnswerAfter])
        choices = metric == .choice ? try Self.choices(values, items) : []
        maxTokens = min(values[RequestFields.curveMaxTokens], assembly.model.contextLength - 1)
        stops = values[RequestFields.curveStop]
        confidence = Double(values[RequestFields.curveConfidence])
        isStreamed = values[RequestFields.curveStream]
    }

    /// The plan of `fields`, checked as the body of the route for `model`; `library` holds the example sets.
    ///
    /// - Throws: ``APIError`` as the route would answer it.
    package init(fields: JSONObject, model: ModelInfo, library: ExampleLibrary) throws(APIError) {
        let limits = ModelLimits(contextLength: model.contextLength, vocabularySize: model.tokenizer.vocabularySize)
        var reading = FieldReading(limits: limits, isStrict: true)
        let values = try RequestSchema.read(fields, for: .curve, &reading)
        try self.init(
            values,
            assembly: PromptAssembly(
                model: model, chatTemplate: .failure(.noChatTemplate), library: library,
                book: ModelBook(model, memory: ModelMemory())),
            warnings: reading.warnings)
    }

    private static func items(_ values: FieldValues, _ assembly: PromptAssembly) throws(APIError) -> [ShotExample] {
        switch (values[RequestFields.curveTest], values[RequestFields.curveTestSet]) {
        case (let items?, nil): return items
        case (nil, let id?):
            guard let library = assembly.library else {
                throw .exampleSetNotFound(param: "test_set", id: id, version: nil)
            }
            let items = try library.set(id, param: "test_set").content.examples
            guard CurveFields.itemCount.contains(Double(items.count)) else {
                throw .notAllowed(
                    param: "test_set", found: "\(items.count) items", allowed: CurveFields.itemCount)
            }
            return items
        case (_?, _?): throw .conflict(param: "test_set", other: "test")
        case (nil, nil): throw .missing(param: "test")
        }
    }

    /// The choices, each once, with every item's output among them.
    private static func choices(_ values: FieldValues, _ items: [ShotExample]) throws(APIError) -> [String] {
        var choices: [String] = []
        for choice in values[RequestFields.curveChoices] ?? items.map(\.output) where !choices.contains(choice) {
            choices.append(choice)
        }
        guard CurveFields.choiceCount.contains(Double(choices.count)) else {
            throw .notAllowed(param: "choices", found: "\(choices.count) choices", allowed: CurveFields.choiceCount)
        }
        if let index = items.firstIndex(where: { !choices.contains($0.output) }) {
            throw .invalidValue(
                param: JSONPath.member(JSONPath.element("test", index), "output"), reason: "is none of the choices")
        }
        return choices
    }

    // MARK: Questions

    /// One item as the engine is asked.
    struct Question: Sendable {
        var item: Int
        /// One that is continued, or one per choice.
        var requests: [GenerationRequest]
        /// Where in each request's prompt the choice begins; empty where it is continued.
        var starts: [Int]
        /// How many examples are shown.
        var shownCount: Int
    }

    /// The question for an item with so many examples.
    func question(_ item: Int, count: Int) throws(APIError) -> Question {
        var shots = shots
        shots.input.selection.count = count
        let param = JSONPath.element("test", item)
        let longest = choices.map(\.utf8.count).max() ?? 0
        let plan = try assembly.shots(
            items[item].input, shots, addsSpecial: true, reserved: choices.isEmpty ? maxTokens : longest + 1,
            param: param)
        let shownCount = plan.shots?.shown.count ?? 0
        guard choices.isEmpty else {
            var question = Question(item: item, requests: [], starts: [], shownCount: shownCount)
            for choice in choices {
                let continuation = try assembly.continuation(plan, choice, shots, param: param)
                question.requests.append(continuation.request)
                question.starts.append(continuation.start)
            }
            return question
        }
        var request = GenerationRequest(prompt: plan.ids, maxTokens: maxTokens)
        request.sampling.temperature = 0
        request.stopStrings = stops
        return Question(item: item, requests: [request], starts: [], shownCount: shownCount)
    }
}
