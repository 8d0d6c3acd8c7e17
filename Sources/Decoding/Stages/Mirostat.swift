// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Mirostat 1: keeps the k likeliest candidates, k such that the expected surprise is near μ if the probabilities follow
/// Zipf's law.
///
/// Its exponent is estimated from the m = 100 likeliest: s = Σ t_i b_i / Σ t_i² with t_i = ln((i + 2)/(i + 1)),
/// b_i = ln(p_i / p_{i+1}); then ε = s - 1 and k = ⌊(ε·2^μ / (1 - V^-ε))^(1/s)⌋, at least 1. μ starts at 2τ; after each
/// draw μ ← μ - η·(S - τ), S the surprise of the token in bits: with its probability before the truncation, as the
/// paper has it, or after, as llama.cpp has it.
///
/// Source: Basu et al. 2021, "Mirostat", algorithm 1; llama.cpp's `llama_sampler_mirostat_apply`.
struct MirostatOne: FeedbackStage {
    let parameters: MirostatParameters
    let vocabularySize: Int
    let usesRenormalized: Bool
    private static let estimateCount = 100

    var initialState: FeedbackState { MirostatFeedback.initial(parameters) }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        workspace.referenceLogSum = workspace.candidates.statistics.logSum
        guard workspace.candidates.count > 1 else { return }
        let limit = keptCount(
            exponent: exponent(&workspace), surprise: MirostatFeedback.limit(context.feedback),
            candidates: workspace.candidates.count)
        guard limit < workspace.candidates.count else { return }
        let cutoff = workspace.candidates.withLogits { workspace.selection.cutoff(count: limit, in: $0) }
        workspace.candidates.keep(before: cutoff)
    }

    private func exponent(_ workspace: inout SamplingWorkspace) -> Double {
        let count = min(Self.estimateCount, workspace.candidates.count)
        let top = workspace.candidates.withLogits { logits in
            let cutoff = workspace.selection.cutoff(count: count, in: logits)
            var top = logits.filter { $0 > cutoff.logit }
            top.sort(by: >)
            return top + [Float](repeating: cutoff.logit, count: cutoff.tieCount)
        }
        var products = 0.0
        var squares = 0.0
        for index in 0..<(count - 1) {
            let t = log(Double(index + 2) / Double(index + 1))
            products += t * (Double(top[index]) - Double(top[index + 1]))
            squares += t * t
        }
        return products / squares
    }

    private func keptCount(exponent s: Double, surprise: Double, candidates: Int) -> Int {
        let epsilon = s - 1
        let size = Double(max(vocabularySize, 2))
        // The limit of ε / (1 - V^-ε) at 0 is 1 / ln V.
        let scale = abs(epsilon) < 1e-9 ? 1 / log(size) : epsilon / (1 - pow(size, -epsilon))
        let k = pow(scale * pow(2, surprise), 1 / s)
        return k < Double(candidates) ? max(1, Int(max(k, 0))) : candidates
    }

    func state(
        after index: Int, of workspace: SamplingWorkspace, context: StageContext
    ) -> FeedbackState {
        MirostatFeedback.state(
            after: index, of: workspace, context.feedback, parameters, usesRenormalized: usesRenormalized)
    }
}

/// Mirostat 2: keeps the candidates whose surprise is at most μ, -log₂ p ≤ μ; if none is, the likeliest, ties by smaller
/// id. μ as in ``MirostatOne``.
///
/// Source: Basu et al. 2021, "Mirostat", algorithm 2; llama.cpp's `llama_sampler_mirostat_v2_apply`.
struct MirostatTwo: FeedbackStage {
    let parameters: MirostatParameters
    let usesRenormalized: Bool

    var initialState: FeedbackState { MirostatFeedback.initial(parameters) }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let statistics = workspace.candidates.statistics
        workspace.referenceLogSum = statistics.logSum
        let threshold = statistics.logSum - MirostatFeedback.limit(context.feedback) * M_LN2
        if statistics.maximum < threshold {
            workspace.candidates.keepOnly(at: workspace.candidates.likeliest)
        } else {
            workspace.candidates.keep { Double($0) >= threshold }
        }
    }

    func state(
        after index: Int, of workspace: SamplingWorkspace, context: StageContext
    ) -> FeedbackState {
        MirostatFeedback.state(
            after: index, of: workspace, context.feedback, parameters, usesRenormalized: usesRenormalized)
    }
}

/// How μ follows what is drawn.
private enum MirostatFeedback {
    static func initial(_ parameters: MirostatParameters) -> FeedbackState {
        .surpriseLimit(2 * parameters.tau.decimal)
    }

    static func limit(_ state: FeedbackState) -> Double {
        guard case .surpriseLimit(let limit) = state else { return .infinity }
        return limit
    }

    static func state(
        after index: Int, of workspace: SamplingWorkspace, _ state: FeedbackState, _ parameters: MirostatParameters,
        usesRenormalized: Bool
    ) -> FeedbackState {
        let logSum = usesRenormalized ? workspace.candidates.statistics.logSum : workspace.referenceLogSum
        let surprise = (logSum - Double(workspace.candidates.logit(at: index))) / M_LN2
        return .surpriseLimit(limit(state) - parameters.eta.decimal * (surprise - parameters.tau.decimal))
    }
}
