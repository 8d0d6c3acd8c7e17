// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute

/// A small generator with a seed to print (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Checkpoints of a few kilobytes, of every family.
enum TinyModel {
    static func config(
        _ family: ModelFamily, tied: Bool = false, window: Int? = nil, scaling: RopeConfig.Scaling = .none,
        pairing: RopeConfig.Pairing? = nil
    ) -> ModelConfig {
        let isGPT2 = family == .gpt2
        let rope = RopeConfig(
            dimensions: 4, base: 10_000,
            pairing: pairing ?? (family == .llama || family == .mistral ? .interleaved : .halves), scaling: scaling)
        return ModelConfig(
            family: family, vocabularySize: 12, contextLength: 16, width: 8, layerCount: 2, headCount: 2,
            kvHeadCount: isGPT2 ? 2 : 1, headSize: 4, feedForwardWidth: 12, normEpsilon: 1e-5,
            rope: isGPT2 ? nil : rope, slidingWindow: window, activation: isGPT2 ? .geluTanh : .swiGLU,
            tiesHead: tied)
    }

    /// Every tensor of `config`, filled with numbers of `seed`, in `type` where it is a matrix.
    static func checkpoint(
        _ config: ModelConfig, type: ElementType = .f32, withOptional: Bool = false, seed: UInt64 = 1
    ) -> Checkpoint {
        var generator = SeededGenerator(seed: seed)
        var tensors: [String: Tensor] = [:]
        for requirement in config.tensorRequirements where withOptional || !requirement.isOptional {
            let kind = requirement.shape.count > 1 ? type : .f32
            tensors[requirement.name] = tensor(requirement.shape, kind, &generator)
        }
        return Checkpoint(
            format: .gguf(version: 3), config: config, tensors: tensors, tokenizer: nil, metadata: [],
            generationConfig: nil, fileBytes: 0)
    }

    static func tensor(_ shape: [Int], _ type: ElementType, _ generator: inout SeededGenerator) -> Tensor? {
        guard let count = type.byteCount(elementCount: shape.reduce(1, *)) else { return nil }
        let storage = Storage(byteCount: count) { memory in
            for index in memory.indices { memory[index] = UInt8(truncatingIfNeeded: generator.next()) }
        }
        return Tensor(storage: storage, byteOffset: 0, type: type, shape: shape)
    }

    /// A vocabulary of `count` pieces.
    static func vocabulary(_ count: Int = 12) -> GGUFVocabulary {
        var vocabulary = GGUFVocabulary(model: "llama", pieces: (0..<count).map { "piece\($0)" })
        vocabulary.scores = (0..<count).map { -Float($0) }
        vocabulary.kinds = Array(repeating: .normal, count: count)
        vocabulary.specialIDs = ["bos": 1, "eos": 2]
        vocabulary.addsBOS = true
        vocabulary.merges = ["a b", "b c"]
        return vocabulary
    }

    /// The bytes of a llama2.c file and its vocabulary.
    static func llama2c(tied: Bool = true) -> (model: [UInt8], vocabulary: [UInt8]) {
        let (c, f, layers, heads, kvHeads, v, t) = (8, 12, 2, 2, 1, 12, 16)
        var model: [UInt8] = []
        func append(_ value: Int32, to bytes: inout [UInt8]) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        for field in [c, f, layers, heads, kvHeads, tied ? v : -v, t] { append(Int32(field), to: &model) }
        let keys = c / heads * kvHeads
        let floats =
            v * c + layers * (2 * c + 2 * c * c + 2 * keys * c + 3 * f * c) + c + t * (c / heads) + (tied ? 0 : v * c)
        for index in 0..<floats { append(Int32(bitPattern: Float(index).bitPattern), to: &model) }
        var vocabulary: [UInt8] = []
        append(8, to: &vocabulary)
        for index in 0..<v {
            append(Int32(bitPattern: (-Float(index)).bitPattern), to: &vocabulary)
            let piece = Array("piece\(index)".utf8)
            append(Int32(piece.count), to: &vocabulary)
            vocabulary += piece
        }
        return (model, vocabulary)
    }
}

extension Storage {
    /// Memory of exactly these bytes, so that an address sanitizer sees a read past them.
    static func holding(_ bytes: some Collection<UInt8>) -> Storage {
        Storage(byteCount: bytes.count) { $0.copyBytes(from: bytes) }
    }
}

extension Tensor {
    /// The bytes of all elements.
    var bytes: [UInt8] { [UInt8](UnsafeRawBufferPointer(start: address, count: byteCount)) }
}

/// The names at which two sets of tensors differ in type, shape or bytes.
func differences(_ left: [String: Tensor], _ right: [String: Tensor]) -> [String] {
    Set(left.keys).union(right.keys).filter { name in
        guard let a = left[name], let b = right[name] else { return true }
        return a.type != b.type || a.shape != b.shape || a.bytes != b.bytes
    }.sorted()
}
