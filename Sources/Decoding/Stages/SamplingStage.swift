// SPDX-License-Identifier: Apache-2.0

/// One step of the way from the model's logits to a draw: changes logits or removes candidates.
///
/// A stage holds its settings only. It leaves at least one candidate or throws.
package protocol SamplingStage: Sendable {
    /// Changes the candidates of `workspace`.
    ///
    /// - Parameters:
    ///   - history: the ids of the prompt and of the output so far.
    ///   - position: the index of the token to draw in the whole sequence, for error texts.
    func apply(
        to workspace: inout SamplingWorkspace, history: TokenHistory, position: Int
    ) throws(DecodingError)
}

/// The buffers of a draw. They grow to the size of the vocabulary once; one workspace may serve any number of samplers,
/// one after another, and holds nothing between draws that matters.
public struct SamplingWorkspace: Sendable {
    package var candidates = CandidateSet()
    package var selection = Selection()

    /// An empty workspace.
    public init() {}
}
