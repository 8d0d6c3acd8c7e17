// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Makes the ids that end a choice likelier with each token after the s-th: l ← l + |l|·(f^(t - s) - 1) where t > s
/// tokens were generated. A factor below 1 makes them less likely.
///
/// A logit that would exceed the largest float becomes the largest float: the end is then certain.
///
/// Source: `ExponentialDecayLengthPenalty` of transformers.
struct LengthDecay: SamplingStage {
    let parameters: LengthDecayParameters

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let excess = context.history.generatedCount - parameters.start
        guard excess > 0 else { return }
        let growth = min(pow(parameters.factor.decimal, Double(excess)), 1e200) - 1
        for id in parameters.ids {
            try workspace.candidates.edit(id, position: context.position) { logit in
                let value = Double(logit) + abs(Double(logit)) * growth
                return Float(min(value, Double(Float.greatestFiniteMagnitude)))
            }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }
}
