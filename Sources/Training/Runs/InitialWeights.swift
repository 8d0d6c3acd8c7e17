// SPDX-License-Identifier: Apache-2.0

package import Checkpoints
package import Compute
import Glibc

/// The weights of a model before training, as GPT-2 has them (Radford et al. 2019): matrices from a normal distribution
/// of standard deviation 0.02, those that end in the residual stream divided by the root of how many there are, norms 1,
/// biases 0.
///
/// An element is a pure function of seed, tensor and place.
package struct InitialWeights {
    private static let deviation = 0.02
    private let config: ModelConfig
    private let seed: UInt64

    package init(_ config: ModelConfig, seed: UInt64) {
        self.config = config
        self.seed = seed
    }

    /// All tensors by canonical name, F32. Linear layers have the biases that their family cannot do without.
    package func tensors() -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for requirement in config.tensorRequirements where !requirement.isOptional {
            tensors[requirement.name] = tensor(requirement.name, requirement.shape)
        }
        return tensors
    }

    private func tensor(_ name: String, _ shape: [Int]) -> Tensor? {
        let count = shape.reduce(1, *)
        let storage = Storage(byteCount: count * 4) { memory in
            let floats = memory.bindMemory(to: Float.self)
            switch shape.count {
            case 1: floats.initialize(repeating: name.hasSuffix(".bias") ? 0 : 1)
            default: fill(floats, key: ContentHash.combine([seed, ContentHash.hash(name)]), deviation(of: name))
            }
        }
        return Tensor(storage: storage, byteOffset: 0, type: .f32, shape: shape)
    }

    private func deviation(of name: String) -> Double {
        let endsInResidual = name.hasSuffix("attn_output.weight") || name.hasSuffix("ffn_down.weight")
        return endsInResidual ? Self.deviation / Double(2 * config.layerCount).squareRoot() : Self.deviation
    }

    /// Normal numbers two by two (Box & Muller 1958).
    private func fill(_ floats: UnsafeMutableBufferPointer<Float>, key: UInt64, _ deviation: Double) {
        for pair in 0..<(floats.count + 1) / 2 {
            let word = ContentHash.mix(key &+ UInt64(pair) &* 0x9E37_79B9_7F4A_7C15)
            let radius = (-2 * log((Double(word >> 32) + 0.5) * 0x1p-32)).squareRoot() * deviation
            let angle = 2 * Double.pi * Double(word & 0xFFFF_FFFF) * 0x1p-32
            floats[2 * pair] = Float(radius * cos(angle))
            if 2 * pair + 1 < floats.count { floats[2 * pair + 1] = Float(radius * sin(angle)) }
        }
    }
}
