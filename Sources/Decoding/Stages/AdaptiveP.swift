// SPDX-License-Identifier: Apache-2.0

/// Draws tokens whose probability is near a target, and moves the target against the mean of what was drawn.
///
/// With A = Σ p / Σ 1 over the tokens drawn, each weighted by decay to the power of its age and both sums starting as
/// if the target had been drawn forever: t' = 2t - A within [0, 1]; x = |p - t'| / 0.3; l ← 5 - 10·x² / (1 + x). p is the
/// probability before this transform.
///
/// Source: llama.cpp pull request 17927, `llama_sampler_adaptive_p_apply`, whose constants these are.
struct AdaptiveP: FeedbackStage {
    private let target: Double
    private let decay: Double

    init(_ parameters: AdaptivePParameters) {
        target = parameters.target.decimal
        decay = parameters.decay.decimal
    }

    var initialState: FeedbackState {
        .average(weightedSum: target / (1 - decay), totalWeight: 1 / (1 - decay))
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let count = workspace.candidates.count
        let statistics = workspace.candidates.statistics
        if workspace.doubles.count < count { workspace.doubles = [Double](repeating: 0, count: count) }
        var adapted = target
        if case .average(let weightedSum, let totalWeight) = context.feedback {
            adapted = min(max(2 * target - weightedSum / totalWeight, 0), 1)
        }
        let scale = Exponential.exp(Exponential.Lanes(repeating: statistics.maximum - statistics.logSum))[0]
        workspace.doubles.withUnsafeMutableBufferPointer { p in
            workspace.candidates.withMutableLogits { logits in
                Exponential.weights(UnsafeBufferPointer(logits), maximum: statistics.maximum, into: p)
                for index in 0..<count {
                    p[index] *= scale
                    let x = abs(p[index] - adapted) / 0.3
                    logits[index] = Float(5 - 10 * x * x / (1 + x))
                }
            }
        }
    }

    func state(
        after index: Int, of workspace: SamplingWorkspace, context: StageContext
    ) -> FeedbackState {
        guard case .average(let weightedSum, let totalWeight) = context.feedback else { return context.feedback }
        return .average(
            weightedSum: workspace.doubles[index] + decay * weightedSum, totalWeight: 1 + decay * totalWeight)
    }
}
