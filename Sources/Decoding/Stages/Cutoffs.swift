// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Keeps the candidates whose probability is at least ε: l ≥ ln ε + ln Σ e^l; the likeliest always stay.
///
/// Source: Hewitt, Manning, Liang 2022, ε-sampling; `EpsilonLogitsWarper` of transformers.
struct EpsilonCutoff: SamplingStage {
    private let logCutoff: Double

    init(_ cutoff: Float) {
        logCutoff = log(cutoff.decimal)
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let statistics = workspace.candidates.statistics
        workspace.candidates.keep(from: logCutoff + statistics.logSum, orMaximum: statistics.maximum)
    }
}

/// Keeps the candidates whose probability is at least min(η, √η·e^-H); the likeliest always stay.
///
/// Source: Hewitt, Manning, Liang 2022, η-sampling; `EtaLogitsWarper` of transformers.
struct EtaCutoff: SamplingStage {
    private let logCutoff: Double

    init(_ cutoff: Float) {
        logCutoff = log(cutoff.decimal)
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let statistics = workspace.candidates.statistics
        let limit = min(logCutoff, logCutoff / 2 - statistics.entropy)
        workspace.candidates.keep(from: limit + statistics.logSum, orMaximum: statistics.maximum)
    }
}

/// Keeps the candidates whose probability is at least a·(max p)²; the likeliest always stay.
///
/// Source: BlinkDL 2022; text-generation-webui's `TopALogitsWarper`.
struct TopA: SamplingStage {
    private let logFactor: Double

    init(_ factor: Float) {
        logFactor = log(factor.decimal)
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let statistics = workspace.candidates.statistics
        // ln p_i - ln max p = l_i - max l, so that p_i ≥ a·(max p)² is l_i ≥ max l + ln a + ln max p.
        let logMaximum = statistics.maximum - statistics.logSum
        workspace.candidates.keep(
            from: statistics.maximum + logFactor + logMaximum, orMaximum: statistics.maximum)
    }
}

/// Keeps the logits that are at least the largest minus n deviations: l ≥ max l - n·σ, σ over the candidates' logits.
///
/// What survives does not depend on a temperature applied before. Source: Tang et al. 2024, top-nσ; llama.cpp.
struct TopNSigma: SamplingStage {
    let deviations: Float

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let maximum = Double(workspace.candidates.maximum)
        let deviation = workspace.candidates.withLogits { logits in
            var sum = 0.0
            for logit in logits { sum += Double(logit) - maximum }
            let mean = sum / Double(logits.count)
            var squares = 0.0
            for logit in logits {
                let difference = Double(logit) - maximum - mean
                squares += difference * difference
            }
            return (squares / Double(logits.count)).squareRoot()
        }
        workspace.candidates.keep(from: maximum - deviations.decimal * deviation, orMaximum: maximum)
    }
}

extension CandidateSet {
    /// Keeps the logits that reach `threshold`, or the largest if none does.
    mutating func keep(from threshold: Double, orMaximum maximum: Double) {
        let limit = min(threshold, maximum)
        keep { Double($0) >= limit }
    }
}
