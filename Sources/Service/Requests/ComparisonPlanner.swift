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
        let settings = inputs.map { values.overlaid(by: $0) }
        let (prompts, param) = try prompts(settings, inputs, values, assembly)
        let seed = values[RequestFields.seed] ?? Self.newSeed()
        let extras = values[RequestFields.returnExtras]
        guard !extras.contains(.search) else {
            throw .unsupported(
                param: values.path(RequestFields.returnExtras.name), reason: "lanes are not searched", allowed: nil)
        }
        let topCount = values[RequestFields.compareTopLogprobs]
        var plan = ComparisonPlan(
            head: head("cmpr", model), model: model, prompts: prompts,
            hasOwnPrompts: inputs.contains(where: \.hasOwnPrompt), promptParam: param, lanes: [], requests: [],
            samples:
                samples, seed: seed, isStreamed: values[RequestFields.stream],
            references: values[RequestFields.reference], extras: extras,
            warnings: warnings + Self.warnings(of: prompts, inputs, param: param))
        for ((input, own), prompt) in zip(zip(inputs, settings), prompts) {
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
            var lane = LanePlan(
                name: input.label, settings: .object(input.given), seed: laneSeed,
                effective: extras.contains(.effectiveSettings)
                    ? EffectiveSettings.json(own, lane: request, seed: laneSeed, timeLimit: timeLimit) : nil)
            if extras.contains(.receipt) {
                lane.receipt = Receipt.Draft(
                    model: model, fingerprint: plan.head.fingerprint,
                    settings: EffectiveSettings.receipt(own, requests: [request]), prompts: [prompt.ids],
                    hashes: hashes)
            }
            plan.lanes.append(lane)
        }
        try checkSize(plan.requests, topCount: topCount, values)
        try checkTraceSize(plan.requests, values)
        return plan
    }

    /// The prompts of the lanes. Those without examples of their own have the same, which leaves room for the longest
    /// answer among them.
    private func prompts(
        _ settings: [FieldValues], _ inputs: [LaneInput], _ values: FieldValues, _ assembly: PromptAssembly
    ) throws(APIError) -> (prompts: [PromptPlan], param: String) {
        func reserved(_ own: FieldValues) -> Int { own[RequestFields.maxTokens] ?? 16 }
        let sharing = zip(inputs, settings).filter { !$0.0.hasOwnPrompt }.map { reserved($0.1) }
        var common: PromptPlan?
        var param = RequestFields.onePrompt.name
        if let longest = sharing.max() {
            let made = try assembly.onePrompt(values, reserved: longest)
            (common, param) = (made.plan, made.param)
        }
        var prompts: [PromptPlan] = []
        for (input, own) in zip(inputs, settings) {
            if let common, !input.hasOwnPrompt {
                prompts.append(common)
            } else {
                let (prompt, source) = try assembly.onePrompt(own, reserved: reserved(own))
                prompts.append(prompt)
                param = source
            }
        }
        return (prompts, param)
    }

    /// What is to be said of each prompt, of the common one once.
    private static func warnings(
        of prompts: [PromptPlan], _ inputs: [LaneInput], param: String
    ) -> [RequestWarning] {
        let common = inputs.firstIndex { !$0.hasOwnPrompt }
        return prompts.indices.flatMap { index in
            inputs[index].hasOwnPrompt
                ? PromptAssembly.warnings(of: prompts[index], param: JSONPath.element("lanes", index))
                : index == common ? PromptAssembly.warnings(of: prompts[index], param: param) : []
        }
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
