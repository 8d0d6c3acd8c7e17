// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Intervals in which a mean lies with some confidence.
package enum Intervals {
    /// Wilson's score interval of a proportion. Source: Wilson 1927.
    ///
    /// - Parameter total: the number of trials; of none the interval is 0 to 1.
    package static func wilson(successes: Int, of total: Int, confidence: Double) -> ClosedRange<Double> {
        guard total > 0 else { return 0...1 }
        let z = normalQuantile(0.5 + confidence / 2)
        let n = Double(total)
        let share = Double(successes) / n
        let middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        let half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        // At the ends rounding may step over.
        return max(0, min(middle - half, share))...min(1, max(middle + half, share))
    }

    /// The percentile bootstrap of the mean, from `draws` samples with replacement. Source: Efron 1979.
    ///
    /// The draws are a function of `seed`; the percentiles are interpolated linearly.
    package static func bootstrap(
        _ values: [Double], confidence: Double, draws: Int = 1000, seed: UInt64 = 0
    ) -> ClosedRange<Double> {
        guard let first = values.first, draws > 0 else { return 0...1 }
        guard values.count > 1 else { return first...first }
        var state = seed
        var means: [Double] = []
        means.reserveCapacity(draws)
        for _ in 0..<draws {
            var sum = 0.0
            for _ in values { sum += values[Int(next(&state).multipliedFullWidth(by: UInt64(values.count)).high)] }
            means.append(sum / Double(values.count))
        }
        means.sort()
        func percentile(_ share: Double) -> Double {
            let place = share * Double(draws - 1)
            let low = Int(place)
            guard low + 1 < draws else { return means[draws - 1] }
            return means[low] + (place - Double(low)) * (means[low + 1] - means[low])
        }
        return percentile((1 - confidence) / 2)...percentile((1 + confidence) / 2)
    }

    /// SplitMix64. Source: Steele, Lea, Flood 2014.
    private static func next(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }

    /// The value below which a standard normal variable lies with probability `p`, 0 < p < 1: Newton's method on erfc, to
    /// about 1e-14.
    package static func normalQuantile(_ p: Double) -> Double {
        var x = 0.0
        for _ in 0..<100 {
            let difference = erfc(-x / 2.0.squareRoot()) / 2 - p
            let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            // A damped step: far out the density is small.
            let step = max(-1, min(1, difference / max(density, 1e-300)))
            x -= step
            if abs(step) < 1e-15 * max(1, abs(x)) { break }
        }
        return x
    }
}
