// SPDX-License-Identifier: Apache-2.0

package import Checkpoints
package import Compute

/// What a run asks of a ``Trainer``; see there.
package protocol StepTrainer: AnyObject {
    /// The weights under training.
    var parameters: TrainableParameters { get }
    /// A copy of what the optimizer remembers.
    var optimizerState: OptimizerState { get }

    /// Adds the gradients of `batch`.
    func accumulate(_ batch: TrainingBatch) throws(TrainingError) -> LossSum
    /// The loss of `batch` without gradients.
    func evaluate(_ batch: TrainingBatch) throws(TrainingError) -> LossSum
    /// One step with the mean of the accumulated gradients.
    func step(learningRate: Double) throws(TrainingError) -> StepReport
    /// Where the first value that is not finite arises.
    func findNonFinite(_ batch: TrainingBatch) throws(TrainingError) -> NonFiniteOrigin?
    /// Goes on from a saved state.
    func restore(_ state: OptimizerState) throws(TrainingError)
}

extension Trainer: StepTrainer {}

/// Where a run gets its trainer from; tests have one that computes next to nothing.
package struct TrainerFactory: Sendable {
    /// The memory that training takes.
    package var memory:
        @Sendable (
            _ config: ModelConfig, _ options: TrainerOptions, _ longestSequence: Int, _ threadCount: Int
        ) throws(TrainingError) -> TrainingMemory
    /// Makes the trainer.
    package var make:
        @Sendable (
            _ parameters: TrainableParameters, _ options: TrainerOptions, _ pool: WorkerPool
        ) throws(TrainingError) -> any StepTrainer

    /// A factory of the given parts.
    package init(
        memory: @escaping @Sendable (ModelConfig, TrainerOptions, Int, Int) throws(TrainingError) -> TrainingMemory,
        make:
            @escaping @Sendable (TrainableParameters, TrainerOptions, WorkerPool) throws(TrainingError)
            -> any StepTrainer
    ) {
        self.memory = memory
        self.make = make
    }

    /// Makes ``Trainer``s.
    package static let standard = TrainerFactory(
        memory: { config, options, longestSequence, threadCount throws(TrainingError) in
            try Trainer.memory(config, options: options, longestSequence: longestSequence, threadCount: threadCount)
        },
        make: { parameters, options, pool throws(TrainingError) in
            try Trainer(parameters, options: options, pool: pool)
        })
}

extension TrainingMemory {
    /// The memory of weights, gradients and two moments in F32, and of `activations`.
    package init(parameterCount: Int, activations: Int) {
        self.init(
            weights: 4 * parameterCount, gradients: 4 * parameterCount, moments: 8 * parameterCount,
            activations: activations)
    }
}

extension StepReport {
    /// A step without clipping.
    package init(gradientNorm: Double) { self.init(gradientNorm: gradientNorm, clipFactor: 1) }
}
