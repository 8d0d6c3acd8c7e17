// SPDX-License-Identifier: Apache-2.0

import Evaluation
import Testing

@Suite struct ProportionTests {
    /// Source of the values: Python's statistics.NormalDist().inv_cdf.
    @Test(arguments: [
        (0.975, 1.9599639845400536), (0.5, 0), (0.75, 0.6744897501960817), (0.9995, 3.2905267314919255),
        (0.001, -3.090232306167813),
    ])
    func quantiles(_ p: Double, _ expected: Double) {
        #expect(abs(Proportion.normalQuantile(p) - expected) < 1e-12)
    }

    /// Source of the values: statsmodels' proportion_confint(method="wilson").
    @Test(arguments: [
        (0, 10, 0.0, 0.2775327998628892), (5, 10, 0.2365930905125640, 0.7634069094874360),
        (10, 10, 0.7224672001371108, 1.0), (1, 3, 0.06149194472039629, 0.7923403991979523),
    ])
    func wilson(_ successes: Int, _ total: Int, _ low: Double, _ high: Double) {
        let interval = Proportion.wilson(successes: successes, of: total, confidence: 0.95)
        #expect(abs(interval.low - low) < 1e-9 && abs(interval.high - high) < 1e-9, "\(interval)")
    }

    @Test func bootstrapHoldsTheMeanAndNarrows() throws {
        let few = (0..<10).map { Double($0 % 5) / 4 }
        let many = (0..<1000).map { Double($0 % 5) / 4 }
        for (values, tolerance) in [(few, 0.06), (many, 0.006)] {
            let interval = try #require(Bootstrap.mean(values, seed: 0))
            #expect(interval.low < 0.5 && interval.high > 0.5)
            // The deviation of the mean is 0.3536 / sqrt(n); the interval some four of them.
            let width = 3.92 * 0.35355 / Double(values.count).squareRoot()
            #expect(abs(interval.high - interval.low - width) < tolerance)
            let sure = try #require(Bootstrap.mean(values, seed: 0, confidence: 0.5))
            #expect(sure.low > interval.low && sure.high < interval.high)
        }
    }
}
