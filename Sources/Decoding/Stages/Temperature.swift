// SPDX-License-Identifier: Apache-2.0

/// Flattens (T > 1) or sharpens (T < 1) the distribution: l ← (l - max l) / T.
///
/// The maximum is subtracted first, which does not change the distribution and keeps the quotient at or below zero for
/// any T > 0; ids whose quotient is below the range of a float are removed, their probability is zero. Computed in
/// double, rounded once.
struct Temperature: SamplingStage {
    let temperature: Float

    func apply(
        to workspace: inout SamplingWorkspace, history: TokenHistory, position: Int
    ) throws(DecodingError) {
        let maximum = Double(workspace.candidates.maximum)
        let divisor = Double(temperature)
        workspace.candidates.withMutableLogits { logits in
            for index in logits.indices {
                logits[index] = Float((Double(logits[index]) - maximum) / divisor)
            }
        }
        try workspace.candidates.removeBanned(position: position)
    }
}
