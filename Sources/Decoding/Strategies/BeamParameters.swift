// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How a beam search is run: the sequences with the greatest sum of log-probabilities go on, and the finished ones are
/// ranked by that sum over a power of their length.
///
/// With several groups the search is diverse (Vijayakumar et al. 2018): groups of equal size decide in turn, and a token
/// costs a group the penalty for each time that an earlier group chose it at the same step.
public struct BeamParameters: Sendable, Equatable {
    /// Sequences that go on side by side, all groups together; at least 1.
    public var width: Int
    /// Groups; divides the width.
    public var groupCount = 1
    /// λ: what a token costs per earlier group that chose it; not negative.
    public var diversityPenalty: Float = 0
    /// α: a finished sequence's score is its sum over the norm of its length, to the power of α.
    public var lengthPenalty: Float = 1
    /// What counts as length.
    public var lengthNorm = LengthNorm.generated
    /// When the search is over.
    public var stopping = BeamStopping.heuristic

    /// A search of the given width with transformers' defaults.
    public init(width: Int) {
        self.width = width
    }

    /// Sequences of a group.
    public var groupWidth: Int { width / groupCount }
}

/// What a sum of log-probabilities is divided by.
public enum LengthNorm: String, Sendable, CaseIterable {
    /// n^α with the n tokens that were generated, the end included: transformers.
    case generated
    /// n^α with the tokens of prompt and output, without the end: vLLM.
    case sequence
    /// ((5 + n) / 6)^α with the n tokens that were generated: Wu et al. 2016, equation 14.
    case gnmt

    /// The divisor.
    ///
    /// - Parameters:
    ///   - generated: tokens that were generated.
    ///   - end: 1 if the last of them ended the sequence as a token of its own, else 0.
    func divisor(generated: Int, end: Int, prompt: Int, exponent: Float) -> Double {
        let length =
            switch self {
            case .generated: Double(generated)
            case .sequence: Double(max(prompt + generated - end, 1))
            case .gnmt: (5 + Double(generated)) / 6
            }
        return pow(length, Double(exponent))
    }
}

/// When a group of a beam search stops looking for better sequences. Source: `early_stopping` of transformers.
public enum BeamStopping: Sendable, Equatable {
    /// As soon as it has as many finished sequences as its width.
    case whenFull
    /// Once the likeliest sequence that goes on, as long as it is now, ranks below all of them.
    case heuristic
    /// Once no sequence that goes on can rank above the last of them, however long it becomes.
    case never
}
