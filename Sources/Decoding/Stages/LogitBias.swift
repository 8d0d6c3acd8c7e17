// SPDX-License-Identifier: Apache-2.0

/// Adds a bias to the logits of some ids: l ← l + b.
///
/// Additive only: -100 makes an id unlikely, it does not ban it (OpenAI's `logit_bias`). Ids outside the vocabulary
/// have no effect.
struct LogitBias: SamplingStage {
    private let biases: [(id: Int32, bias: Float)]

    init(_ biases: [Int32: Float]) {
        self.biases = biases.map { ($0.key, $0.value) }.sorted { $0.id < $1.id }
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        for (id, bias) in biases {
            try workspace.candidates.edit(id, position: context.position) { $0 + bias }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }
}
