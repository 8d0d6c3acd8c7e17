// SPDX-License-Identifier: Apache-2.0

/// Lowers the logit of an id for each time it was generated: l ← l - f·c, c its count in the output.
///
/// Source: OpenAI's `frequency_penalty`. Scope: the output, not the prompt, as in OpenAI and vLLM.
struct FrequencyPenalty: SamplingStage {
    let penalty: Float

    func apply(
        to workspace: inout SamplingWorkspace, history: TokenHistory, position: Int
    ) throws(DecodingError) {
        for entry in history.entries where entry.outputCount > 0 {
            let amount = penalty * Float(entry.outputCount)
            try workspace.candidates.edit(entry.id, position: position) { $0 - amount }
        }
        try workspace.candidates.removeBanned(position: position)
    }
}

/// Lowers the logit of an id once it was generated: l ← l - s.
///
/// Source: OpenAI's `presence_penalty`. Scope: the output, not the prompt, as in OpenAI and vLLM.
struct PresencePenalty: SamplingStage {
    let penalty: Float

    func apply(
        to workspace: inout SamplingWorkspace, history: TokenHistory, position: Int
    ) throws(DecodingError) {
        for entry in history.entries where entry.outputCount > 0 {
            try workspace.candidates.edit(entry.id, position: position) { $0 - penalty }
        }
        try workspace.candidates.removeBanned(position: position)
    }
}
