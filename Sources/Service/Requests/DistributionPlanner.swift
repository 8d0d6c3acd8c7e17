// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import StrictJSON
import Tokenizers

/// A request for the distributions of a next token, understood in full.
struct DistributionPlan: Sendable {
    var head: AnswerHead
    var model: ModelInfo
    /// The field that the prompt came from, for errors.
    var promptParam: String
    var lanes: [LanePlan]
    var prompt: PromptPlan
    var request: GenerationRequest
    /// What the answer holds besides.
    var extras: Set<AnswerExtra>
    var warnings: [RequestWarning]
}

extension GenerationPlanner {
    /// The plan of a request for distributions.
    ///
    /// - Throws: ``APIError`` where fields contradict each other or the prompt cannot be made.
    func distribution(
        _ values: FieldValues, assembly: PromptAssembly, warnings: [RequestWarning]
    ) throws(APIError) -> DistributionPlan {
        let model = assembly.model
        let inputs = try Self.lanes(
            values,
            [RequestFields.distributionLanes, RequestFields.distributionGrid, RequestFields.distributionRandom])
        let (prompt, param) = try assembly.onePrompt(values, reserved: 0)
        guard prompt.ids.count <= model.contextLength else {
            throw .contextOverflow(
                param: param, promptTokens: prompt.ids.count, maxTokens: 0, contextLength: model.contextLength)
        }
        // Chance plays a part in xtc alone: absent is a fixed seed here, so that the same request has one answer.
        let seed = values[RequestFields.seed] ?? 0
        var lanes: [LanePlan] = []
        var settings: [SamplingParameters] = []
        for input in inputs {
            let own = values.overlaid(by: input)
            let laneSeed = own[RequestFields.seed] ?? seed
            var parameters = try sampling.parameters(own, seed: laneSeed, model: model)
            parameters.constraint = try constraints.constraint(own, model: model)
            settings.append(parameters)
            lanes.append(
                LanePlan(name: input.label, settings: .object(input.given), seed: laneSeed, effective: nil))
        }
        var request = GenerationRequest(prompt: prompt.ids, maxTokens: 0)
        var query = DistributionQuery(settings: settings, count: values[RequestFields.distributionTop])
        query.dropsSpace = model.tokenizer.stripsLeadingSpace && prompt.ids.allSatisfy(model.tokenizer.isControl)
        request.distributions = query
        return DistributionPlan(
            head: head("dist", model), model: model, promptParam: param, lanes: lanes, prompt: prompt,
            request: request, extras: values[RequestFields.assembledExtra],
            warnings: warnings + PromptAssembly.warnings(of: prompt, param: param))
    }
}
