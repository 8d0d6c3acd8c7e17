// SPDX-License-Identifier: Apache-2.0

/// Flattens (T > 1) or sharpens (T < 1) the distribution: l ← (l - max l) / T.
///
/// The maximum is subtracted first, which does not change the distribution and keeps the quotient at or below zero for
/// any T > 0; ids whose quotient is below the range of a float are removed, their probability is zero. Computed in
/// double, rounded once.
struct Temperature: SamplingStage {
    let temperature: Float

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        try Self.divide(&workspace, by: Double(temperature), position: context.position)
    }

    static func divide(
        _ workspace: inout SamplingWorkspace, by divisor: Double, position: Int
    ) throws(DecodingError) {
        let maximum = Double(workspace.candidates.maximum)
        workspace.candidates.withMutableLogits { logits in
            for index in logits.indices {
                logits[index] = Float((Double(logits[index]) - maximum) / divisor)
            }
        }
        try workspace.candidates.removeBanned(position: position)
    }
}

/// What temperature 0 means: keeps the candidate with the largest logit alone; ties go to the smaller id.
struct TakeLikeliest: SamplingStage {
    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        workspace.candidates.keepOnly(at: workspace.candidates.likeliest)
    }
}
