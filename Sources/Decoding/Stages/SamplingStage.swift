// SPDX-License-Identifier: Apache-2.0

/// One step of the way from the model's logits to a draw: changes logits or removes candidates.
///
/// A stage holds its settings only. It leaves at least one candidate or throws.
package protocol SamplingStage: Sendable {
    /// Changes the candidates of `workspace`.
    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError)
}

/// A last stage that steers itself by what is drawn. It is as pure as the others: what it learns is in
/// ``StageContext/feedback``, which the sampler keeps for each choice.
package protocol FeedbackStage: SamplingStage {
    /// The state before the first token.
    var initialState: FeedbackState { get }

    /// The state once the candidate at `index` was taken of those that the stage left in `workspace`.
    func state(
        after index: Int, of workspace: SamplingWorkspace, context: StageContext
    ) -> FeedbackState
}

/// What a ``FeedbackStage`` has learnt.
package enum FeedbackState: Sendable, Equatable {
    /// No such stage.
    case none
    /// Mirostat's μ, in bits.
    case surpriseLimit(Double)
    /// The sums of adaptive-p's moving average.
    case average(weightedSum: Double, totalWeight: Double)
}

/// What a stage may know beside the candidates.
package struct StageContext: Sendable {
    /// The text so far.
    package var history: TokenHistory
    /// What the feedback stage has learnt.
    package var feedback = FeedbackState.none
    /// The index of the token to draw in the whole sequence.
    package var position = 0
    /// The noise of the choice.
    package let noise: CounterNoise

    init(history: TokenHistory, noise: CounterNoise) {
        self.history = history
        self.noise = noise
    }
}

/// The buffers of a draw. They grow to the size of the vocabulary once; one workspace may serve any number of samplers,
/// one after another, and holds nothing between draws that matters.
public struct SamplingWorkspace: Sendable {
    package var candidates = CandidateSet()
    package var selection = Selection()
    /// Floats of a stage's own, one per candidate or fewer.
    var floats: [Float] = []
    /// The same as integers.
    var weights: [UInt64] = []
    /// The same as doubles.
    var doubles: [Double] = []
    /// The same as ids.
    var ids: [Int32] = []
    /// The candidates before a stage, while one is traced.
    var reference = CandidateSet()
    /// Logits of a place that are made of several rows, V of them.
    package var mixed: [Float] = []
    /// ln Σ e^l before the last truncation of a feedback stage.
    var referenceLogSum = 0.0

    /// An empty workspace.
    public init() {}

    /// Hands out ``reference`` with its buffers, for use beside the workspace; to be put back.
    mutating func takeReference() -> CandidateSet {
        defer { reference = CandidateSet() }
        return reference
    }
}
