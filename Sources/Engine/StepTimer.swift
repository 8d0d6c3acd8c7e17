// SPDX-License-Identifier: Apache-2.0

/// How many prompt tokens fit into a step of a given duration, learned from the steps that ran.
///
/// A step that makes running sequences wait for their next token keeps to the duration. Where none waits, a step may
/// take ten times as long: every step reads all weights, so prompts in small parts cost much more.
package struct StepTimer: Sendable {
    private let target: Duration
    private let limit: Int
    private var secondsPerRow: Double?

    /// A timer for steps of `target` duration with at most `limit` rows.
    package init(target: Duration, limit: Int) {
        self.target = target
        self.limit = limit
    }

    /// Rows for the next step: few at first, then what the target allows.
    ///
    /// - Parameter isDecoding: whether running sequences wait for the step.
    package func rowBudget(isDecoding: Bool) -> Int {
        let least = min(isDecoding ? 16 : 64, limit)
        guard let secondsPerRow, secondsPerRow > 0 else { return min(64, limit) }
        let rows = (isDecoding ? 1 : 10) * (target / .seconds(1)) / secondsPerRow
        return max(least, Int(min(rows, Double(limit))))
    }

    /// Notes a step.
    package mutating func record(rows: Int, duration: Duration) {
        // Decoding a few rows costs as much as reading the weights: it says little about what one more row costs.
        guard rows >= 16 else { return }
        let measured = (duration / .seconds(1)) / Double(rows)
        secondsPerRow = secondsPerRow.map { 0.7 * $0 + 0.3 * measured } ?? measured
    }
}
