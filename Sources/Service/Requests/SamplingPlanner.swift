// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Tokenizers

/// Makes the decoding controls of the checked fields.
struct SamplingPlanner: Sendable {
    private let breakers = DRYBreakerCache()

    /// The controls in effect: ranges and sequence are written out, so that nothing depends on the order's defaults.
    ///
    /// - Throws: ``APIError`` where fields contradict each other.
    func parameters(_ values: FieldValues, seed: Int64, model: ModelInfo) throws(APIError) -> SamplingParameters {
        var sampling = SamplingParameters()
        sampling.seed = UInt64(bitPattern: seed)
        sampling.order = SamplingOrder(rawValue: values[RequestFields.order]) ?? .temper
        setBiases(&sampling, values, model)
        setPenalties(&sampling, values, model)
        setTruncation(&sampling, values)
        sampling.stages = try stages(sampling, values)
        return sampling
    }

    private func setBiases(_ sampling: inout SamplingParameters, _ values: FieldValues, _ model: ModelInfo) {
        let ends = values[RequestFields.ignoreEnd] ? [] : model.tokenizer.endIDs
        sampling.logitBias = values[RequestFields.logitBias]
        sampling.sequenceBias = values[RequestFields.sequenceBias]
        sampling.badWords = values[RequestFields.badWordIDs]
        for word in values[RequestFields.badWords] { sampling.badWords += Self.spellings(word, model.tokenizer) }
        sampling.allowedIDs = values[RequestFields.allowedTokenIDs]
        sampling.suppressedIDs = values[RequestFields.suppressTokens]
        sampling.watermark = values[RequestFields.watermark]
        let minTokens = values[RequestFields.minTokens]
        if minTokens > 0 {
            sampling.minTokens = MinTokensParameters(
                count: minTokens, ids: ends.union(values[RequestFields.stopTokenIDs]))
        }
        if let decay = values[RequestFields.lengthDecay] {
            sampling.lengthDecay = LengthDecayParameters(start: decay.start, factor: decay.factor, ids: ends)
        }
    }

    /// The tokens of a word as it is, and with a space before it where that is another sequence of as many tokens.
    /// Source: vLLM's `bad_words`.
    private static func spellings(_ word: String, _ tokenizer: any Tokenizer) -> [[Int32]] {
        let bare = String(word.drop { $0 == " " })
        let plain = tokenizer.encode(bare.isEmpty ? word : bare, addSpecial: false, parseSpecial: false)
        let spaced = tokenizer.encode(" " + bare, addSpecial: false, parseSpecial: false)
        var spellings = plain.isEmpty ? [] : [plain]
        if !bare.isEmpty, spaced.count == plain.count, spaced.first != plain.first { spellings.append(spaced) }
        return spellings
    }

    private func setPenalties(_ sampling: inout SamplingParameters, _ values: FieldValues, _ model: ModelInfo) {
        func range(_ scope: Field<String?>, _ window: Field<Int?>, _ standard: PenaltyRange) -> PenaltyRange {
            var range = standard
            if let scope = values[scope].flatMap({ PenaltyRange.Scope(rawValue: $0) }) { range.scope = scope }
            if let window = values[window] ?? values[RequestFields.penaltyWindow] {
                range.window = window < 0 ? nil : window
            }
            return range
        }
        let order = sampling.order
        sampling.repetitionPenalty = values[RequestFields.repetitionPenalty]
        sampling.repetitionRange = range(
            RequestFields.repetitionScope, RequestFields.repetitionWindow, order.repetitionRange)
        sampling.frequencyPenalty = values[RequestFields.frequencyPenalty]
        sampling.frequencyRange = range(
            RequestFields.frequencyScope, RequestFields.frequencyWindow, order.occurrenceRange)
        sampling.presencePenalty = values[RequestFields.presencePenalty]
        sampling.presenceRange = range(
            RequestFields.presenceScope, RequestFields.presenceWindow, order.occurrenceRange)
        sampling.noRepeatNGramSize = values[RequestFields.noRepeatNGramSize]
        guard values[RequestFields.dryMultiplier] > 0 else { return }
        var dry = DRYParameters(multiplier: values[RequestFields.dryMultiplier])
        dry.base = values[RequestFields.dryBase]
        dry.allowedLength = values[RequestFields.dryAllowedLength]
        let window = values[RequestFields.dryWindow] ?? (order == .llamaCpp ? 64 : -1)
        dry.window = window < 0 ? nil : window
        let strings = values[RequestFields.dryBreakers]
        if !strings.isEmpty { dry.breakers = breakers.breakers(strings, model: model.id, model.tokenizer) }
        sampling.dry = dry
    }

