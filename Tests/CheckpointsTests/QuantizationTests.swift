// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import Testing

@Suite("Quantization")
struct QuantizationTests {
    private static func config(
        _ family: ModelFamily = .llama, layers: Int = 16, width: Int = 512, feedForward: Int = 1536, tied: Bool = false
    ) -> ModelConfig {
        var config = TinyModel.config(family, tied: tied)
        config.layerCount = layers
        config.width = width
        config.feedForwardWidth = feedForward
        return config
    }

    private static func type(_ scheme: QuantizationScheme, _ name: String, in config: ModelConfig) -> ElementType? {
        config.tensorRequirements.first { $0.name == name }.map {
            scheme.type(of: name, shape: $0.shape, in: config)
        }
    }

    @Test("q4_k_m keeps more bits where llama.cpp does")
    func mixture() {
        let config = Self.config()
        // use_more_bits of llama.cpp for 16 layers.
        let finer: Set = [0, 1, 4, 7, 10, 13, 14, 15]
        for layer in 0..<16 {
            let expected: ElementType = finer.contains(layer) ? .q6_K : .q4_K
            #expect(Self.type(.q4_k_m, "blk.\(layer).attn_v.weight", in: config) == expected, "layer \(layer)")
            #expect(Self.type(.q4_k_m, "blk.\(layer).ffn_down.weight", in: config) == expected, "layer \(layer)")
            for name in ["attn_q", "attn_k", "ffn_up", "ffn_gate"] {
                #expect(Self.type(.q4_k_m, "blk.\(layer).\(name).weight", in: config) == .q4_K)
            }
            #expect(Self.type(.q4_k_m, "blk.\(layer).attn_norm.weight", in: config) == .f32)
        }
        #expect(Self.type(.q4_k_m, "output.weight", in: config) == .q6_K)
        #expect(Self.type(.q4_k_m, "token_embd.weight", in: config) == .q4_K)
        #expect(Self.type(.q4_k_m, "token_embd.weight", in: Self.config(tied: true)) == .q6_K)
        #expect(Self.type(.q4_k_m, "blk.2.attn_qkv.weight", in: Self.config(.gpt2)) == .q5_K)
    }

    @Test("rows that do not hold whole blocks get a finer type that fits")
    func fallback() {
        let narrow = Self.config(width: 288, feedForward: 768)
        #expect(Self.type(.q4_k_m, "blk.2.ffn_up.weight", in: narrow) == .q5_0)
        #expect(Self.type(.q4_k_m, "blk.0.attn_v.weight", in: narrow) == .q8_0)
        #expect(Self.type(.q4_k_m, "blk.2.ffn_down.weight", in: narrow) == .q4_K)
        #expect(Self.type(.q4_0, "output.weight", in: narrow) == .q8_0)
        let odd = Self.config(width: 40, feedForward: 72)
        for scheme in [QuantizationScheme.q8_0, .q4_0, .q4_k_m] {
            #expect(Self.type(scheme, "blk.0.ffn_up.weight", in: odd) == .f16)
            #expect(Self.type(scheme, "output.weight", in: odd) == .f16)
        }
        #expect(Self.type(.q8_0, "position_embd.weight", in: Self.config(.gpt2)) == .f32)
    }

    @Test(
        "a file is read back in the types of its scheme, near the weights it was made from",
        arguments: QuantizationScheme.allCases)
    func readBack(scheme: QuantizationScheme) throws {
        var config = Self.config(layers: 2, width: 256, feedForward: 256, tied: true)
        config.headSize = 128
        var generator = SeededGenerator(seed: 4)
        var source = TinyModel.checkpoint(config)
        for requirement in config.tensorRequirements where !requirement.isOptional {
            source.tensors[requirement.name] = Self.normal(requirement.shape, &generator)
        }
        let pool = WorkerPool(threadCount: 2)
        let quantized = try source.quantized(to: scheme, on: pool)
        let read = try Checkpoint(gguf: .holding(try GGUFWriter(quantized).serialized()), name: "tiny.gguf")
        #expect(read.tensors.values.reduce(0) { $0 + $1.byteCount } == source.byteCount(in: scheme))
        // Greatest error of a weight of deviation 1, by type.
        let limits: [ElementType: Float] = [
            .f32: 0, .f16: 2e-3, .bf16: 2e-2, .q8_0: 0.02, .q4_0: 0.5, .q5_0: 0.16, .q4_K: 0.3, .q6_K: 0.09,
        ]
        for requirement in config.tensorRequirements where !requirement.isOptional {
            let tensor = try #require(read.tensors[requirement.name])
            let original = try #require(source.tensors[requirement.name])
            #expect(tensor.type == scheme.type(of: requirement.name, shape: requirement.shape, in: config))
            let limit = try #require(limits[tensor.type])
            let (left, right) = (Self.floats(tensor), Self.floats(original))
            let greatest = zip(left, right).map { abs($0 - $1) }.max() ?? 0
            #expect(greatest <= limit, "\(requirement.name) \(tensor.type.name)")
        }
    }

    @Test(
        "a weight that is not finite, or too large for its type, is refused by name",
        arguments: [(Float.nan, QuantizationScheme.q4_k_m), (.infinity, .bf16), (7e4, .f16), (6e5, .q4_0)])
    func refused(value: Float, scheme: QuantizationScheme) throws {
        var source = TinyModel.checkpoint(TinyModel.config(.llama))
        var generator = SeededGenerator(seed: 5)
        for requirement in TinyModel.config(.llama).tensorRequirements {
            source.tensors[requirement.name] = Self.normal(requirement.shape, &generator)
        }
        source.tensors["blk.1.ffn_up.weight"] = Self.normal([12, 8], &generator, first: value)
        #expect {
            _ = try source.quantized(to: scheme, on: WorkerPool(threadCount: 1))
        } throws: {
            "\($0)".contains("blk.1.ffn_up.weight")
        }
    }

    private static func normal(
        _ shape: [Int], _ generator: inout SeededGenerator, first: Float? = nil
    ) -> Tensor? {
        let count = shape.reduce(1, *)
        var values = (0..<count).map { _ in
            // The sum of twelve uniform numbers.
            (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &generator) }
        }
        if let first { values[0] = first }
        let storage = Storage(byteCount: count * 4) { memory in
            values.withUnsafeBytes { memory.copyMemory(from: $0) }
        }
        return Tensor(storage: storage, byteOffset: 0, type: .f32, shape: shape)
    }

    private static func floats(_ tensor: Tensor) -> [Float] {
        [Float](unsafeUninitializedCapacity: tensor.elementCount) { values, count in
            if let base = values.baseAddress { Kernels.dequantize(tensor, into: base) }
            count = tensor.elementCount
        }
    }
}
