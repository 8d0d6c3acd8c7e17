// SPDX-License-Identifier: Apache-2.0

/// How a ``Trainer`` works. None of it changes what is computed, except for rounding.
public struct TrainerOptions: Sendable, Equatable {
    /// The optimizer.
    public var optimizer = AdamWOptions()
    /// Whether a block keeps only its input and is run again in the backward pass: less memory, a third more work, the
    /// same bits.
    public var recomputesBlocks = false
    /// A batch is worked on in passes of at most this many rows, but at least one sequence: what bounds the memory of
    /// activations. It changes the order in which gradients are summed.
    public var rowsPerPass = 1024

    /// The defaults.
    public init() {}

    /// - Throws: ``TrainingError/badOption(name:expected:found:)``.
    func validate() throws(TrainingError) {
        try optimizer.validate()
        guard rowsPerPass >= 1 else {
            throw .badOption(name: "rowsPerPass", expected: "at least 1", found: "\(rowsPerPass)")
        }
    }
}

/// The loss of some rows, to be summed over batches before dividing.
public struct LossSum: Sendable, Equatable {
    /// Σ weight · −log p(target), in nats.
    public var loss = 0.0
    /// Σ weight.
    public var weight = 0.0
    /// Rows with a weight.
    public var labelledCount = 0
    /// Rows with a weight whose target had the greatest logit.
    public var correctCount = 0

    /// Nothing.
    public init() {}

    /// The mean over the labelled rows, by weight; NaN where there are none.
    public var mean: Double { loss / weight }

    /// Both together.
    public static func += (sum: inout LossSum, addend: LossSum) {
        sum.loss += addend.loss
        sum.weight += addend.weight
        sum.labelledCount += addend.labelledCount
        sum.correctCount += addend.correctCount
    }
}

/// What one step did.
public struct StepReport: Sendable, Equatable {
    /// The norm of the mean gradient before clipping.
    public let gradientNorm: Double
    /// What gradients were multiplied by to keep within the limit; 1 if they were.
    public let clipFactor: Double
}
