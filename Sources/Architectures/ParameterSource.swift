// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
public import Compute

/// Why a checkpoint's tensors do not make a model.
public enum ArchitectureError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The checkpoint has a vocabulary only.
    case noModel
    /// This tensor is missing.
    case missingTensor(String)
    /// This tensor has another shape than the configuration asks for.
    case wrongShape(tensor: String, expected: [Int], found: [Int])
    /// This tensor must be stored as F32 (after conversion at load), but is not.
    case wrongType(tensor: String, found: ElementType)

    /// The fault in words.
    public var description: String {
        switch self {
        case .noModel: "the file holds a vocabulary, but no model"
        case .missingTensor(let name): "tensor \(name) is missing"
        case .wrongShape(let name, let expected, let found):
            "tensor \(name) has shape \(found), but the configuration asks for \(expected)"
        case .wrongType(let name, let found): "tensor \(name) has type \(found.name), which cannot be used there"
        }
    }
}

/// Where a model family gets its weights from: looks a tensor up by canonical name and checks its shape.
public protocol ParameterSource {
    /// A weight.
    associatedtype Parameter

    /// The matrix or vector `name` of the given shape.
    func matrix(_ name: String, _ shape: [Int]) throws(ArchitectureError) -> Parameter
    /// The vector `name`, such as a norm's scale or a bias.
    func vector(_ name: String, _ count: Int) throws(ArchitectureError) -> Parameter
    /// Whether there is a tensor of this name.
    func has(_ name: String) -> Bool
}

extension ParameterSource {
    /// The layer `name`.weight `[outputs, inputs]` with `name`.bias if there is one.
    public func linear(
        _ name: String, inputs: Int, outputs: Int
    ) throws(ArchitectureError) -> Linear<Parameter> {
        Linear(
            weight: try matrix(name + ".weight", [outputs, inputs]),
            bias: has(name + ".bias") ? try vector(name + ".bias", outputs) : nil)
    }

    /// The layer norm `name`.weight and `name`.bias.
    public func affineNorm(_ name: String, width: Int) throws(ArchitectureError) -> AffineNorm<Parameter> {
        AffineNorm(weight: try vector(name + ".weight", width), bias: try vector(name + ".bias", width))
    }
}

/// The tensors of a checkpoint as weights for inference. Vectors are converted to F32.
public struct CheckpointParameters: ParameterSource {
    private let tensors: [String: Tensor]

    /// The tensors of `checkpoint`.
    public init(_ checkpoint: Checkpoint) {
        tensors = checkpoint.tensors
    }

    /// The tensor `name` as it is stored.
    public func matrix(_ name: String, _ shape: [Int]) throws(ArchitectureError) -> Tensor {
        guard let tensor = tensors[name] else { throw .missingTensor(name) }
        guard tensor.shape == shape else {
            throw .wrongShape(tensor: name, expected: shape, found: tensor.shape)
        }
        return tensor
    }

    /// The tensor `name` in F32.
    public func vector(_ name: String, _ count: Int) throws(ArchitectureError) -> Tensor {
        let tensor = try matrix(name, [count])
        guard tensor.type != .f32 || Int(bitPattern: tensor.address) % 4 != 0 else { return tensor }
        let storage = Storage(byteCount: count * 4) { memory in
            guard let floats = memory.bindMemory(to: Float.self).baseAddress else { return }
            Kernels.dequantize(tensor, into: floats)
        }
        guard let converted = Tensor(storage: storage, byteOffset: 0, type: .f32, shape: [count]) else {
            throw .wrongType(tensor: name, found: tensor.type)
        }
        return converted
    }

    /// Whether there is a tensor of this name.
    public func has(_ name: String) -> Bool { tensors[name] != nil }
}
