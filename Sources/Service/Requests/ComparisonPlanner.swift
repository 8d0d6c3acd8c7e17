// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Glibc
import StrictJSON
import Tokenizers

extension GenerationPlanner {
    /// The plan of a comparison.
    ///
    /// - Throws: ``APIError`` where fields contradict each other, the prompt cannot be made, or a lane does not fit.
    func comparison(
        _ values: FieldValues, assembly: PromptAssembly, warnings: [RequestWarning]
    ) throws(APIError) -> ComparisonPlan {
        let model = assembly.model
        let inputs = try Self.lanes(
            values, [RequestFields.compareLanes, RequestFields.compareGrid, RequestFields.compareRandom])
        let samples = values[RequestFields.samples]
        let limit = RequestFields.continuationLimit / inputs.count
        guard samples <= limit else {
            throw .notAllowed(
                param: values.path(RequestFields.samples.name), found: String(samples),
                allowed: Allowed(min: 1, max: Double(limit)))
        }
        let (prompt, param) = try assembly.onePrompt(values)
        let seed = values[RequestFields.seed] ?? Self.newSeed()
        let extras = values[RequestFields.returnExtras]
        guard !extras.contains(.search) else {
            throw .unsupported(
                param: values.path(RequestFields.returnExtras.name), reason: "lanes are not searched", allowed: nil)
        }
        let topCount = values[RequestFields.compareTopLogprobs]
        var plan = ComparisonPlan(
            head: head("cmpr", model), model: model, prompt: prompt, promptParam: param, lanes: [], requests: [],
            samples: samples, seed: seed, isStreamed: values[RequestFields.stream],
            references: values[RequestFields.reference], extras: extras, warnings: warnings)
        for input in inputs {
            let own = values.overlaid(by: input)
            let laneSeed = own[RequestFields.seed] ?? seed
            var parameters = try sampling.parameters(own, seed: laneSeed, model: model)
            parameters.constraint = try constraints.constraint(own, model: model)
            var request = try request(
                prompt, own, parameters,
                maxTokens: try maxTokens(
                    asked: own[RequestFields.maxTokens], promptCount: prompt.ids.count, endpoint: .compare,
                    model: model, param: param))
            request.choiceCount = samples
            request.logprobCount = topCount
            request.reportsStatistics = true
            request.deadline = deadline(own)
            plan.requests.append(request)
            plan.lanes.append(
                LanePlan(
                    name: input.label, settings: .object(input.given), seed: laneSeed,
                    effective: extras.contains(.effectiveSettings)
                        ? EffectiveSettings.json(own, lane: request, seed: laneSeed, timeLimit: timeLimit) : nil))
        }
        try checkSize(plan.requests, topCount: topCount, values)
        return plan
    }

    /// The lanes of the one field that gives them.
    static func lanes(_ values: FieldValues, _ fields: [Field<[LaneInput]?>]) throws(APIError) -> [LaneInput] {
        let given = fields.filter { values.has($0) }
        if given.count > 1 { throw .conflict(param: given[1].name, other: given[0].name) }
        guard let field = given.first, let lanes = values[field] else { throw .missing(param: fields[0].name) }
        return lanes
    }

    /// What identifies an answer of `model`.
    func head(_ prefix: String, _ model: ModelInfo) -> AnswerHead {
        AnswerHead(
            id: Self.newID(prefix), created: time(nil), model: model.id, fingerprint: fingerprint(of: model))
    }

    private func checkSize(
        _ requests: [GenerationRequest], topCount: Int, _ values: FieldValues
    ) throws(APIError) {
        let tokens = requests.reduce(0) { $0 + $1.choiceCount * $1.maxTokens }
        let entries = tokens * (topCount + 1)
        guard entries <= Self.logprobLimit else {
            let field = topCount > 0 ? RequestFields.compareTopLogprobs.name : RequestFields.maxTokens.name
            throw .invalidValue(
                param: values.path(field),
                reason: "the answer would hold up to \(entries) log-probabilities (\(tokens) tokens with "
                    + "\(topCount + 1) each), at most \(Self.logprobLimit) are allowed")
        }
    }
}
