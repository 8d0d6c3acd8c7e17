// SPDX-License-Identifier: Apache-2.0

/// Keeps the k candidates with the largest logits. Exactly k survive, ties go to the smaller id; or every candidate that
/// ties with the k-th stays as well.
///
/// Source: Fan, Lewis, Dauphin 2018. llama.cpp and MLX keep exactly k, transformers and vLLM keep ties.
struct TopK: SamplingStage {
    let limit: Int
    let keepsTies: Bool

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        guard limit < workspace.candidates.count else { return }
        let cutoff = workspace.candidates.withLogits { workspace.selection.cutoff(count: limit, in: $0) }
        if keepsTies {
            workspace.candidates.keep { $0 >= cutoff.logit }
        } else {
            workspace.candidates.keep(before: cutoff)
        }
    }
}
