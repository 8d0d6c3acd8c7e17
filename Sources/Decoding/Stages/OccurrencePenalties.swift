// SPDX-License-Identifier: Apache-2.0

/// Lowers the logit of an id for each time it occurred: l ← l - f·c, c its count.
///
/// Source: OpenAI's `frequency_penalty`. There it looks at the output, not the prompt; engines differ: see
/// ``SamplingOrder``.
struct FrequencyPenalty: SamplingStage {
    let penalty: Float
    let range: PenaltyRange

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        for entry in context.history.entries(in: range) {
            let amount = penalty * Float(entry.count)
            try workspace.candidates.edit(entry.id, position: context.position) { $0 - amount }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }
}

/// Lowers the logit of an id once it occurred: l ← l - s.
///
/// Source: OpenAI's `presence_penalty`. There it looks at the output, not the prompt; engines differ: see
/// ``SamplingOrder``.
struct PresencePenalty: SamplingStage {
    let penalty: Float
    let range: PenaltyRange

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        for entry in context.history.entries(in: range) {
            try workspace.candidates.edit(entry.id, position: context.position) { $0 - penalty }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }
}
