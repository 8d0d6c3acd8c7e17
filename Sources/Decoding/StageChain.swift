// SPDX-License-Identifier: Apache-2.0

/// The stages that a request's parameters ask for, in sequence. A new stage is one file and one line here.
struct StageChain {
    private(set) var stages: [any SamplingStage] = []
    /// Their names.
    private(set) var names: [StageName] = []
    /// What the penalties count.
    private(set) var ranges: [PenaltyRange] = []
    /// Whether a stage looks at the sequence of ids so far.
    private(set) var looksAtSequence = false

    private let parameters: SamplingParameters
    private let vocabularySize: Int

    init(_ parameters: SamplingParameters, vocabularySize: Int) {
        self.parameters = parameters
        self.vocabularySize = vocabularySize
        var names = parameters.activeStages
        let takesLikeliest = Self.temperature(parameters) == 0 && parameters.dynamicTemperature == nil
        if takesLikeliest, parameters.order == .hf, names.contains(.temperature) {
            // transformers has no warpers without sampling, and takes the likeliest after all processors.
            names.removeAll(where: \.servesDraws)
            names.append(.temperature)
        }
        for name in names { stages.append(make(name)) }
        self.names = names
    }

    /// Whether the chain takes the model's likeliest id and no more.
    var isPlainArgmax: Bool { stages.first is TakeLikeliest && !(stages.last is any FeedbackStage) }

    /// T, as the order takes it: vLLM raises what is below 0.01 and takes what is below 10^-5 as 0.
    private static func temperature(_ parameters: SamplingParameters) -> Float {
        let temperature = parameters.temperature
        guard parameters.order == .vllm, temperature < 0.01 else { return temperature }
        return temperature < 1e-5 ? 0 : 0.01
    }

    private mutating func make(_ name: StageName) -> any SamplingStage {
        let p = parameters
        switch name {
        case .logitBias: return LogitBias(p.logitBias)
        case .sequenceBias:
            looksAtSequence = true
            return SequenceBiasStage(biases: p.sequenceBias)
        case .badWords:
            looksAtSequence = true
            return BadWords(sequences: p.badWords)
        case .allowedIDs: return AllowedIDs(p.allowedIDs ?? [])
        case .suppressedIDs: return SuppressedIDs(ids: p.suppressedIDs)
        case .minTokens: return MinTokens(parameters: p.minTokens ?? MinTokensParameters(count: 0, ids: []))
        case .repetitionPenalty:
            return RepetitionPenalty(
                penalty: p.repetitionPenalty, range: counted(p.repetitionRange ?? p.order.repetitionRange))
        case .frequencyPenalty:
            return FrequencyPenalty(
                penalty: p.frequencyPenalty, range: counted(p.frequencyRange ?? p.order.occurrenceRange))
        case .presencePenalty:
            return PresencePenalty(
                penalty: p.presencePenalty, range: counted(p.presenceRange ?? p.order.occurrenceRange))
        case .noRepeatNGram:
            looksAtSequence = true
            return NoRepeatNGram(size: p.noRepeatNGramSize)
        case .dry:
            looksAtSequence = true
            return DRY(p.dry ?? DRYParameters(multiplier: 0))
        case .lengthDecay:
            return LengthDecay(parameters: p.lengthDecay ?? LengthDecayParameters(start: 0, factor: 1, ids: []))
        case .temperature: return makeTemperature()
        case .quadratic: return Quadratic(parameters: p.quadratic ?? QuadraticParameters(factor: 0))
        case .topK: return TopK(limit: p.topK, keepsTies: p.order == .hf || p.order == .vllm)
        case .topP: return TopP(p.topP)
        case .minP: return MinP(p.minP)
        case .typicalP: return Typical(mass: p.typicalP, rule: Typical.Rule(p.order))
        case .topNSigma: return TopNSigma(deviations: p.topNSigma)
        case .topH: return TopH(p.topH, limit: p.order == .hf ? 100 : nil)
        case .epsilon: return EpsilonCutoff(p.epsilonCutoff)
        case .eta: return EtaCutoff(p.etaCutoff)
        case .tailFree: return TailFree(p.tailFree)
        case .topA: return TopA(p.topA)
        case .xtc: return XTC(p.xtc ?? XTCParameters(probability: 0))
        case .watermark:
            looksAtSequence = true
            return Watermark(p.watermark ?? WatermarkParameters(), vocabularySize: vocabularySize)
        case .mirostat: return makeMirostat()
        case .adaptiveP: return AdaptiveP(p.adaptiveP ?? AdaptivePParameters(target: 1))
        }
    }

    private func makeTemperature() -> any SamplingStage {
        let temperature = Self.temperature(parameters)
        if let dynamic = parameters.dynamicTemperature {
            return DynamicTemperature(temperature: temperature, parameters: dynamic)
        }
        return temperature == 0 ? TakeLikeliest() : Temperature(temperature: temperature)
    }

    private func makeMirostat() -> any SamplingStage {
        let settings = parameters.mirostat ?? MirostatParameters(version: .two)
        let usesRenormalized = parameters.order == .llamaCpp
        switch settings.version {
        case .one:
            return MirostatOne(
                parameters: settings, vocabularySize: vocabularySize, usesRenormalized: usesRenormalized)
        case .two: return MirostatTwo(parameters: settings, usesRenormalized: usesRenormalized)
        }
    }

    private mutating func counted(_ range: PenaltyRange) -> PenaltyRange {
        ranges.append(range)
        return range
    }
}
