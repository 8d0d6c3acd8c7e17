// SPDX-License-Identifier: Apache-2.0

import Glibc

/// "Exclude top choices": with probability q removes every candidate that is at least t likely but for the least likely
/// of these, the last in the sorted order: of equal ones the largest id. Nothing happens where fewer than two are.
///
/// The dice are u of ``PositionNoise/uniform``, a pure function of seed, choice and position: u < q. Of probabilities
/// above ½ there is one at most, so that t > ½ switches the stage off.
///
/// Source: p-e-w 2024, text-generation-webui pull request 6335; llama.cpp's `llama_sample_xtc_apply`.
struct XTC: SamplingStage {
    private let probability: Double
    private let logThreshold: Double

    init(_ parameters: XTCParameters) {
        probability = parameters.probability.decimal
        logThreshold = log(parameters.threshold.decimal)
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        guard context.noise.at(position: context.position).uniform < probability else { return }
        let threshold = logThreshold + workspace.candidates.statistics.logSum
        let (count, least) = workspace.candidates.withLogits { logits in
            var count = 0
            var least = Float.infinity
            for logit in logits where Double(logit) >= threshold {
                count += 1
                least = min(least, logit)
            }
            return (count, least)
        }
        guard count > 1 else { return }
        let ties = workspace.candidates.withLogits { logits in logits.count { $0 == least } }
        var seen = 0
        workspace.candidates.keep { logit in
            guard logit == least else { return Double(logit) < threshold }
            seen += 1
            return seen == ties
        }
    }
}
