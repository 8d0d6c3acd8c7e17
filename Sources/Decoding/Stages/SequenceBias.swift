// SPDX-License-Identifier: Apache-2.0

/// Adds a bias to the last id of a sequence where the ids before it end the text so far, prompt included: l ← l + b.
/// Biases on one id add up. A sequence of one id always applies.
///
/// Source: `SequenceBiasLogitsProcessor` of transformers.
struct SequenceBiasStage: SamplingStage {
    let biases: [SequenceBias]

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        for bias in biases {
            guard let last = bias.ids.last, context.history.hasSuffix(bias.ids.dropLast()) else { continue }
            try workspace.candidates.edit(last, position: context.position) { $0 + bias.bias }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }
}

/// Bans the last id of a sequence where the ids before it end the text so far, prompt included.
///
/// Source: `NoBadWordsLogitsProcessor` of transformers, `bad_words` of vLLM.
struct BadWords: SamplingStage {
    let sequences: [[Int32]]

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        for sequence in sequences {
            guard let last = sequence.last, context.history.hasSuffix(sequence.dropLast()) else { continue }
            workspace.candidates.ban(last)
        }
        try workspace.candidates.removeBanned(by: .badWords, position: context.position)
    }
}
