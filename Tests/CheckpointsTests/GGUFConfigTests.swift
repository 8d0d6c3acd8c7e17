// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Testing

/// What the metadata of a GGUF file makes of a model.
@Suite struct GGUFConfigTests {
    /// A tiny model's file with some metadata set and some taken out.
    private func open(
        _ family: ModelFamily = .llama, _ changes: [String: GGUFValue] = [:], without absent: Set<String> = [],
        tensors: (inout [(name: String, tensor: Tensor)]) -> Void = { _ in }
    ) throws -> Checkpoint {
        let source = try GGUFWriter(TinyModel.checkpoint(TinyModel.config(family)))
        var writer = GGUFWriter()
        for (key, value) in source.metadata where changes[key] == nil && !absent.contains(key) {
            writer.set(key, value)
        }
        for (key, value) in changes { writer.set(key, value) }
        var list = source.tensors
        tensors(&list)
        for (name, tensor) in list { writer.add(name, tensor) }
        return try Checkpoint(gguf: .holding(try writer.serialized()), name: "tiny.gguf")
    }

    @Test func theFamilyDecidesHowRotaryElementsPair() throws {
        #expect(try open(.llama).config?.rope?.pairing == .interleaved)
        #expect(try open(.qwen2).config?.rope?.pairing == .halves)
        #expect(try open(.qwen3).config?.rope?.pairing == .halves)
        #expect(try open(.gpt2).config?.rope == nil)
    }

    @Test func absentKeysHaveTheFormatsDefaults() throws {
        let absent: Set = [
            "llama.rope.freq_base", "llama.rope.dimension_count", "llama.attention.key_length",
            "llama.attention.value_length", "llama.vocab_size",
        ]
        #expect(try open(.llama, without: absent).config == TinyModel.config(.llama))
    }

    @Test(arguments: [GGUFValue.uint64(2), .int32(2), .uint16(2), .array(.int32([2, 2]))])
    func anyIntegerTypeAndEqualValuesPerLayerAreRead(value: GGUFValue) throws {
        #expect(try open(.llama, ["llama.attention.head_count": value]).config?.headCount == 2)
    }

    @Test func aWindowMakesALlamaAMistral() throws {
        let config = try open(.llama, ["llama.attention.sliding_window": .uint32(6)]).config
        #expect(config?.family == .mistral && config?.slidingWindow == 6)
        #expect(try open(.llama, ["llama.attention.sliding_window": .uint32(0)]).config?.family == .llama)
    }

