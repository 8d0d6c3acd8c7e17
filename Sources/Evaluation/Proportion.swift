// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How sure a share of successes is.
public enum Proportion {
    /// Wilson's score interval. Source: Wilson 1927.
    ///
    /// - Parameter total: the number of trials; of none the interval is 0 to 1.
    public static func wilson(successes: Int, of total: Int, confidence: Double) -> Interval {
        guard total > 0 else { return Interval(low: 0, high: 1) }
        let z = normalQuantile(0.5 + confidence / 2)
        let n = Double(total)
        let share = Double(successes) / n
        let middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        let half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        // At the ends rounding may step over.
        return Interval(low: max(0, min(middle - half, share)), high: min(1, max(middle + half, share)))
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
