// SPDX-License-Identifier: Apache-2.0

public import Architectures
public import Checkpoints
public import Compute

/// A weight under training: which one of a model's ``TrainableParameters`` it is.
public struct TrainableParameter: Sendable, Equatable {
    /// Its place among all of the model's weights, by name.
    let index: Int
    /// Its first element among all elements.
    let offset: Int
    /// Outermost first: `[outputs, inputs]` or `[count]`.
    let shape: [Int]

    var count: Int { shape.reduce(1, *) }
    var elements: Range<Int> { offset..<offset + count }
}

/// The weights of a model in F32, by canonical name (`token_embd.weight`, `blk.0.attn_q.weight`, …), in memory that
/// training changes.
///
/// All tensors stand one after the other, each from a multiple of 16 elements on, ordered as the model's configuration
/// lists them; gradients and moments have the same layout. The gaps are zero and stay so.
///
/// Concurrency: one user at a time.
public final class TrainableParameters {
    /// One tensor.
    public struct Entry: Sendable, Equatable {
        /// The canonical name.
        public let name: String
        /// Outermost first.
        public let shape: [Int]
        /// Where its elements are among all elements.
        public let elements: Range<Int>
    }

    /// What the weights are for.
    public let config: ModelConfig
    /// The tensors, in the order of their elements.
    public let entries: [Entry]
    /// Elements of all tensors together, gaps included.
    public let elementCount: Int
    /// The number of weights, without gaps.
    public var parameterCount: Int { entries.reduce(0) { $0 + $1.elements.count } }
    let values: UnsafeMutablePointer<Float>
    private let indices: [String: Int]

