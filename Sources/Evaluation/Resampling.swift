// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A range that holds a value with some confidence.
public struct Interval: Sendable, Equatable {
    /// The lower end.
    public var low: Double
    /// The upper end.
    public var high: Double

    /// A range with the given ends.
    public init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }
}

/// Confidence by drawing from the sample itself, with replacement (Efron 1979).
public enum Bootstrap {
    /// The resamples that are drawn.
    public static let resampleCount = 1000
    /// The confidence of the intervals.
    public static let confidence = 0.95

    /// The percentile interval of the mean; the same for the same values and seed. Nil for fewer than two values.
    public static func mean(
        _ values: [Double], seed: UInt64, confidence: Double = Bootstrap.confidence
    ) -> Interval? {
        guard values.count > 1 else { return nil }
        var stream = SeededStream(seed: seed)
        var means: [Double] = []
        means.reserveCapacity(resampleCount)
        for _ in 0..<resampleCount {
            var sum = 0.0
            for _ in values { sum += values[stream.index(below: values.count)] }
            means.append(sum / Double(values.count))
        }
        means.sort()
        let tail = (1 - confidence) / 2
        return Interval(low: quantile(tail, of: means), high: quantile(1 - tail, of: means))
    }

    /// The quantile of ascending values, between neighbours in proportion.
    static func quantile(_ share: Double, of values: [Double]) -> Double {
        let place = share * Double(values.count - 1)
        let below = Int(place)
        guard below + 1 < values.count else { return values[values.count - 1] }
        return values[below] + (values[below + 1] - values[below]) * (place - Double(below))
    }
}

/// Whether two settings differ, by pairs of values that differ in nothing else: a randomization test of the mean
/// difference, in which each difference may have either sign (Fisher 1935).
public struct PairedTest: Sendable, Equatable {
    /// The pairs.
    public var count: Int
    /// The mean of second minus first.
    public var meanDifference: Double
    /// Its bootstrap interval.
    public var interval: Interval?
    /// How likely a mean at least as far from zero is if signs are random; two-sided.
    public var pValue: Double

    /// Up to so many pairs all signs are tried.
    private static let exactLimit = 14
    private static let drawCount = 9999

    /// The test of `second` against `first`, of equal count. Nil for fewer than two pairs.
    public init?(_ first: [Double], _ second: [Double], seed: UInt64) {
        guard first.count > 1, first.count == second.count else { return nil }
        let differences = zip(first, second).map { $1 - $0 }
        count = differences.count
        meanDifference = differences.reduce(0, +) / Double(count)
        interval = Bootstrap.mean(differences, seed: seed)
        let observed = abs(differences.reduce(0, +))
        // Sums in another order may differ in the last bits.
        let threshold = observed - 1e-12 * differences.reduce(0) { $0 + abs($1) }
        if count <= Self.exactLimit {
            var atLeast = 0
            for signs in 0..<(1 << count) {
                let sum = differences.enumerated().reduce(0.0) {
                    $0 + ((signs >> $1.offset) & 1 == 0 ? $1.element : -$1.element)
                }
                if abs(sum) >= threshold { atLeast += 1 }
            }
            pValue = Double(atLeast) / Double(1 << count)
        } else {
            var stream = SeededStream(seed: seed)
            var atLeast = 1
            for _ in 0..<Self.drawCount {
                var sum = 0.0
                for difference in differences { sum += stream.next() >> 63 == 0 ? difference : -difference }
                if abs(sum) >= threshold { atLeast += 1 }
            }
            pValue = Double(atLeast) / Double(Self.drawCount + 1)
        }
    }
}

/// Pseudo-random numbers: SplitMix64 (Steele, Lea, Flood 2014).
package struct SeededStream: Sendable {
    private var state: UInt64

    /// A stream that depends on the seed alone.
    package init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number below `limit`; its chances differ from equal ones by less than limit / 2^64.
    package mutating func index(below limit: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(limit)).high)
    }
}
