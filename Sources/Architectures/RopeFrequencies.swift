// SPDX-License-Identifier: Apache-2.0

package import Checkpoints
import Glibc

/// The angles per position of a rotary embedding, stretched as the configuration says.
package struct RopeFrequencies: Sendable, Equatable {
    /// Radians per position for each pair, `dimensions / 2` of them.
    package let frequencies: [Double]
    /// Cosines and sines are multiplied by this (YaRN's attention factor; 1 otherwise).
    package let magnitude: Float

    /// The frequencies of `config`; definitions as in Hugging Face's `modeling_rope_utils`.
    package init(_ config: RopeConfig) {
        let pairCount = config.dimensions / 2
        let plain = (0..<pairCount).map { pow(config.base, -2 * Double($0) / Double(config.dimensions)) }
        switch config.scaling {
        case .none:
            frequencies = plain
            magnitude = 1
        case .linear(let factor):
            frequencies = plain.map { $0 / factor }
            magnitude = 1
        case .factors(let factors):
            frequencies = zip(plain, factors).map { $0 / Double($1) }
            magnitude = 1
        case .llama3(let factor, let low, let high, let originalContext):
            frequencies = plain.map { frequency in
                let wavelength = 2 * Double.pi / frequency
                if wavelength < Double(originalContext) / high { return frequency }
                if wavelength > Double(originalContext) / low { return frequency / factor }
                let smooth = (Double(originalContext) / wavelength - low) / (high - low)
                return (1 - smooth) * frequency / factor + smooth * frequency
            }
            magnitude = 1
        case .yarn(let factor, let originalContext, let betaFast, let betaSlow, let attentionFactor):
            frequencies = Self.yarn(
                plain, config: config, factor: factor, originalContext: originalContext, betaFast: betaFast,
                betaSlow: betaSlow)
            magnitude = Float(attentionFactor ?? (factor <= 1 ? 1 : 0.1 * log(factor) + 1))
        }
    }

    /// "NTK by parts": pairs that turn often keep their frequency, pairs that turn rarely are interpolated
    /// (Peng et al. 2023, section 3.2).
    private static func yarn(
        _ plain: [Double], config: RopeConfig, factor: Double, originalContext: Int, betaFast: Double, betaSlow: Double
    ) -> [Double] {
        func pairIndex(rotations: Double) -> Double {
            Double(config.dimensions) * log(Double(originalContext) / (rotations * 2 * .pi)) / (2 * log(config.base))
        }
        let low = max(pairIndex(rotations: betaFast).rounded(.down), 0)
        var high = min(pairIndex(rotations: betaSlow).rounded(.up), Double(config.dimensions - 1))
        if high == low { high += 0.001 }
        return plain.enumerated().map { index, frequency in
            let ramp = min(max((Double(index) - low) / (high - low), 0), 1)
            return frequency / factor * ramp + frequency * (1 - ramp)
        }
    }
}
