// SPDX-License-Identifier: Apache-2.0

public import Compute

extension Checkpoint {
    /// This checkpoint with its matrices in another type.
    ///
    /// As llama.cpp's quantizer does, vectors and the table of positions become F32. The output head (the embedding,
    /// where it is tied) is the most sensitive matrix: beside Q4_0 it becomes Q8_0. A matrix whose rows do not hold
    /// whole blocks becomes F16.
    ///
    /// - Parameter type: one of ``ElementType/writable``.
    /// - Throws: ``CheckpointError`` if there is no model, or a weight is not finite or too large for the type.
    public func quantized(to type: ElementType) throws(CheckpointError) -> Checkpoint {
        guard let config else {
            throw .notACheckpoint(path: "checkpoint", found: "a vocabulary without a model")
        }
        var result = self
        for requirement in config.tensorRequirements {
            guard let tensor = tensors[requirement.name] else { continue }
            let wanted = Self.type(of: tensor, named: requirement.name, in: config, as: type)
            let greatest = tensor.greatestMagnitude
            guard greatest <= wanted.greatestMagnitude, let converted = tensor.converted(to: wanted) else {
                throw .badTensor(
                    file: "checkpoint", name: requirement.name,
                    expected: "numbers of a magnitude up to \(wanted.greatestMagnitude) for \(wanted.name)",
                    found: "\(greatest)")
            }
            result.tensors[requirement.name] = converted
        }
        return result
    }

    private static func type(
        of tensor: Tensor, named name: String, in config: ModelConfig, as type: ElementType
    ) -> ElementType {
        guard tensor.shape.count > 1, name != "position_embd.weight" else { return .f32 }
        let head = config.tiesHead ? "token_embd.weight" : "output.weight"
        let wanted = type == .q4_0 && name == head ? .q8_0 : type
        return tensor.columns % wanted.blockSize == 0 ? wanted : .f16
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
        default: return half
        }
    }
}
