// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The learning rate as a pure function of the step: a linear rise, then a shape.
public struct LearningRateSchedule: Sendable, Equatable {
    /// What follows the rise.
    public enum Shape: Sendable, Equatable {
        /// The peak to the end.
        case constant
        /// Half a cosine from the peak to `floor` times the peak at the last step (Loshchilov & Hutter 2017).
        case cosine(floor: Double)
        /// Warm-up, stable, decay (Hu et al. 2024): the peak until `decaySteps` before the end, then linearly down to
        /// `floor` times the peak at the last step.
        case warmupStableDecay(decaySteps: Int, floor: Double)
    }

    /// The highest rate.
    public let peak: Double
    /// Steps of the rise: step i of these has `peak · (i + 1) / warmupSteps`.
    public let warmupSteps: Int
    /// All steps of the run; later steps have the rate of the last.
    public let totalSteps: Int
    /// What follows the rise.
    public let shape: Shape

    /// A schedule of the given parts.
    ///
    /// - Throws: ``TrainingError/badOption(name:expected:found:)`` if the peak is not a positive finite number, a
    ///   count is negative, warm-up and decay do not fit into the run, or the floor is not in 0...1.
    public init(peak: Double, warmupSteps: Int, totalSteps: Int, shape: Shape) throws(TrainingError) {
        guard peak.isFinite, peak > 0 else {
            throw .badOption(name: "peak", expected: "a positive number", found: "\(peak)")
        }
        guard totalSteps > 0 else {
            throw .badOption(name: "totalSteps", expected: "at least 1", found: "\(totalSteps)")
        }
        guard warmupSteps >= 0, warmupSteps <= totalSteps else {
            throw .badOption(name: "warmupSteps", expected: "0...\(totalSteps)", found: "\(warmupSteps)")
        }
        switch shape {
        case .constant: break
        case .cosine(let floor): try Self.checkFloor(floor)
        case .warmupStableDecay(let decaySteps, let floor):
            try Self.checkFloor(floor)
            guard decaySteps >= 0, decaySteps <= totalSteps - warmupSteps else {
                throw .badOption(
                    name: "decaySteps", expected: "0...\(totalSteps - warmupSteps)", found: "\(decaySteps)")
            }
        }
        self.peak = peak
        self.warmupSteps = warmupSteps
        self.totalSteps = totalSteps
        self.shape = shape
    }

    private static func checkFloor(_ floor: Double) throws(TrainingError) {
        guard floor >= 0, floor <= 1 else {
            throw .badOption(name: "floor", expected: "a number in 0...1", found: "\(floor)")
        }
    }

    /// The rate of step `step`, counted from 0.
    public func rate(step: Int) -> Double {
        let step = min(max(step, 0), totalSteps - 1)
        guard step >= warmupSteps else { return peak * Double(step + 1) / Double(warmupSteps) }
        switch shape {
        case .constant: return peak
        case .cosine(let floor):
            let span = totalSteps - warmupSteps
            let share = span > 1 ? Double(step - warmupSteps) / Double(span - 1) : 1
            return peak * (floor + (1 - floor) * 0.5 * (1 + cos(.pi * share)))
        case .warmupStableDecay(let decaySteps, let floor):
            let decayed = step - (totalSteps - decaySteps) + 1
            guard decayed > 0 else { return peak }
            return peak * (1 - (1 - floor) * Double(decayed) / Double(decaySteps))
        }
    }
}
