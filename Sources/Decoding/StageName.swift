// SPDX-License-Identifier: Apache-2.0

/// The names of the stages that a chain can have, as requests write them. Each stage occurs at most once.
public enum StageName: String, Sendable, CaseIterable {
    case logitBias = "logit_bias"
    case sequenceBias = "sequence_bias"
    case badWords = "bad_words"
    case allowedIDs = "allowed_token_ids"
    case suppressedIDs = "suppress_tokens"
    case minTokens = "min_tokens"
    case repetitionPenalty = "repetition_penalty"
    case frequencyPenalty = "frequency_penalty"
    case presencePenalty = "presence_penalty"
    case noRepeatNGram = "no_repeat_ngram"
    case dry
    case lengthDecay = "exponential_decay_length_penalty"
    case temperature
    case quadratic
    case topK = "top_k"
    case topP = "top_p"
    case minP = "min_p"
    case typicalP = "typical_p"
    case topNSigma = "top_n_sigma"
    case topH = "top_h"
    case epsilon = "epsilon_cutoff"
    case eta = "eta_cutoff"
    case tailFree = "tfs"
    case topA = "top_a"
    case xtc
    case watermark
    case mirostat
    case adaptiveP = "adaptive_p"

    /// Whether the stage steers itself by the tokens that were drawn from what it left: it must be the last.
    public var hasFeedback: Bool { self == .mirostat || self == .adaptiveP }

    /// Whether the stage serves a draw: transformers leaves these out where the likeliest token is taken.
    public var servesDraws: Bool {
        switch self {
        case .temperature, .quadratic, .topK, .topP, .minP, .typicalP, .topNSigma, .topH, .epsilon, .eta, .tailFree,
            .topA, .xtc, .mirostat, .adaptiveP:
            true
        default: false
        }
    }
}

/// Whose order and conventions a chain follows. An order changes no default of a setting but those that it names here.
///
/// | | temper | llama.cpp | vllm | hf | mlx |
/// |---|---|---|---|---|---|
/// | temperature | before truncation | after it | before it | before it | after it |
/// | ids that tie with the k-th of top-k | smaller ids stay | as temper | all stay | all stay | as temper |
/// | repetition penalty looks at | prompt and output | last 64 of both | prompt and output | as vllm | last 20 of both |
/// | frequency and presence penalties look at | output | last 64 of both | output | output | last 20 of both |
/// | ids that tie in typical | likelier, smaller stay | as temper | as temper | all stay | as temper |
/// | typical's mass | reaches P | exceeds P | reaches P | reaches P | reaches P |
/// | top-h looks at | all | all | all | the 100 likeliest | all |
/// | temperature between 0 and 0.01 | as it is | as it is | taken as 0.01; 0 below 10^-5 | as it is | as it is |
/// | surprise in mirostat | before truncation | after it | before | before | before |
/// | mirostat follows | every stage | bias and temperature | every stage | every stage | every stage |
/// | temperature 0 | takes the likeliest in its place | as temper | as temper | no warper runs | as temper |
///
/// Sources: llama.cpp `common/sampling.cpp`; vLLM `v1/sample/sampler.py`; transformers `generation/utils.py`, MLX Swift
/// LM `Evaluate.swift`. Stages that an engine does not have stand where they fit.
public enum SamplingOrder: String, Sendable, CaseIterable {
    case temper
    case llamaCpp = "llama.cpp"
    case vllm
    case hf
    case mlx

    /// The stages, first to last.
    public var stages: [StageName] {
        switch self {
        case .temper:
            [
                .logitBias, .sequenceBias, .repetitionPenalty, .frequencyPenalty, .presencePenalty, .noRepeatNGram,
                .dry, .lengthDecay, .watermark, .badWords, .suppressedIDs, .allowedIDs, .minTokens, .temperature,
                .quadratic, .topNSigma, .topK, .topP, .minP, .typicalP, .topH, .epsilon, .eta, .tailFree, .topA, .xtc,
                .mirostat, .adaptiveP,
            ]
        case .llamaCpp:
            [
                .logitBias, .sequenceBias, .badWords, .suppressedIDs, .allowedIDs, .minTokens, .repetitionPenalty,
                .frequencyPenalty, .presencePenalty, .noRepeatNGram, .dry, .lengthDecay, .watermark, .quadratic,
                .topNSigma, .topK, .typicalP, .topP, .minP, .topH, .epsilon, .eta, .tailFree, .topA, .xtc,
                .temperature, .mirostat, .adaptiveP,
            ]
        case .vllm:
            [
                .allowedIDs, .badWords, .suppressedIDs, .minTokens, .logitBias, .sequenceBias, .repetitionPenalty,
                .frequencyPenalty, .presencePenalty, .noRepeatNGram, .dry, .lengthDecay, .watermark, .temperature,
                .quadratic, .minP, .topK, .topP, .topNSigma, .typicalP, .topH, .epsilon, .eta, .tailFree, .topA, .xtc,
                .mirostat, .adaptiveP,
            ]
        case .hf:
            [
                .logitBias, .sequenceBias, .repetitionPenalty, .frequencyPenalty, .presencePenalty, .noRepeatNGram,
                .dry, .badWords, .minTokens, .allowedIDs, .lengthDecay, .suppressedIDs, .temperature, .quadratic,
                .topH, .topK, .topP, .minP, .typicalP, .epsilon, .eta, .topNSigma, .tailFree, .topA, .xtc, .watermark,
                .mirostat, .adaptiveP,
            ]
        case .mlx:
            [
                .logitBias, .sequenceBias, .badWords, .suppressedIDs, .allowedIDs, .minTokens, .repetitionPenalty,
                .presencePenalty, .frequencyPenalty, .noRepeatNGram, .dry, .lengthDecay, .watermark, .quadratic,
                .topNSigma, .topP, .minP, .topK, .typicalP, .topH, .epsilon, .eta, .tailFree, .topA, .xtc,
                .temperature, .mirostat, .adaptiveP,
            ]
        }
    }

    /// What mirostat alone lets act before it in llama.cpp.
    public static let stagesBesideLlamaMirostat: Set<StageName> = [.logitBias, .temperature, .mirostat]

    /// Where the repetition penalty looks unless the request says so.
    public var repetitionRange: PenaltyRange {
        switch self {
        case .temper, .vllm, .hf: PenaltyRange(scope: .both, window: nil)
        case .llamaCpp: PenaltyRange(scope: .both, window: 64)
        case .mlx: PenaltyRange(scope: .both, window: 20)
        }
    }

    /// Where frequency and presence penalty look unless the request says so.
    public var occurrenceRange: PenaltyRange {
        switch self {
        case .temper, .vllm, .hf: PenaltyRange(scope: .output, window: nil)
        case .llamaCpp: PenaltyRange(scope: .both, window: 64)
        case .mlx: PenaltyRange(scope: .both, window: 20)
        }
    }
}
