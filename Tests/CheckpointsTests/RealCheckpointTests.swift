// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Testing

@Suite("Real checkpoints", .enabled(if: TestData.isPresent, Comment(rawValue: TestData.reason)))
struct RealCheckpointTests {
    static let stories = "checkpoints/stories260K/stories260K.bin"

    @Test func `stories260K opens with the vocabulary beside it`() throws {
        let checkpoint = try Checkpoint.open(path: TestData.path(Self.stories))
        let config = try #require(checkpoint.config)
        #expect(checkpoint.format == .llama2c)
        #expect(config.family == .llama)
        #expect(
            [config.width, config.feedForwardWidth, config.layerCount, config.headCount, config.kvHeadCount]
                == [64, 172, 5, 8, 4])
        #expect([config.vocabularySize, config.contextLength, config.headSize] == [512, 512, 8])
        #expect(config.tiesHead)
        #expect(config.rope == RopeConfig(dimensions: 8, base: 10_000, pairing: .interleaved, scaling: .none))
        #expect(checkpoint.tensors.count == 2 + 5 * 9)
        #expect(checkpoint.tensors["blk.4.ffn_down.weight"]?.shape == [64, 172])
        #expect(checkpoint.tensors["blk.0.attn_k.weight"]?.shape == [32, 64])
        guard case .llama2c(let pieces, let scores) = checkpoint.tokenizer else {
            Issue.record("no llama2.c vocabulary: \(String(describing: checkpoint.tokenizer))")
            return
        }
        #expect(pieces.count == 512 && scores.count == 512)
        #expect(pieces[3] == Array("<0x00>".utf8))
    }

    @Test(arguments: [
        ("bert-bge", "bert", "bert-bge", 30_522, 0), ("falcon", "gpt2", "falcon", 65_024, 64_784),
        ("gpt-2", "gpt2", "gpt-2", 50_257, 50_000), ("gpt-neox", "gpt2", nil, 50_432, 50_009),
        ("llama-spm", "llama", "default", 32_000, 0),
    ])
    func `a GGUF that holds a vocabulary only opens without a configuration`(
        name: String, model: String, pre: String?, pieceCount: Int, mergeCount: Int
    ) throws {
        let path = TestData.path("tokenizers/llama.cpp-vocab/ggml-vocab-\(name).gguf")
        let checkpoint = try Checkpoint.open(path: path)
        #expect(checkpoint.config == nil)
        #expect(checkpoint.tensors.isEmpty)
        #expect(checkpoint.format == .gguf(version: 3))
        guard case .gguf(let vocabulary) = checkpoint.tokenizer else {
            Issue.record("no GGUF vocabulary")
            return
        }
        #expect(vocabulary.model == model)
        #expect(vocabulary.preTokenizer == pre)
        #expect(vocabulary.pieces.count == pieceCount)
        #expect(vocabulary.merges.count == mergeCount)
        #expect(vocabulary.kinds.count == pieceCount)
        if name == "bert-bge" { #expect(vocabulary.specialIDs["separator"] == 102) }
        if name == "llama-spm" {
            #expect(vocabulary.scores.count == pieceCount)
            #expect(vocabulary.addsBOS == true && vocabulary.addsEOS == false)
            #expect(vocabulary.specialIDs == ["bos": 1, "eos": 2, "unknown": 0])
        }
    }

    @Test(arguments: [("tensor-1d-int32", "I32"), ("tensor-2d-float64", "F64")])
    func `a safetensors file of a type we do not compute with is refused by the type's name`(
        name: String, type: String
    ) {
        let error = #expect(throws: CheckpointError.self) {
            try Checkpoint.open(path: TestData.path("checkpoints/safetensors-mini/\(name).safetensors"))
        }
        #expect(error?.description.contains(type) == true, "\(String(describing: error))")
    }

    @Test func `llama2c version 1 and foreign layouts are refused with a message`() {
        let error = #expect(throws: CheckpointError.self) {
            try Checkpoint.open(path: TestData.path("checkpoints/stories260K/checkpoint_v1.bin"))
        }
        #expect(error?.description.contains("version 1") == true)
        #expect(throws: CheckpointError.self) {
            try Checkpoint.open(path: TestData.path("checkpoints/stories260K/tinystories_260k_v1.bin"))
        }
    }
}
