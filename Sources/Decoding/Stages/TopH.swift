// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Keeps the likeliest candidates as long as their part of the entropy, Σ -p ln p, is at most h·H; at least one stays.
/// Candidates are taken in the sorted order: logit descending, then id ascending.
///
/// With a limit it looks at that many of the likeliest alone, p and H being those of a softmax over them.
///
/// Source: Potraja et al. 2025, top-H, in the form of `TopHLogitsWarper` of transformers, whose limit is 100.
struct TopH: SamplingStage {
    private let share: Double
    private let limit: Int?

    init(_ share: Float, limit: Int?) {
        self.share = share.decimal
        self.limit = limit
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        if let limit, limit < workspace.candidates.count {
            let cutoff = workspace.candidates.withLogits { workspace.selection.cutoff(count: limit, in: $0) }
            workspace.candidates.keep(before: cutoff)
        }
        let statistics = workspace.candidates.statistics
        let cutoff = workspace.candidates.withLogits {
            workspace.selection.cutoff(entropyShare: share, in: $0, statistics: statistics)
        }
        guard let cutoff else { return }
        if cutoff.tieCount == 0, cutoff.logit >= Float(statistics.maximum) {
            workspace.candidates.keepOnly(at: workspace.candidates.likeliest)
        } else {
            workspace.candidates.keep(before: cutoff)
        }
    }
}