    private func setTruncation(_ sampling: inout SamplingParameters, _ values: FieldValues) {
        sampling.temperature = values[RequestFields.temperature]
        if values[RequestFields.dynamicRange] > 0 {
            sampling.dynamicTemperature = DynamicTemperatureParameters(
                range: values[RequestFields.dynamicRange], exponent: values[RequestFields.dynamicExponent])
        }
        if values[RequestFields.smoothingFactor] > 0 {
            sampling.quadratic = QuadraticParameters(
                factor: values[RequestFields.smoothingFactor], curve: values[RequestFields.smoothingCurve])
        }
        sampling.topK = max(values[RequestFields.topK], 0)
        sampling.topP = values[RequestFields.topP]
        sampling.minP = values[RequestFields.minP]
        sampling.typicalP = values[RequestFields.typicalP]
        sampling.topNSigma = max(values[RequestFields.topNSigma], 0)
        sampling.topH = values[RequestFields.topH]
        sampling.epsilonCutoff = values[RequestFields.epsilonCutoff]
        sampling.etaCutoff = values[RequestFields.etaCutoff]
        sampling.tailFree = values[RequestFields.tailFree]
        sampling.topA = values[RequestFields.topA]
        if values[RequestFields.xtcProbability] > 0 {
            sampling.xtc = XTCParameters(
                probability: values[RequestFields.xtcProbability], threshold: values[RequestFields.xtcThreshold])
        }
        if let version = MirostatParameters.Version(rawValue: values[RequestFields.mirostat]) {
            sampling.mirostat = MirostatParameters(
                version: version, tau: values[RequestFields.mirostatTau], eta: values[RequestFields.mirostatEta])
        }
        if values[RequestFields.adaptiveTarget] >= 0 {
            sampling.adaptiveP = AdaptivePParameters(
                target: values[RequestFields.adaptiveTarget], decay: values[RequestFields.adaptiveDecay])
        }
    }

    // MARK: The sequence

    /// Stages that act first where a list does not name them.
    private static let unlisted: Set<StageName> = [
        .logitBias, .sequenceBias, .badWords, .suppressedIDs, .allowedIDs, .minTokens,
    ]

    /// The stages that act, first to last.
    private func stages(_ sampling: SamplingParameters, _ values: FieldValues) throws(APIError) -> [StageName] {
        func path(_ stage: StageName) -> String {
            let names = StageFields.of(stage).map(\.name)
            return values.path(names.first(where: values.isGiven) ?? stage.rawValue)
        }
        if sampling.isActive(.mirostat), sampling.isActive(.adaptiveP) {
            throw .conflict(param: path(.adaptiveP), other: path(.mirostat))
        }
        guard let list = values[RequestFields.samplers] else {
            let active = sampling.activeStages
            if let lost = sampling.order.stages.first(where: { sampling.isActive($0) && !active.contains($0) }) {
                throw .invalidValue(
                    param: path(lost),
                    reason: "with mirostat the order llama.cpp applies logit_bias and temperature alone")
            }
            return active
        }
        let missing = sampling.order.stages.filter { sampling.isActive($0) && !list.stages.contains($0) }
        if let lost = missing.first(where: { !Self.unlisted.contains($0) }) {
            throw .invalidValue(param: path(lost), reason: "samplers does not name \(lost.rawValue)")
        }
        return missing + list.stages.filter(sampling.isActive)
    }
}
