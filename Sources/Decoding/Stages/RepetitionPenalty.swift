// SPDX-License-Identifier: Apache-2.0

/// Makes ids of prompt and output less likely: l ← l / r where l ≥ 0, l · r where l < 0, once per distinct id.
///
/// Source: Keskar et al. 2019, CTRL, section 4.1, in the form for negative logits that transformers and vLLM use.
/// Scope: the whole prompt and the whole output.
struct RepetitionPenalty: SamplingStage {
    let penalty: Float

    func apply(
        to workspace: inout SamplingWorkspace, history: TokenHistory, position: Int
    ) throws(DecodingError) {
        for entry in history.entries {
            try workspace.candidates.edit(entry.id, position: position) { $0 < 0 ? $0 * penalty : $0 / penalty }
        }
        try workspace.candidates.removeBanned(position: position)
    }
}
