// SPDX-License-Identifier: Apache-2.0

package import Checkpoints
package import Compute

/// A model with its gradients and its optimizer, as a run sees it.
///
/// Concurrency: one caller at a time.
package protocol TrainableModel: AnyObject {
    /// The model's sizes.
    var config: ModelConfig { get }

    /// Adds to the gradients those of the batch's summed loss divided by `labelCount`, and returns that sum, in nats.
    ///
    /// - Parameter labelCount: labels of the whole step, so that the mean is over the step and not over its batches.
    func accumulate(_ batch: SequenceBatch, labelCount: Int) -> Double

    /// The summed loss of the batch, in nats; gradients are left alone.
    func loss(_ batch: SequenceBatch) -> Double

    /// The norm of all gradients together.
    func gradientNorm() -> Double

    /// One step of the optimizer by the gradients, which are clipped to norm `clip` before and 0 afterwards.
    ///
    /// - Parameters:
    ///   - step: the number of the step, from 1.
    ///   - norm: what ``gradientNorm()`` returned.
    func update(step: Int, learningRate: Double, norm: Double, clip: Double?)

    /// Weights by canonical name, F32, valid until the next ``update(step:learningRate:norm:clip:)``.
    var weights: [String: Tensor] { get }

    /// Weights and moments under names of their own, F32, valid until the next update.
    var state: [String: Tensor] { get }

    /// Puts `state` of a model of the same sizes back.
    ///
    /// - Throws: ``CheckpointError`` if a tensor is missing or has another shape.
    func restore(_ state: [String: Tensor]) throws(CheckpointError)

    /// Where numbers stop being finite: the first weight, activation or gradient that is not, in words; `batch` is that
    /// of the step at fault.
    func firstNonFinite(_ batch: SequenceBatch) -> String
}
