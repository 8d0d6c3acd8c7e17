// SPDX-License-Identifier: Apache-2.0

/// Makes ids that occurred less likely: l ← l / r where l ≥ 0, l · r where l < 0, once per distinct id.
///
/// Source: Keskar et al. 2019, CTRL, section 4.1, in the form for negative logits that transformers and vLLM use.
/// Where it looks differs between engines: see ``SamplingOrder``.
struct RepetitionPenalty: SamplingStage {
    let penalty: Float
    let range: PenaltyRange

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        for entry in context.history.entries(in: range) {
            try workspace.candidates.edit(entry.id, position: context.position) { $0 < 0 ? $0 * penalty : $0 / penalty }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }
}
