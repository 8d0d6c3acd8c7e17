// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Decoding
import Engine
import StrictJSON

/// Makes the strategy of the checked fields, and refuses what it cannot honour.
struct StrategyPlanner: Sendable {
    let values: FieldValues
    /// Choices that are returned.
    let count: Int

    init(_ values: FieldValues) {
        self.values = values
        count = values[RequestFields.choiceCount]
    }

    /// Continuations to make of each prompt, of which the best are returned.
    ///
    /// - Throws: ``APIError`` where a field excludes that.
    func drawnCount() throws(APIError) -> Int {
        guard let bestOf = values[RequestFields.bestOf] else { return count }
        let path = values.path(RequestFields.bestOf.name)
        guard bestOf >= count else {
            throw .notAllowed(
                param: path, found: String(bestOf),
                allowed: Allowed(min: Double(count), max: RequestFields.widthRange.max))
        }
        guard bestOf > count else { return count }
        if usesBeams { throw .conflict(param: path, other: beamPath) }
        if values[RequestFields.penaltyAlpha] > 0 {
            throw .conflict(param: path, other: values.path(RequestFields.penaltyAlpha.name))
        }
        if values[RequestFields.stream] {
            throw .unsupported(
                param: path, reason: "which are the best is known at the end: not with stream",
                allowed: Allowed(values: [.integer(Int64(count))]))
        }
        if values[RequestFields.logprobsMode] == LogprobMode.processed.rawValue {
            throw .unsupported(
                param: values.path(RequestFields.logprobsMode.name),
                reason: "best_of ranks by the model's own log-probabilities: say both", allowed: nil)
        }
        return bestOf
    }

    /// The strategy; changes the stages to those that serve it.
    ///
    /// - Throws: ``APIError`` where fields exclude each other, or one has nothing to act on.
    func strategy(
        _ sampling: inout SamplingParameters, assembly: PromptAssembly
    ) throws(APIError) -> @Sendable (PromptPlan) -> DecodingStrategy {
        if !usesBeams {
            for declaration in StrategyFields.ofBeams where isSet(declaration) {
                throw .unsupported(
                    param: values.path(declaration.name), reason: "only with beam_width above 1", allowed: nil)
            }
        }
        if values[RequestFields.guidanceScale] == 1, let negative = values[RequestFields.negativePrompt],
            negative.text != ""
        {
            throw .unsupported(
                param: values.path(RequestFields.negativePrompt.name), reason: "only with guidance_scale",
                allowed: nil)
        }
        let asked = askedFor
        guard let path = asked.first else { return { _ in .sample } }
        if asked.count > 1 { throw .conflict(param: asked[1], other: path) }
        if usesBeams {
            let parameters = try beams()
            try refuseDraws(&sampling, for: path)
            return { _ in .beam(parameters) }
        }
        if values[RequestFields.penaltyAlpha] > 0 {
            let parameters = try contrastive(&sampling, model: assembly.model, path)
            return { _ in .contrastive(parameters) }
        }
        if let layers = values[RequestFields.dolaLayers] {
            let indices = try contrasted(layers, model: assembly.model, path)
            return { _ in .layerContrast(indices) }
        }
        return try guided(assembly)
    }

    /// The field that asks for something else than choices drawn one by one; nil: none.
    var path: String? {
        if let bestOf = values[RequestFields.bestOf], bestOf > count { return values.path(RequestFields.bestOf.name) }
        return askedFor.first
    }

    /// The fields that ask for a strategy, one per strategy.
    private var askedFor: [String] {
        var paths: [String] = []
        if usesBeams { paths.append(beamPath) }
        if values[RequestFields.guidanceScale] != 1 { paths.append(values.path(RequestFields.guidanceScale.name)) }
        if values[RequestFields.penaltyAlpha] > 0 { paths.append(values.path(RequestFields.penaltyAlpha.name)) }
        if values.has(RequestFields.dolaLayers) { paths.append(values.path(RequestFields.dolaLayers.name)) }
        return paths
    }

    private func guided(
        _ assembly: PromptAssembly
    ) throws(APIError) -> @Sendable (PromptPlan) -> DecodingStrategy {
        let scale = values[RequestFields.guidanceScale]
        guard let input = values[RequestFields.negativePrompt] else {
            return { .guided(GuidanceParameters(scale: scale, negativePrompt: Array($0.ids.suffix(1)))) }
        }
        let path = values.path(RequestFields.negativePrompt.name)
        let ids = try assembly.plain(input, values, param: path).ids
        guard ids.count < assembly.model.contextLength else {
            throw .contextOverflow(
                param: path, promptTokens: ids.count, maxTokens: 1, contextLength: assembly.model.contextLength)
        }
        return { _ in .guided(GuidanceParameters(scale: scale, negativePrompt: ids)) }
    }

    // MARK: Hidden states

    /// The most floats of hidden states that one request may keep: 64 MiB.
    static let stateLimit = 16 << 20

