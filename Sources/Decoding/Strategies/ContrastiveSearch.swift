// SPDX-License-Identifier: Apache-2.0

/// Contrastive search: of the k likeliest tokens the one is taken whose hidden state is both likely and unlike those of
/// all tokens before it.
///
/// Token v scores (1 - α)·p(v) - α·max cos(h(v), h(j)) over the tokens j so far, the prompt's included, where h is the
/// hidden state after the last norm. Ties go to the likelier token.
///
/// Source: Su et al. 2022; `_contrastive_search` and `_ranking_fast` of transformers 4.
public struct ContrastiveParameters: Sendable, Equatable {
    /// k: how many tokens are tried at each step; at least 2.
    public var count: Int
    /// α, from 0 to 1.
    public var penalty: Float

    /// A search of the given kind.
    public init(count: Int, penalty: Float) {
        self.count = count
        self.penalty = penalty
    }
}

/// The hidden states of a text so far, of length 1 each.
package struct ContrastiveContext: Sendable {
    private let width: Int
    private var states: [Float] = []

    /// No states of `width` floats each.
    package init(width: Int) { self.width = width }

    /// How many states there are.
    package var count: Int { states.count / max(width, 1) }

    /// Takes room for so many states.
    package mutating func reserve(_ count: Int) { states.reserveCapacity(count * width) }

    /// Appends the state of the next token.
    package mutating func append(_ state: UnsafeBufferPointer<Float>) {
        states += Self.normalized(state)
    }

    /// The greatest cosine between a state and those so far; -1 where there is none.
    package func similarity(of state: UnsafeBufferPointer<Float>) -> Float {
        let state = Self.normalized(state)
        var greatest: Float = -1
        states.withUnsafeBufferPointer { states in
            for start in stride(from: 0, to: states.count, by: max(width, 1)) {
                var sum: Float = 0
                for index in 0..<width { sum += states[start + index] * state[index] }
                greatest = max(greatest, sum)
            }
        }
        return greatest
    }

    private static func normalized(_ state: UnsafeBufferPointer<Float>) -> [Float] {
        let length = state.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return state.map { length > 0 ? Float(Double($0) / length) : 0 }
    }
}

extension ContrastiveParameters {
    /// The place of the token to take.
    ///
    /// - Parameters:
    ///   - probabilities: of the tokens that are tried, best first.
    ///   - similarities: the greatest cosine of each.
    package func choice(probabilities: [Float], similarities: [Float]) -> Int {
        var best = 0
        var greatest = -Float.infinity
        for (place, (p, cosine)) in zip(probabilities, similarities).enumerated() {
            let score = (1 - penalty) * p - penalty * cosine
            if score > greatest { (best, greatest) = (place, score) }
        }
        return best
    }
}