    private init(_ config: ModelConfig, names: (String) -> Bool) {
        self.config = config
        var entries: [Entry] = []
        var end = 0
        for requirement in config.tensorRequirements where !requirement.isOptional || names(requirement.name) {
            let count = requirement.shape.reduce(1, *)
            entries.append(Entry(name: requirement.name, shape: requirement.shape, elements: end..<end + count))
            end += (count + 15) / 16 * 16
        }
        self.entries = entries
        elementCount = end
        indices = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
        values = Self.allocate(end)
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 16) * 4, alignment: 64)
        let values = memory.bindMemory(to: Float.self, capacity: max(count, 16))
        values.initialize(repeating: 0, count: max(count, 16))
        return values
    }

    deinit { UnsafeMutableRawPointer(values).deallocate() }

    /// Fresh weights for `config`: matrices normal with deviation 0.02, projections into the residual stream with
    /// 0.02/√(2L) (Radford et al. 2019), norms 1, biases 0.
    ///
    /// Every element is a function of the seed, the tensor's name and the element's place alone.
    public convenience init(_ config: ModelConfig, seed: UInt64) {
        self.init(config) { _ in false }
        for entry in entries {
            let values = values + entry.elements.lowerBound
            let isBias = entry.name.hasSuffix(".bias")
            if entry.shape.count == 1 {
                for index in entry.elements.indices { values[index - entry.elements.lowerBound] = isBias ? 0 : 1 }
                continue
            }
            let isResidual = entry.name.hasSuffix("attn_output.weight") || entry.name.hasSuffix("ffn_down.weight")
            let deviation = isResidual ? 0.02 / (2 * Double(config.layerCount)).squareRoot() : 0.02
            let noise = NormalNoise(seed: seed, name: entry.name)
            for index in 0..<entry.elements.count { values[index] = Float(deviation * noise[index]) }
        }
    }

    /// The weights of `checkpoint`, converted to F32.
    ///
    /// - Throws: ``TrainingError/architecture(_:)`` if it holds no model, lacks a tensor or has one of another shape.
    public convenience init(_ checkpoint: Checkpoint) throws(TrainingError) {
        guard let config = checkpoint.config else { throw .architecture(.noModel) }
        self.init(config) { checkpoint.tensors[$0] != nil }
        for entry in entries {
            guard let tensor = checkpoint.tensors[entry.name] else {
                throw .architecture(.missingTensor(entry.name))
            }
            guard tensor.shape == entry.shape else {
                throw .architecture(.wrongShape(tensor: entry.name, expected: entry.shape, found: tensor.shape))
            }
            Kernels.dequantize(tensor, into: values + entry.elements.lowerBound)
        }
    }

    /// The elements of all tensors, gaps included: `elementCount` of them.
    public func withValues<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
        try body(UnsafeBufferPointer(start: values, count: elementCount))
    }

    /// The elements of the tensor `name`, or nil if there is none.
    public subscript(_ name: String) -> [Float]? {
        guard let index = indices[name] else { return nil }
        let elements = entries[index].elements
        return Array(UnsafeBufferPointer(start: values + elements.lowerBound, count: elements.count))
    }

    /// Replaces the elements of the tensor `name`.
    ///
    /// - Throws: ``TrainingError/badState(tensor:expected:found:)`` if there is none, or not of that many elements.
    public func replace(_ name: String, with elements: [Float]) throws(TrainingError) {
        guard let index = indices[name] else {
            throw .badState(tensor: name, expected: "a tensor of the model", found: "an unknown name")
        }
        let range = entries[index].elements
        guard range.count == elements.count else {
            throw .badState(tensor: name, expected: "\(range.count) elements", found: "\(elements.count)")
        }
        elements.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            (values + range.lowerBound).update(from: base, count: range.count)
        }
    }

    /// A copy of all tensors by name, as a checkpoint holds them. Matrices are rounded to `type` (F32, F16 or BF16),
    /// to nearest and ties to even; vectors stay F32.
    public func makeTensors(type: ElementType = .f32) -> [String: Tensor] {
        precondition([.f32, .f16, .bf16].contains(type), "weights under training are written in a plain type")
        var tensors: [String: Tensor] = [:]
        for entry in entries {
            let type = entry.shape.count == 1 ? .f32 : type
            let source = UnsafeBufferPointer(start: values + entry.elements.lowerBound, count: entry.elements.count)
            let storage = Storage(byteCount: source.count * type.blockBytes) { memory in
                switch type {
                case .f16: Self.fill(memory, source) { Float16($0).bitPattern }
                case .bf16: Self.fill(memory, source, Self.upperHalf)
                default: Self.fill(memory, source) { $0 }
                }
            }
            tensors[entry.name] = Tensor(storage: storage, byteOffset: 0, type: type, shape: entry.shape)
        }
        return tensors
    }

    private static func fill<Element>(
        _ memory: UnsafeMutableRawBufferPointer, _ source: UnsafeBufferPointer<Float>, _ convert: (Float) -> Element
    ) {
        let elements = memory.bindMemory(to: Element.self)
        for index in source.indices { elements[index] = convert(source[index]) }
    }

    /// The upper half of a binary32, to nearest and ties to even; NaN stays NaN.
    private static func upperHalf(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        guard !value.isNaN else { return UInt16(bits >> 16) | 0x40 }
        return UInt16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)
    }

    /// A checkpoint of these weights, to be written.
    public func makeCheckpoint(type: ElementType = .f32, tokenizer: TokenizerSource?) -> Checkpoint {
        Checkpoint(
            format: .safetensors(fileCount: 1), config: config, tensors: makeTensors(type: type), tokenizer: tokenizer)
    }
}

extension TrainableParameters: ParameterSource {
    /// The handle of the tensor `name`, shape checked.
    public func matrix(_ name: String, _ shape: [Int]) throws(ArchitectureError) -> TrainableParameter {
        guard let index = indices[name] else { throw .missingTensor(name) }
        let entry = entries[index]
        guard entry.shape == shape else {
            throw .wrongShape(tensor: name, expected: shape, found: entry.shape)
        }
        return TrainableParameter(index: index, offset: entry.elements.lowerBound, shape: shape)
    }

    /// The handle of the vector `name`.
    public func vector(_ name: String, _ count: Int) throws(ArchitectureError) -> TrainableParameter {
        try matrix(name, [count])
    }

    /// Whether there is a tensor of this name.
    public func has(_ name: String) -> Bool { indices[name] != nil }
}
