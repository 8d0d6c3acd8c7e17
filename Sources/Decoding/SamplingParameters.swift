// SPDX-License-Identifier: Apache-2.0

/// The decoding controls of one request. Values are validated before they come here.
///
/// Each control is a stage of the chain; which act, and in which sequence, says ``stages``. The defaults switch every
/// stage off.
public struct SamplingParameters: Sendable, Equatable {
    /// Seed of the counter-based noise.
    public var seed: UInt64 = 0
    /// Whose conventions hold, and whose sequence unless ``stages`` is given.
    public var order = SamplingOrder.temper
    /// The stages, first to last, each at most once; nil: those of ``order``. What is not named does not act.
    public var stages: [StageName]?

    /// What the text may be; acts before every stage. Nil: anything.
    public var constraint: ConstraintParameters?

    // MARK: Bias and bans

    /// Added to the logits of these ids.
    public var logitBias: [Int32: Float] = [:]
    /// Added to the logit of the last id of a sequence where the ids before it end the text so far.
    public var sequenceBias: [SequenceBias] = []
    /// Sequences of ids that must not be completed.
    public var badWords: [[Int32]] = []
    /// The only ids that may be drawn; nil: all.
    public var allowedIDs: [Int32]?
    /// Ids that are never drawn.
    public var suppressedIDs: [Int32] = []
    /// Ids that are not drawn before so many were.
    public var minTokens: MinTokensParameters?

    // MARK: Penalties

    /// Divides positive and multiplies negative logits of ids seen (Keskar et al. 2019).
    public var repetitionPenalty: Float = 1
    /// Where it looks; nil: as ``order`` has it.
    public var repetitionRange: PenaltyRange?
    /// Subtracted per occurrence.
    public var frequencyPenalty: Float = 0
    /// Where it looks; nil: as ``order`` has it.
    public var frequencyRange: PenaltyRange?
    /// Subtracted once an id occurred.
    public var presencePenalty: Float = 0
    /// Where it looks; nil: as ``order`` has it.
    public var presenceRange: PenaltyRange?
    /// No n-gram of this size occurs twice; 0 is off.
    public var noRepeatNGramSize = 0
    /// The penalty on what would go on with a repetition.
    public var dry: DRYParameters?
    /// Makes the end likelier from some length on.
    public var lengthDecay: LengthDecayParameters?

    // MARK: Reshaping and truncation

    /// T: logits are divided by it; 0 means argmax.
    public var temperature: Float = 1
    /// Lets T depend on the entropy.
    public var dynamicTemperature: DynamicTemperatureParameters?
    /// Bends the logits around the largest.
    public var quadratic: QuadraticParameters?
    /// Keep the k largest logits; 0 keeps all.
    public var topK: Int = 0
    /// Keep the smallest set of likeliest ids whose probability reaches this; 1 keeps all.
    public var topP: Float = 1
    /// Keep ids at least this fraction as likely as the likeliest; 0 keeps all.
    public var minP: Float = 0
    /// Keep the ids of most typical surprise up to this mass; 1 keeps all.
    public var typicalP: Float = 1
    /// Keep logits within this many deviations of the largest; 0 keeps all.
    public var topNSigma: Float = 0
    /// Keep the likeliest ids up to this share of the entropy; 1 keeps all.
    public var topH: Float = 1
    /// Keep ids at least this likely; 0 keeps all.
    public var epsilonCutoff: Float = 0
    /// The same with a limit that falls with the entropy; 0 keeps all.
    public var etaCutoff: Float = 0
    /// Cut where the curve of probabilities is flat; 1 keeps all.
    public var tailFree: Float = 1
    /// Keep ids with p ≥ a·max p²; 0 keeps all.
    public var topA: Float = 0
    /// Sometimes removes the likeliest ids.
    public var xtc: XTCParameters?
    /// Favours ids by a key that a detector knows.
    public var watermark: WatermarkParameters?
    /// Steers the surprise.
    public var mirostat: MirostatParameters?
    /// Steers the probability of what is drawn.
    public var adaptiveP: AdaptivePParameters?

    /// The defaults: plain sampling from the model's distribution.
    public init() {}

    /// Whether the stage would change anything.
    public func isActive(_ stage: StageName) -> Bool {
        switch stage {
        case .logitBias: !logitBias.isEmpty
        case .sequenceBias: !sequenceBias.isEmpty
        case .badWords: !badWords.isEmpty
        case .allowedIDs: allowedIDs != nil
        case .suppressedIDs: !suppressedIDs.isEmpty
        case .minTokens: (minTokens?.count ?? 0) > 0
        case .repetitionPenalty: repetitionPenalty != 1
        case .frequencyPenalty: frequencyPenalty != 0
        case .presencePenalty: presencePenalty != 0
        case .noRepeatNGram: noRepeatNGramSize > 0
        case .dry: (dry?.multiplier ?? 0) != 0
        case .lengthDecay: lengthDecay != nil
        case .temperature: temperature != 1 || dynamicTemperature != nil
        case .quadratic: quadratic != nil
        case .topK: topK > 0
        case .topP: topP < 1
        case .minP: minP > 0
        case .typicalP: typicalP < 1
        case .topNSigma: topNSigma > 0
        case .topH: topH < 1
        case .epsilon: epsilonCutoff > 0
        case .eta: etaCutoff > 0
        case .tailFree: tailFree < 1
        case .topA: topA > 0
        case .xtc: (xtc?.probability ?? 0) > 0
        case .watermark: watermark != nil
        case .mirostat: mirostat != nil
        case .adaptiveP: adaptiveP != nil
        }
    }

    /// The stages that change something, first to last.
    ///
    /// In llama.cpp mirostat replaces the chain: only bias and temperature act before it.
    public var activeStages: [StageName] {
        let active = (stages ?? order.stages).filter(isActive)
        guard stages == nil, order == .llamaCpp, mirostat != nil else { return active }
        return active.filter(SamplingOrder.stagesBesideLlamaMirostat.contains)
    }
}

/// The log-probability of one id. Raw: the log-softmax of the model's own logits.
public struct TokenLogprob: Sendable, Equatable {
    /// The token.
    public var id: Int32
    /// Natural logarithm of the probability.
    public var logprob: Float

    /// A pair of the given parts.
    public init(id: Int32, logprob: Float) {
        self.id = id
        self.logprob = logprob
    }
}
