// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
public import Compute

/// Trains a model: accumulates gradients over batches, then takes a step of AdamW.
///
/// The same seed, batches and options give the same weights bit for bit on one machine, whatever the number of threads.
///
/// Concurrency: one user at a time.
public final class Trainer {
    /// The weights under training.
    public let parameters: TrainableParameters
    /// How it works.
    public let options: TrainerOptions
    /// Steps taken.
    public private(set) var stepCount = 0

    /// A trainer of `parameters` on the threads of `pool`.
    ///
    /// - Throws: ``TrainingError`` if the weights do not make a model or an option is outside of its range.
    public init(_ parameters: TrainableParameters, options: TrainerOptions, pool: WorkerPool) throws(TrainingError) {
        self.parameters = parameters
        self.options = options
    }

    /// Bytes that training takes with batches whose longest sequence has `longestSequence` rows.
    public static func memory(
        _ config: ModelConfig, options: TrainerOptions, longestSequence: Int, threadCount: Int
    ) throws(TrainingError) -> TrainingMemory {
        preconditionFailure("not yet built")
    }

    /// Forward and backward of `batch`; its gradients are added to those accumulated since the last step.
    ///
    /// What a later ``step(learningRate:)`` uses is the mean over all labelled rows of all accumulated batches.
    ///
    /// - Throws: ``TrainingError`` if a row is bad, or the loss is not finite: then the gradients are of no use and
    ///   should be discarded.
    public func accumulate(_ batch: TrainingBatch) throws(TrainingError) -> LossSum {
        preconditionFailure("not yet built")
    }

    /// The loss of `batch` without gradients.
    ///
    /// - Throws: ``TrainingError`` if a row is bad.
    public func evaluate(_ batch: TrainingBatch) throws(TrainingError) -> LossSum {
        preconditionFailure("not yet built")
    }

    /// One step of AdamW with the mean of the accumulated gradients, which are then zero again.
    ///
    /// - Throws: ``TrainingError/nothingAccumulated``, or ``TrainingError/notFinite(_:)`` if the gradients are not
    ///   finite: then weights and moments are unchanged and the gradients still there.
    public func step(learningRate: Double) throws(TrainingError) -> StepReport {
        preconditionFailure("not yet built")
    }

    /// Forgets what was accumulated since the last step.
    public func discardGradients() {
        preconditionFailure("not yet built")
    }

    /// Where the first value that is not finite arises when `batch` is run with the weights as they are: in the
    /// weights, in an operation of the forward pass, in the loss or in a gradient; nil if all is finite. Accumulated
    /// gradients are lost.
    public func findNonFinite(_ batch: TrainingBatch) throws(TrainingError) -> NonFiniteOrigin? {
        preconditionFailure("not yet built")
    }

    /// A copy of what the optimizer remembers.
    public var optimizerState: OptimizerState {
        preconditionFailure("not yet built")
    }

    /// Goes on from a saved state; accumulated gradients are dropped.
    ///
    /// - Throws: ``TrainingError/badState(tensor:expected:found:)`` if it does not fit the model.
    public func restore(_ state: OptimizerState) throws(TrainingError) {
        preconditionFailure("not yet built")
    }
}
