// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Keeps the candidates that are at least m times as likely as the likeliest: l ≥ max l + ln m. Equality stays.
///
/// Source: Nguyen et al. 2024, min-p sampling. A comparison of logits, so that no probability is computed.
struct MinP: SamplingStage {
    private let logFraction: Double

    init(_ fraction: Float) {
        logFraction = min(0, log(Double(fraction)))
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let threshold = Double(workspace.candidates.maximum) + logFraction
        workspace.candidates.keep { Double($0) >= threshold }
    }
}