    private func contrastive(
        _ sampling: inout SamplingParameters, model: ModelInfo, _ path: String
    ) throws(APIError) -> ContrastiveParameters {
        let allowed = Allowed(min: 2, max: Double(min(64, model.config.vocabularySize)))
        guard allowed.contains(Double(sampling.topK)) else {
            throw .notAllowed(
                param: values.path(RequestFields.topK.name), found: String(sampling.topK), allowed: allowed)
        }
        guard count == 1 else {
            throw .unsupported(
                param: values.path(RequestFields.choiceCount.name), reason: "contrastive search finds one continuation",
                allowed: Allowed(values: [.integer(1)]))
        }
        let floats = model.contextLength.multipliedReportingOverflow(by: model.config.width)
        guard !floats.overflow, floats.partialValue <= Self.stateLimit else {
            throw .unsupported(
                param: path,
                reason: "the hidden states of a full context of this model are \(model.contextLength) times "
                    + "\(model.config.width) floats, at most \(Self.stateLimit) are kept; start the server with a "
                    + "smaller --ctx", allowed: nil)
        }
        try requireRawLogprobs("contrastive search draws from nothing")
        let parameters = ContrastiveParameters(count: sampling.topK, penalty: values[RequestFields.penaltyAlpha])
        sampling.topK = 0
        try refuseDraws(&sampling, for: path)
        return parameters
    }

    private func contrasted(_ layers: DolaLayers, model: ModelInfo, _ path: String) throws(APIError) -> [Int] {
        let count = model.config.layerCount
        let indices = layers.indices(layerCount: count, tiesHead: model.config.tiesHead)
        if let bad = indices.first(where: { $0 >= count }) {
            throw .notAllowed(param: path, found: String(bad), allowed: Allowed(min: 0, max: Double(count - 1)))
        }
        return indices
    }

    // MARK: Beams

    private var usesBeams: Bool { values[RequestFields.beamWidth] > 1 || values[RequestFields.usesBeamSearch] }

    /// The field that asks for a beam search.
    private var beamPath: String {
        values.path(
            values.has(RequestFields.beamWidth)
                ? RequestFields.beamWidth.name : RequestFields.usesBeamSearch.name)
    }

    private func beams() throws(APIError) -> BeamParameters {
        let given = values.has(RequestFields.beamWidth)
        let width = given ? values[RequestFields.beamWidth] : count
        guard count <= width else {
            throw .notAllowed(
                param: values.path(RequestFields.choiceCount.name), found: String(count),
                allowed: Allowed(min: 1, max: Double(width)))
        }
        var parameters = BeamParameters(width: width)
        parameters.groupCount = values[RequestFields.beamGroups]
        guard width % parameters.groupCount == 0 else {
            throw .invalidValue(
                param: values.path(RequestFields.beamGroups.name),
                reason: "\(parameters.groupCount) groups do not divide a beam_width of \(width)")
        }
        parameters.diversityPenalty = values[RequestFields.diversityPenalty]
        if parameters.groupCount == 1, parameters.diversityPenalty != 0 {
            throw .unsupported(
                param: values.path(RequestFields.diversityPenalty.name), reason: "only with num_beam_groups above 1",
                allowed: nil)
        }
        parameters.lengthPenalty = values[RequestFields.lengthPenalty]
        parameters.lengthNorm = LengthNorm(rawValue: values[RequestFields.lengthNorm]) ?? .generated
        parameters.stopping = values[RequestFields.earlyStopping]
        try requireRawLogprobs("a beam search draws from nothing")
        return parameters
    }

    private func requireRawLogprobs(_ reason: String) throws(APIError) {
        guard values[RequestFields.logprobsMode] == LogprobMode.raw.rawValue else {
            throw .unsupported(
                param: values.path(RequestFields.logprobsMode.name), reason: reason,
                allowed: Allowed(values: [.string(LogprobMode.raw.rawValue)]))
        }
    }

    /// Refuses stages that serve a draw. Temperature 0 asks for none, which is what happens.
    private func refuseDraws(_ sampling: inout SamplingParameters, for path: String) throws(APIError) {
        if sampling.temperature == 0 { sampling.temperature = 1 }
        for stage in sampling.activeStages where stage.servesDraws {
            let fields = StageFields.of(stage)
            let field = fields.first(where: isSet) ?? fields.first
            throw .unsupported(
                param: values.path(field?.name ?? stage.rawValue), reason: "\(path) finds tokens without a draw",
                allowed: nil)
        }
    }

    /// Refuses what tells of, or repeats, choices drawn one by one from the model's own logits.
    func refuseWhatNeedsDraws(besides path: String) throws(APIError) {
        let asked = [
            (RequestFields.trace.name, values[RequestFields.trace] != nil),
            (RequestFields.lookupTokens.name, values[RequestFields.lookupTokens] > 0),
            (RequestFields.keep.name, values[RequestFields.keep]),
            (RequestFields.returnExtras.name, values[RequestFields.returnExtras].contains(.receipt)),
        ]
        if let (name, _) = asked.first(where: \.1) { throw .conflict(param: values.path(name), other: path) }
    }

    /// Whether the field was given another value than its default.
    private func isSet(_ declaration: FieldDeclaration) -> Bool {
        guard values.isGiven(declaration.name) else { return false }
        guard let text = declaration.defaultText, let value = try? JSONParser.parse(text.utf8) else { return true }
        let given = values.json(declaration)
        if let left = given.doubleValue, let right = value.doubleValue { return left != right }
        return given != value
    }
}
