// SPDX-License-Identifier: Apache-2.0

/// Keeps the k candidates with the largest logits. Exactly k survive; ties go to the smaller id.
///
/// Source: Fan, Lewis, Dauphin 2018. (transformers and vLLM keep every tie at the k-th value, llama.cpp exactly k.)
struct TopK: SamplingStage {
    let limit: Int

    func apply(
        to workspace: inout SamplingWorkspace, history: TokenHistory, position: Int
    ) throws(DecodingError) {
        guard limit < workspace.candidates.count else { return }
        let cutoff = workspace.candidates.withLogits { workspace.selection.cutoff(count: limit, in: $0) }
        workspace.candidates.keep(before: cutoff)
    }
}
