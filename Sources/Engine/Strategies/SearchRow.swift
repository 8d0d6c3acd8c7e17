// SPDX-License-Identifier: Apache-2.0

import Decoding

/// A sequence that a search goes on with, on the engine's thread. During a step's sampling exactly one thread touches it.
final class SearchRow {
    let table: BlockTable
    var sampler: Sampler
    /// The text so far; nil where nothing in it can end the sequence.
    var text: TextAssembler?
    /// The newest token, not yet computed.
    let newest: Int32
    /// Its place in the sequence.
    let position: Int
    /// What may follow it, once it is computed.
    var expansion: Expansion?
    /// The hidden state of its newest token, where it is needed.
    var state: [Float] = []

    init(table: BlockTable, sampler: Sampler, text: TextAssembler?, newest: Int32, position: Int) {
        self.table = table
        self.sampler = sampler
        self.text = text
        self.newest = newest
        self.position = position
    }
}

/// What may follow a sequence.
struct Expansion {
    /// The likeliest tokens as the search weighs them, best first.
    var tokens: [TokenLogprob]
    /// The model's own log-probabilities of the same tokens; empty if not asked for.
    var raw: [Float] = []
    /// The model's likeliest tokens, as asked for.
    var top: [TokenLogprob] = []
}

/// How a search asks for an expansion.
struct ExpansionQuery {
    /// How many tokens.
    var count: Int
    /// Whether they are weighed by what the stages make of the logits, as a distribution; else by what the stages make
    /// of log-probabilities, as they are.
    var normalizes = false

    func run(
        _ row: SearchRow, _ request: GenerationRequest, logits: UnsafeBufferPointer<Float>,
        _ workspace: inout SamplingWorkspace
    ) throws(DecodingError) -> Expansion {
        let probabilities = try LogProbabilities(logits: logits, position: row.position + 1)
        let tokens: [TokenLogprob]
        if normalizes {
            try row.sampler.applyStages(logits: logits, position: row.position + 1, workspace: &workspace)
            tokens = ProcessedProbabilities(of: workspace)?.top(count) ?? []
        } else {
            try row.sampler.score(probabilities, position: row.position + 1, workspace: &workspace)
            let candidates = workspace.candidates
            tokens = candidates.likeliest(count).map {
                TokenLogprob(id: candidates.id(at: $0), logprob: candidates.logit(at: $0))
            }
        }
        var expansion = Expansion(tokens: tokens)
        if let count = request.logprobCount {
            expansion.raw = tokens.map { probabilities.of($0.id) }
            if count > 0 { expansion.top = probabilities.top(count) }
        }
        return expansion
    }
}
