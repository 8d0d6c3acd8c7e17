// SPDX-License-Identifier: Apache-2.0

import Testing
import Training

@Suite("Learning rate")
struct ScheduleTests {
    @Test("rises linearly to the peak, then stays")
    func constant() throws {
        let schedule = try LearningRateSchedule(peak: 2, warmupSteps: 4, totalSteps: 10, shape: .constant)
        #expect((0..<12).map(schedule.rate(step:)) == [0.5, 1, 1.5, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    }

    @Test("falls along half a cosine to the floor")
    func cosine() throws {
        let schedule = try LearningRateSchedule(peak: 1, warmupSteps: 2, totalSteps: 7, shape: .cosine(floor: 0.1))
        let expected = [0.5, 1, 1, 0.1 + 0.45 * (1 + 0.5.squareRoot()), 0.55, 0.1 + 0.45 * (1 - 0.5.squareRoot()), 0.1]
        for (step, rate) in expected.enumerated() { #expect(abs(schedule.rate(step: step) - rate) < 1e-12) }
        #expect(schedule.rate(step: 100) == schedule.rate(step: 6))
    }

    @Test("is stable, then decays over the last steps")
    func warmupStableDecay() throws {
        let schedule = try LearningRateSchedule(
            peak: 1, warmupSteps: 2, totalSteps: 8, shape: .warmupStableDecay(decaySteps: 4, floor: 0))
        #expect((0..<8).map(schedule.rate(step:)) == [0.5, 1, 1, 1, 0.75, 0.5, 0.25, 0])
    }

    @Test("refuses what does not fit")
    func refusals() {
        #expect(throws: TrainingError.self) {
            try LearningRateSchedule(peak: .nan, warmupSteps: 0, totalSteps: 1, shape: .constant)
        }
        #expect(throws: TrainingError.self) {
            try LearningRateSchedule(peak: 1, warmupSteps: 3, totalSteps: 2, shape: .constant)
        }
        #expect(throws: TrainingError.self) {
            try LearningRateSchedule(peak: 1, warmupSteps: 0, totalSteps: 2, shape: .cosine(floor: 1.5))
        }
        #expect(throws: TrainingError.self) {
            try LearningRateSchedule(
                peak: 1, warmupSteps: 1, totalSteps: 4, shape: .warmupStableDecay(decaySteps: 4, floor: 0))
        }
    }
}
