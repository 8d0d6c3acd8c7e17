// SPDX-License-Identifier: Apache-2.0

public import Compute

extension Checkpoint {
    /// This checkpoint with its tensors in other types.
    ///
    /// - Parameter pool: the threads that convert.
    /// - Throws: ``CheckpointError`` if there is no model, or a weight is not finite or too large for its type.
    public func quantized(to scheme: QuantizationScheme, on pool: WorkerPool) throws(CheckpointError) -> Checkpoint {
        guard let config else {
            throw .notACheckpoint(path: "checkpoint", found: "a vocabulary without a model")
        }
        var result = self
        for requirement in config.tensorRequirements {
            guard let tensor = tensors[requirement.name] else { continue }
            let wanted = scheme.type(of: requirement.name, shape: tensor.shape, in: config)
            let greatest = tensor.greatestMagnitude(on: pool)
            guard greatest <= wanted.greatestMagnitude, let converted = tensor.converted(to: wanted, on: pool) else {
                throw .badTensor(
                    file: "checkpoint", name: requirement.name,
                    expected: "numbers of a magnitude up to \(wanted.greatestMagnitude) for \(wanted.name)",
                    found: "\(greatest)")
            }
            result.tensors[requirement.name] = converted
        }
        return result
    }

    /// The bytes that the weights take in memory in this scheme; nil if there is no model, or nothing that counts them.
    public func byteCount(in scheme: QuantizationScheme) -> Int? {
        guard let config else { return nil }
        var total = 0
        for requirement in config.tensorRequirements {
            guard let tensor = tensors[requirement.name] else { continue }
            let type = scheme.type(of: requirement.name, shape: tensor.shape, in: config)
            guard let bytes = type.byteCount(elementCount: tensor.elementCount) else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(bytes)
            guard !overflow else { return nil }
            total = sum
        }
        return total
    }
}

extension ElementType {
    /// The greatest magnitude that a type of ``writable`` can hold: of block formats, their scale is a binary16.
    fileprivate var greatestMagnitude: Float {
        let half = Float(Float16.greatestFiniteMagnitude)
        switch self {
        case .f32: return .greatestFiniteMagnitude
        case .bf16: return Float(bitPattern: 0x7F7F_0000)
        case .q8_0: return half * 127
        case .q4_0: return half * 8
        case .q5_0: return half * 16
        // The minimum of a block is at most 63 times a binary16, and so is the range above it.
        case .q4_K, .q5_K: return half * 63
        case .q6_K: return half * 32
        default: return half
        }
    }
}
