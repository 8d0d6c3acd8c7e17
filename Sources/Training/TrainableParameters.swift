// SPDX-License-Identifier: Apache-2.0

internal import Architectures
public import Checkpoints
public import Compute

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
    let layout: ParameterLayout
    let values: UnsafeMutablePointer<Float>

    /// The tensors, in the order of their elements.
    public var entries: [Entry] { layout.entries }
    /// Elements of all tensors together, gaps included.
    public var elementCount: Int { layout.elementCount }
    /// The number of weights, without gaps.
    public var parameterCount: Int { entries.reduce(0) { $0 + $1.elements.count } }

    private init(_ config: ModelConfig, has: (String) -> Bool) {
        self.config = config
        layout = ParameterLayout(config, has: has)
        values = makeZeros(layout.elementCount)
    }

    deinit { UnsafeMutableRawPointer(values).deallocate() }

    /// Fresh weights for `config`: matrices normal with deviation 1/√(inputs), so that what they give is as large as
    /// what they get (LeCun et al. 1998); projections into the residual stream 1/√(2L) of that (Radford et al. 2019);
    /// embeddings √(3/width); norms 1, biases 0.
    ///
    /// At width 128 a fixed 0.02 as in GPT-2 learned more slowly to repeat rows of random words: a loss of 4.05 after 150
    /// steps against 3.41 with nearly these deviations (embeddings 0.15), at one learning rate, one seed each.
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
            let isEmbedding = entry.name == "token_embd.weight" || entry.name == "position_embd.weight"
            let isResidual = entry.name.hasSuffix("attn_output.weight") || entry.name.hasSuffix("ffn_down.weight")
            let variance = (isEmbedding ? 3 : 1) / Double(entry.shape[1])
            let deviation = (isResidual ? variance / (2 * Double(config.layerCount)) : variance).squareRoot()
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
        guard let elements = layout.elements(name) else { return nil }
        return Array(UnsafeBufferPointer(start: values + elements.lowerBound, count: elements.count))
    }

    /// Replaces the elements of the tensor `name`.
    ///
    /// - Throws: ``TrainingError/badState(tensor:expected:found:)`` if there is none, or not of that many elements.
    public func replace(_ name: String, with elements: [Float]) throws(TrainingError) {
        guard let range = layout.elements(name) else {
            throw .badState(tensor: name, expected: "a tensor of the model", found: "an unknown name")
        }
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
