// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing

/// What is written is read back the same.
@Suite struct ConversionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var config: ModelConfig
        var type: ElementType = .f32
        var withOptional = false
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "llama", config: TinyModel.config(.llama)),
        Case(name: "llama tied", config: TinyModel.config(.llama, tied: true)),
        Case(name: "llama with biases", config: TinyModel.config(.llama), withOptional: true),
        Case(name: "llama F16", config: TinyModel.config(.llama), type: .f16),
        Case(name: "llama linear", config: TinyModel.config(.llama, scaling: .linear(factor: 4))),
        Case(
            name: "llama yarn",
            config: TinyModel.config(
                .llama,
                scaling: .yarn(factor: 4, originalContext: 4, betaFast: 32, betaSlow: 1, attentionFactor: nil))),
        Case(name: "mistral", config: TinyModel.config(.mistral, window: 5)),
        Case(name: "qwen2", config: TinyModel.config(.qwen2), type: .bf16),
        Case(name: "qwen2 tied", config: TinyModel.config(.qwen2, tied: true)),
        Case(name: "qwen2 window", config: TinyModel.config(.qwen2, window: 7)),
        Case(name: "qwen3", config: TinyModel.config(.qwen3)),
        Case(name: "gpt2", config: TinyModel.config(.gpt2, tied: true)),
        Case(name: "gpt2 F16", config: TinyModel.config(.gpt2, tied: true), type: .f16),
        Case(name: "gpt2 BF16 untied", config: TinyModel.config(.gpt2), type: .bf16),
    ]

    @Test(arguments: cases)
    func ggufReadsBackEqual(_ test: Case) throws {
        var source = TinyModel.checkpoint(test.config, type: test.type, withOptional: test.withOptional)
        source.tokenizer = .gguf(TinyModel.vocabulary())
        let bytes = try GGUFWriter(source).serialized()
        let read = try Checkpoint(gguf: .holding(bytes), name: "tiny.gguf")
        #expect(read.config == test.config)
        #expect(differences(read.tensors, source.tensors) == [])
        guard case .gguf(let vocabulary) = read.tokenizer else {
            Issue.record("no vocabulary")
            return
        }
        let expected = TinyModel.vocabulary()
        #expect(vocabulary.pieces == expected.pieces && vocabulary.scores == expected.scores)
        #expect(vocabulary.kinds == expected.kinds && vocabulary.merges == expected.merges)
        #expect(vocabulary.specialIDs == expected.specialIDs)
        #expect(vocabulary.addsBOS == true && vocabulary.addsEOS == nil)
    }

    @Test(arguments: cases)
    func huggingFaceReadsBackEqual(_ test: Case) throws {
        let source = TinyModel.checkpoint(test.config, type: test.type, withOptional: test.withOptional)
        let folder = try TemporaryFolder()
        try source.writeHuggingFace(toFolder: folder.path)
        let read = try Checkpoint.open(path: folder.path)
        #expect(read.format == .safetensors(fileCount: 1))
        #expect(read.config?.rope?.pairing != .interleaved)
        let reordered = read.reordered(for: test.config.rope?.pairing ?? .halves)
        #expect(reordered.config == test.config)
        #expect(differences(reordered.tensors, source.tensors) == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
    }

    @Test func blockTypesGoThroughGGUFUnchanged() throws {
        var config = TinyModel.config(.llama)
        config.width = 256
        config.headSize = 128
        config.feedForwardWidth = 256
        config.rope?.dimensions = 128
        for type in ElementType.allCases {
            let source = TinyModel.checkpoint(config, type: type)
            let read = try Checkpoint(gguf: .holding(try GGUFWriter(source).serialized()), name: "tiny.gguf")
            #expect(differences(read.tensors, source.tensors) == [], "\(type.name)")
        }
    }

    @Test func llama3ScalingIsStoredAsFactorsThatLeaveTheTensors() throws {
        let scaling = RopeConfig.Scaling.llama3(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8)
        let source = TinyModel.checkpoint(TinyModel.config(.llama, scaling: scaling))
        let read = try Checkpoint(gguf: .holding(try GGUFWriter(source).serialized()), name: "tiny.gguf")
        #expect(read.tensors["rope_freqs.weight"] == nil)
        // Both pairs turn fewer than 4 times in 8 tokens: one in 1.27 turns, between the bounds; one hardly at all.
        guard case .factors(let factors) = read.config?.rope?.scaling else {
            Issue.record("no factors: \(String(describing: read.config?.rope))")
            return
        }
        let turns = 8 / (2 * Double.pi)
        let share = (turns - 1) / 3
        #expect(factors.count == 2)
        #expect(abs(Double(factors[0]) - 1 / ((1 - share) / 8 + share)) < 1e-6)
        #expect(factors[1] == 8)
    }

    @Test(.enabled(if: TestData.isPresent, Comment(rawValue: TestData.reason)))
    func storiesReadEqualFromEveryFormat() throws {
        let source = try Checkpoint.open(path: TestData.path(RealCheckpointTests.stories))
        let folder = try TemporaryFolder()
        try GGUFWriter(source).write(to: folder.file("stories.gguf"))
        let gguf = try Checkpoint.open(path: folder.file("stories.gguf"))
        #expect(gguf.config == source.config)
        #expect(differences(gguf.tensors, source.tensors) == [])
        guard case .gguf(let vocabulary) = gguf.tokenizer else {
            Issue.record("no vocabulary")
            return
        }
        #expect(vocabulary.pieces.count == 512)
        #expect(vocabulary.kinds.filter { $0 == .byte }.count == 256)
        #expect(vocabulary.pieces[0..<3] == ["<unk>", "<s>", "</s>"])

        // The folder's only GGUF file is found by the folder's name.
        #expect(try Checkpoint.open(path: folder.path).config == source.config)

        let other = try TemporaryFolder()
        try source.writeHuggingFace(toFolder: other.path)
        let face = try Checkpoint.open(path: other.path).reordered(for: .interleaved)
        #expect(face.config == source.config)
        #expect(differences(face.tensors, source.tensors) == [])
    }
}
