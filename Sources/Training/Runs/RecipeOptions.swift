// SPDX-License-Identifier: Apache-2.0

extension Recipe {
    /// How a trainer of this recipe works.
    func trainerOptions(sequenceLength: Int) -> TrainerOptions {
        var options = TrainerOptions()
        options.optimizer.beta1 = optimizer.beta1
        options.optimizer.beta2 = optimizer.beta2
        options.optimizer.epsilon = optimizer.epsilon
        options.optimizer.weightDecay = optimizer.weightDecay
        options.optimizer.decaysEmbeddings = optimizer.decaysEmbeddings
        options.optimizer.clipNorm = optimizer.clip
        options.recomputesBlocks = recomputes
        options.rowsPerPass = max(batchTokens / accumulation, sequenceLength)
        return options
    }

    /// The learning rate of each step; a straight line is a decay over all steps after the warm-up.
    package func learningRates() throws(RunError) -> LearningRateSchedule {
        let shape: LearningRateSchedule.Shape =
            switch schedule.shape {
            case .constant: .constant
            case .linear: .warmupStableDecay(decaySteps: steps - schedule.warmup, floor: schedule.final)
            case .cosine: .cosine(floor: schedule.final)
            case .wsd: .warmupStableDecay(decaySteps: schedule.decay, floor: schedule.final)
            }
        do throws(TrainingError) {
            return try LearningRateSchedule(
                peak: optimizer.learningRate, warmupSteps: schedule.warmup, totalSteps: steps, shape: shape)
        } catch {
            throw .model("\(error)")
        }
    }
}
