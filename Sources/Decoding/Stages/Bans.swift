// SPDX-License-Identifier: Apache-2.0

/// Keeps the ids of a list alone.
///
/// Source: `allowed_token_ids` of vLLM.
struct AllowedIDs: SamplingStage {
    private let ids: [Int32]

    init(_ ids: [Int32]) {
        self.ids = Set(ids).sorted()
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        workspace.candidates.keep(ids: ids)
        guard workspace.candidates.count > 0 else {
            throw .nothingAllowed(by: .allowedIDs, position: context.position)
        }
    }
}

/// Bans the ids of a list.
///
/// Source: `suppress_tokens` of transformers.
struct SuppressedIDs: SamplingStage {
    let ids: [Int32]

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        for id in ids { workspace.candidates.ban(id) }
        try workspace.candidates.removeBanned(by: .suppressedIDs, position: context.position)
    }
}

/// Bans the ids that end a choice as long as fewer tokens were generated than asked for.
///
/// Source: `min_tokens` of vLLM, `min_new_tokens` of transformers.
struct MinTokens: SamplingStage {
    let parameters: MinTokensParameters

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        guard context.history.generatedCount < parameters.count else { return }
        for id in parameters.ids { workspace.candidates.ban(id) }
        try workspace.candidates.removeBanned(by: .minTokens, position: context.position)
    }
}

/// Bans every id that would complete an n-gram that the text so far, prompt included, has already.
///
/// Source: Paulus, Xiong, Socher 2018; `no_repeat_ngram_size` of fairseq and transformers.
struct NoRepeatNGram: SamplingStage {
    let size: Int

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let ids = context.history.ids
        let prefixLength = size - 1
        guard ids.count >= size else { return }
        ids.withUnsafeBufferPointer { ids in
            let suffix = UnsafeBufferPointer(rebasing: ids[(ids.count - prefixLength)...])
            for start in 0...(ids.count - size) {
                let gram = UnsafeBufferPointer(rebasing: ids[start..<start + prefixLength])
                if gram.elementsEqual(suffix) { workspace.candidates.ban(ids[start + prefixLength]) }
            }
        }
        try workspace.candidates.removeBanned(by: .noRepeatNGram, position: context.position)
    }
}
