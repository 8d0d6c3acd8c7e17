// SPDX-License-Identifier: Apache-2.0

public import Decoding

/// How the continuations of a request are found.
public enum DecodingStrategy: Sendable, Equatable {
    /// Each choice draws its tokens on its own.
    case sample
    /// The choices are the best of a beam search.
    case beam(BeamParameters)
    /// Each choice draws from what its prompt makes likelier than another prompt does.
    case guided(GuidanceParameters)
    /// The choice, only one, tries several tokens at each step and takes the one that is least like what was there.
    case contrastive(ContrastiveParameters)
    /// Each choice draws from what the last layer knows beyond one of these earlier ones, ascending: 0 is the embedding,
    /// n the output of the n-th layer.
    case layerContrast([Int])
}

/// Classifier-free guidance; see ``Decoding``'s `Guidance`.
public struct GuidanceParameters: Sendable, Equatable {
    /// γ: 1 is no guidance, 0 the other prompt alone.
    public var scale: Float
    /// The other prompt's ids; not empty, each within the vocabulary.
    public var negativePrompt: [Int32]

    /// Guidance away from a prompt.
    public init(scale: Float, negativePrompt: [Int32]) {
        self.scale = scale
        self.negativePrompt = negativePrompt
    }
}

extension GenerationRequest {
    /// The strategy in effect: a request that generates nothing has none.
    var activeStrategy: DecodingStrategy { maxTokens > 0 ? strategy : .sample }

    /// Whether the last token of the prompt is computed as the newest token of each sequence rather than with the prompt:
    /// so whatever a strategy needs of a step is there at once, at the first as at any other.
    var decodesPromptEnd: Bool { isLed || activeStrategy != .sample }

    /// The tokens of the prompt that are computed as such.
    var promptRowCount: Int { decodesPromptEnd ? prompt.count - 1 : prompt.count }

    /// Whether the hidden states of all its tokens are needed.
    var remembersStates: Bool {
        if case .contrastive = activeStrategy { return true }
        return false
    }

    /// The ids that end a choice.
    func endIDs(_ vocabulary: Set<Int32>) -> Set<Int32> { ignoresEnd ? stopIDs : vocabulary.union(stopIDs) }

    /// The sequences that go on side by side.
    var sequenceCount: Int {
        switch activeStrategy {
        case .sample: choiceCount
        case .beam(let parameters): parameters.width
        case .guided: 2 * choiceCount
        case .contrastive(let parameters): parameters.count
        case .layerContrast: choiceCount
        }
    }

    /// Whether all its ids, those of a strategy included, pass.
    func firstID(where isBad: (Int32) -> Bool) -> (position: Int, id: Int32)? {
        if let position = prompt.firstIndex(where: isBad) { return (position, prompt[position]) }
        guard case .guided(let guidance) = strategy,
            let position = guidance.negativePrompt.firstIndex(where: isBad)
        else { return nil }
        return (position, guidance.negativePrompt[position])
    }

    /// The longest sequence it may come to, in tokens.
    var longestPromptCount: Int {
        guard case .guided(let guidance) = activeStrategy else { return prompt.count }
        return max(prompt.count, guidance.negativePrompt.count)
    }

    /// The tokens that a request alone computes once for all its sequences: its prompt, as far as the prompt that guides
    /// it is the same.
    var ownTrunkCount: Int {
        guard case .guided(let guidance) = activeStrategy else { return promptRowCount }
        let other = guidance.negativePrompt.dropLast()
        let shared = zip(prompt.prefix(promptRowCount), other).prefix { $0 == $1 }
        return Array(shared).count
    }
}
