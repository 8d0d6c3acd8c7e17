// SPDX-License-Identifier: Apache-2.0

import Engine
import Testing

/// What `--max-gap` sets is the target of these steps.
@Suite struct StepTimerTests {
    /// A timer that has seen a step in which a row took 1/1024 of a second.
    private func timer(target: Duration, limit: Int = 512) -> StepTimer {
        var timer = StepTimer(target: target, limit: limit)
        timer.record(rows: 128, duration: .milliseconds(125))
        return timer
    }

    @Test func theFirstStepIsSmall() {
        let timer = StepTimer(target: .milliseconds(10_000), limit: 512)
        #expect(timer.rowBudget(isDecoding: true) == 64)
        #expect(timer.rowBudget(isDecoding: false) == 64)
        #expect(StepTimer(target: .milliseconds(50), limit: 20).rowBudget(isDecoding: true) == 20)
    }

    @Test(arguments: [(30, 30), (50, 51), (300, 307), (600, 512)])
    func aStepThatOthersWaitForKeepsToTheGap(milliseconds: Int, rows: Int) {
        #expect(timer(target: .milliseconds(milliseconds)).rowBudget(isDecoding: true) == rows)
    }

    @Test(arguments: [(7, 71), (30, 307), (300, 512)])
    func aStepThatNoneWaitsForTakesTenTimesAsLong(milliseconds: Int, rows: Int) {
        #expect(timer(target: .milliseconds(milliseconds)).rowBudget(isDecoding: false) == rows)
    }

    @Test func aSmallGapStillMakesProgress() {
        #expect(timer(target: .milliseconds(1)).rowBudget(isDecoding: true) == 16)
        #expect(timer(target: .milliseconds(1)).rowBudget(isDecoding: false) == 64)
        #expect(timer(target: .milliseconds(1), limit: 8).rowBudget(isDecoding: true) == 8)
    }

    @Test func slowerStepsShrinkTheNextOnes() {
        var timer = timer(target: .milliseconds(30))
        timer.record(rows: 15, duration: .seconds(100))
        #expect(timer.rowBudget(isDecoding: true) == 30, "few rows say little about what a row costs")
        timer.record(rows: 128, duration: .milliseconds(250))
        #expect(timer.rowBudget(isDecoding: true) == 23)
    }
}
