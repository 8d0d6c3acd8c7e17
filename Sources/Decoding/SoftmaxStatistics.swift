// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What stages need to know of softmax(l), in double precision; the sums run in a fixed order.
struct SoftmaxStatistics {
    /// max l.
    let maximum: Double
    /// ln Σ e^(l - max l).
    let logMass: Double
    /// ln Σ e^l.
    var logSum: Double { maximum + logMass }
    /// H = -Σ p ln p, in nats.
    let entropy: Double

    /// The statistics of at least one finite logit; one pass after the maximum.
    ///
    /// With d = l - max l and Z = Σ e^d: H = ln Z - (Σ e^d·d) / Z.
    init(_ logits: UnsafeBufferPointer<Float>) {
        maximum = Double(LogitRange(logits).maximum)
        var sums = Exponential.Lanes(repeating: 0)
        var products = Exponential.Lanes(repeating: 0)
        var index = 0
        let whole = logits.count & ~7
        let raw = UnsafeRawBufferPointer(logits)
        while index < whole {
            let lanes = Exponential.Lanes(raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<Float>.self))
            let differences = lanes - maximum
            let weights = Exponential.exp(differences)
            sums += weights
            products += weights * differences
            index += 8
        }
        if index < logits.count {
            // So far below the rest that it adds nothing.
            var differences = Exponential.Lanes(repeating: -1e9)
            while index < logits.count {
                differences[index & 7] = Double(logits[index]) - maximum
                index += 1
            }
            let weights = Exponential.exp(differences)
            sums += weights
            products += weights * differences
        }
        let sum = sums.sum()
        logMass = log(sum)
        // Of one logit the filling of the last lanes would leave a trace.
        entropy = logits.count == 1 ? 0 : max(0, logMass - products.sum() / sum)
    }
}

extension CandidateSet {
    /// The statistics of the candidates.
    var statistics: SoftmaxStatistics { withLogits { SoftmaxStatistics($0) } }

    /// The place of the largest logit; of equal ones the first, which has the smallest id.
    package var likeliest: Int {
        withLogits { logits in logits.firstIndex(of: LogitRange(logits).maximum) ?? 0 }
    }
}

extension Float {
    /// The decimal that a request wrote, rather than the float nearest to it.
    var decimal: Double { Double(description) ?? Double(self) }
}