    @Test func scalingIsRead() throws {
        #expect(
            try open(
                .llama,
                ["llama.rope.scaling.type": .string("linear"), "llama.rope.scaling.factor": .float32(4)]
            ).config?.rope?.scaling == .linear(factor: 4))
        #expect(try open(.llama, ["llama.rope.scale_linear": .float32(2)]).config?.rope?.scaling == .linear(factor: 2))
        #expect(
            try open(.llama, ["llama.rope.scaling.type": .string("none")]).config?.rope?.scaling
                == RopeConfig.Scaling.none)
        let yarn: [String: GGUFValue] = [
            "llama.rope.scaling.type": .string("yarn"), "llama.rope.scaling.factor": .float32(4),
            "llama.rope.scaling.original_context_length": .uint32(4), "llama.rope.scaling.attn_factor": .float32(2),
        ]
        guard case .yarn(4, 4, 32, 1, let attention?) = try open(.llama, yarn).config?.rope?.scaling else {
            Issue.record("no YaRN")
            return
        }
        #expect(abs(attention - 2 * 1.138_629_436) < 1e-6)
    }

    @Test(arguments: [
        ("general.architecture", GGUFValue.string("gemma")), ("general.architecture", .uint32(1)),
        ("llama.block_count", .uint32(0)), ("llama.block_count", .uint32(3)), ("llama.block_count", .uint32(.max)),
        ("llama.block_count", .float32(2)), ("llama.block_count", .int32(-1)), ("llama.context_length", .uint32(0)),
        ("llama.context_length", .uint64(.max)), ("llama.embedding_length", .uint32(0)),
        ("llama.embedding_length", .uint32(16)), ("llama.feed_forward_length", .uint32(0)),
        ("llama.feed_forward_length", .array(.int32([12, 8]))), ("llama.feed_forward_length", .array(.int32([]))),
        ("llama.attention.head_count", .uint32(0)), ("llama.attention.head_count", .uint32(3)),
        ("llama.attention.head_count", .array(.string(["2"]))), ("llama.attention.head_count_kv", .uint32(0)),
        ("llama.attention.head_count_kv", .uint32(3)), ("llama.attention.key_length", .uint32(0)),
        ("llama.attention.key_length", .uint32(8)), ("llama.attention.value_length", .uint32(8)),
        ("llama.attention.layer_norm_rms_epsilon", .float32(.nan)),
        ("llama.attention.layer_norm_rms_epsilon", .float32(0)),
        ("llama.attention.layer_norm_rms_epsilon", .float32(.infinity)),
        ("llama.attention.layer_norm_rms_epsilon", .string("1e-5")), ("llama.rope.freq_base", .float32(0)),
        ("llama.rope.freq_base", .float32(.nan)), ("llama.rope.freq_base", .float32(-1)),
        ("llama.rope.dimension_count", .uint32(3)), ("llama.rope.dimension_count", .uint32(0)),
        ("llama.rope.dimension_count", .uint32(8)), ("llama.rope.scaling.type", .string("longrope")),
        ("llama.rope.scaling.type", .string("yarn")), ("llama.rope.scaling.type", .uint32(1)),
        ("llama.vocab_size", .uint32(13)), ("llama.vocab_size", .uint32(0)), ("llama.expert_count", .uint32(8)),
        ("llama.attention.causal", .bool(false)), ("llama.attention.sliding_window", .uint64(.max)),
        ("split.count", .uint16(3)), ("general.alignment", .uint32(0)), ("general.alignment", .uint32(3)),
        ("general.alignment", .uint32(4)), ("general.alignment", .uint32(0x8000_0000)),
        ("general.alignment", .uint64(32)), ("general.alignment", .string("32")),
    ])
    func badValuesAreRefused(key: String, value: GGUFValue) {
        let error = #expect(throws: CheckpointError.self) { try open(.llama, [key: value]) }
        let name = key.split(separator: ".").last.map(String.init) ?? key
        let text = error?.description ?? ""
        // A wrong size shows in a tensor of another shape, or in one that is missing.
        let others = ["count": "split", "type": "rope.scaling"]
        let names = [others[name] ?? name, "tensor"]
        #expect(names.contains(where: text.contains) || text.contains("architecture"), "\(text)")
    }

    @Test(arguments: [
        "general.architecture", "llama.block_count", "llama.context_length", "llama.embedding_length",
        "llama.feed_forward_length", "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon",
    ])
    func requiredKeysAreMissedByName(key: String) {
        let error = #expect(throws: CheckpointError.self) { try open(.llama, without: [key]) }
        #expect(error == .missingKey(file: "tiny.gguf", key: key))
    }

    @Test(arguments: ModelFamily.allCases)
    func everyTensorOfAFamilyIsMissedByName(family: ModelFamily) {
        for requirement in TinyModel.config(family).tensorRequirements where !requirement.isOptional {
            // Without an output head the embedding is the head.
            if requirement.name == "output.weight" { continue }
            let error = #expect(throws: CheckpointError.self) {
                try open(family) { $0.removeAll { $0.name == requirement.name } }
            }
            guard case .missingTensor(_, let name, _) = error else {
                Issue.record("\(requirement.name): \(String(describing: error))")
                continue
            }
            #expect(name == requirement.name)
        }
    }

    @Test func tensorsThatWouldBeIgnoredAreRefused() {
        let error = #expect(throws: CheckpointError.self) {
            try open(.llama) { $0.append(("blk.0.attn_sub_norm.weight", $0[0].tensor)) }
        }
        #expect(error?.description.contains("attn_sub_norm") == true)
    }

    @Test func factorsMustBePositiveAndAsManyAsPairs() throws {
        func factors(_ values: [Float]) throws -> RopeConfig.Scaling? {
            let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
            let tensor = try #require(
                Tensor(storage: .holding(bytes), byteOffset: 0, type: .f32, shape: [values.count]))
            return try open(.llama) { $0.append(("rope_freqs.weight", tensor)) }.config?.rope?.scaling
        }
        #expect(try factors([1, 4]) == .factors([1, 4]))
        for bad: [Float] in [[1], [1, 2, 3], [1, 0], [1, -1], [.nan, 1], [.infinity, 1]] {
            #expect(throws: CheckpointError.self, "\(bad)") { try factors(bad) }
        }
    }
}
