// SPDX-License-Identifier: Apache-2.0

import Glibc

extension Recipe {
    /// The learning rate of step `step`, from 1: rises in proportion over the warm-up, then follows the shape and is the
    /// final share of the peak at the last step.
    package func learningRate(step: Int) -> Double {
        let peak = optimizer.learningRate
        if step <= schedule.warmup { return peak * Double(step) / Double(schedule.warmup) }
        func along(_ start: Int) -> Double {
            steps > start ? min(max(Double(step - start) / Double(steps - start), 0), 1) : 1
        }
        let low = schedule.final
        switch schedule.shape {
        case .constant: return peak
        case .linear: return peak * (1 - (1 - low) * along(schedule.warmup))
        case .cosine: return peak * (low + (1 - low) * 0.5 * (1 + cos(.pi * along(schedule.warmup))))
        case .wsd: return peak * (1 - (1 - low) * along(steps - schedule.decay))
        }
    }
}
