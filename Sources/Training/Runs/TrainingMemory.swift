// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The memory that a run will take, known before any of it is taken.
public struct TrainingMemory: Sendable, Equatable, CustomStringConvertible {
    /// Weights, F32.
    public var weightBytes: Int
    /// Gradients, as many as weights.
    public var gradientBytes: Int
    /// The optimizer's two moments.
    public var momentBytes: Int
    /// Activations that one batch keeps for its backward pass, and its logits.
    public var activationBytes: Int

    /// Figures of the given parts.
    public init(weightBytes: Int, gradientBytes: Int, momentBytes: Int, activationBytes: Int) {
        self.weightBytes = weightBytes
        self.gradientBytes = gradientBytes
        self.momentBytes = momentBytes
        self.activationBytes = activationBytes
    }

    /// All of it.
    public var totalBytes: Int { weightBytes + gradientBytes + momentBytes + activationBytes }

    /// The parts in words.
    public var description: String {
        "\(Self.words(weightBytes)) weights + \(Self.words(gradientBytes)) gradients + \(Self.words(momentBytes)) "
            + "moments + \(Self.words(activationBytes)) activations = \(Self.words(totalBytes))"
    }

    static func words(_ bytes: Int) -> String { "\((bytes + 1_048_575) / 1_048_576) MiB" }
}
