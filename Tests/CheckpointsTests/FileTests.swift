// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing

/// How files come into memory and go to disk, and what is told of them.
@Suite struct FileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write() throws -> (path: String, source: Checkpoint) {
        let source = TinyModel.checkpoint(TinyModel.config(.llama))
        try GGUFWriter(source).write(to: folder.file("model.gguf"))
        return (folder.file("model.gguf"), source)
    }

    @Test(arguments: [LoadMode.automatic, .map, .read])
    func everyModeOfLoadingGivesTheSameTensors(mode: LoadMode) throws {
        let (path, source) = try write()
        let read = try Checkpoint.open(path: path, loadMode: mode)
        #expect(differences(read.tensors, source.tensors) == [])
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        #expect(read.fileBytes == size)
    }

    @Test(arguments: [LoadMode.automatic, .read])
    func whatIsReadOutlivesTheFilesTruncation(mode: LoadMode) throws {
        let (path, source) = try write()
        let read = try Checkpoint.open(path: path, loadMode: mode)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 10)
        try handle.close()
        #expect(differences(read.tensors, source.tensors) == [])
        #expect(throws: CheckpointError.self) { try Checkpoint.open(path: path) }
    }

    @Test func aMappedFilesTruncationIsSurvivedAndNoted() throws {
        // Several pages, all of them lost but the first.
        var config = TinyModel.config(.llama)
        config.feedForwardWidth = 2000
        let path = folder.file("model.gguf")
        try GGUFWriter(TinyModel.checkpoint(config)).write(to: path)
        let read = try Checkpoint.open(path: path, loadMode: .map)
        #expect(MappedFiles.surviveTruncation())
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 10)
        try handle.close()
        let last = try #require(read.tensors["blk.1.ffn_down.weight"])
        #expect(!last.storage.isDamaged)
        #expect(last.bytes.allSatisfy { $0 == 0 })
        #expect(last.storage.isDamaged)
    }

    @Test func aFileIsReplacedWholeAndLeavesNothingBeside() throws {
        let (path, _) = try write()
        let old = try Checkpoint.open(path: path, loadMode: .map)
        let newer = TinyModel.checkpoint(TinyModel.config(.llama), seed: 2)
        try GGUFWriter(newer).write(to: path)
        #expect(differences(try Checkpoint.open(path: path).tensors, newer.tensors) == [])
        // Who has the old file mapped keeps it.
        #expect(differences(old.tensors, newer.tensors).count == newer.tensors.count)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.gguf"])
    }

    @Test func whatCannotBeWrittenLeavesTheOldFile() throws {
        let (path, source) = try write()
        var generator = SeededGenerator(seed: 1)
        let tensor = try #require(TinyModel.tensor([4], .f32, &generator))
        for name in ["", String(repeating: "x", count: 65)] {
            var writer = GGUFWriter()
            writer.add(name, tensor)
            #expect(throws: CheckpointError.self) { try writer.write(to: path) }
        }
        var twice = GGUFWriter()
        twice.add("a", tensor)
        twice.add("a", tensor)
        #expect(throws: CheckpointError.self) { try twice.write(to: path) }
        #expect(differences(try Checkpoint.open(path: path).tensors, source.tensors) == [])
        #expect(throws: CheckpointError.self) { try GGUFWriter(source).write(to: folder.file("absent/model.gguf")) }
        var blocks = SafetensorsWriter()
        let quantized = try #require(TinyModel.tensor([32], .q8_0, &generator))
        #expect(throws: CheckpointError.self) { try blocks.add("a", quantized) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.gguf"])
    }

    @Test func aSettingThatIsSetAgainKeepsItsPlace() {
        var writer = GGUFWriter()
        writer.set("a", .uint8(1))
        writer.set("b", .uint8(2))
        writer.set("a", .uint8(3))
        #expect(writer.metadata.map(\.key) == ["a", "b"] && writer.metadata[0].value == .uint8(3))
    }

    // MARK: Summary

    @Test(.enabled(if: TestData.isPresent, Comment(rawValue: TestData.reason)))
    func theSummaryOfStoriesSaysWhatItsCardSays() throws {
        let summary = CheckpointSummary(try Checkpoint.open(path: TestData.path(RealCheckpointTests.stories)))
        // The file's 264,128 numbers less the two tables of 512 × 4.
        #expect(summary.parameterCount == 264_128 - 2 * 512 * 4)
        let share = try #require(summary.types.first)
        #expect(summary.types.count == 1 && share.type == .f32 && share.tensorCount == 47)
        #expect(share.elementCount == 260_032 && share.bytes == 1_040_128)
        #expect(summary.vocabulary?.pieceCount == 512)
        #expect(summary.memory?.weights == 1_040_128)
        #expect(summary.config?.kvBytesPerToken(elementBytes: 4) == 2 * 5 * 4 * 8 * 4)
        #expect(summary.memory?.kvCache == 512 * 2 * 5 * 4 * 8 * 2)
        let text = summary.description
        for line in ["family                llama", "parameters            260,032", "KV per token          1.3 KiB"] {
            #expect(text.contains(line), "\(text)")
        }
    }

    @Test func theSummaryInJSONHoldsTheSameFigures() throws {
        var source = TinyModel.checkpoint(TinyModel.config(.qwen3), type: .f16)
        source.tokenizer = .gguf(TinyModel.vocabulary())
        source.metadata = [("general.name", "tiny")]
        let summary = CheckpointSummary(source)
        let json = try JSONParser.parse(summary.json)
        #expect(json["config"]?["family"]?.stringValue == "qwen3")
        #expect(json["parameters"]?.integerValue == Int64(summary.parameterCount))
        #expect(json["tensor_types"]?.arrayValue?.count == 2)
        #expect(json["tokenizer"]?["pieces"] == .integer(12))
        let memory = try #require(json["memory"])
        #expect(
            memory["total"]?.integerValue
                == ["weights", "kv_full_context_f16", "activations"].reduce(0) {
                    $0 + (memory[$1]?.integerValue ?? 0)
                })
        #expect(json["metadata"] == .array([.array([.string("general.name"), .string("tiny")])]))
    }

    @Test func theSummaryOfAVocabularyAloneHasNoModel() throws {
        let source = Checkpoint(
            format: .gguf(version: 3), config: nil, tensors: [:], tokenizer: .gguf(TinyModel.vocabulary()))
        let summary = CheckpointSummary(source)
        #expect(summary.memory == nil && summary.parameterCount == 0)
        #expect(summary.description.contains("SentencePiece BPE, 12 pieces"))
        #expect(try JSONParser.parse(summary.json)["memory"]?.isNull == true)
    }

    @Test func absurdContextsDoNotOverflowTheEstimate() {
        var config = TinyModel.config(.llama)
        config.contextLength = 1 << 26
        config.layerCount = 4096
        config.kvHeadCount = 4096
        config.headCount = 4096
        config.headSize = 1 << 14
        var source = TinyModel.checkpoint(TinyModel.config(.llama))
        source.config = config
        #expect(CheckpointSummary(source).memory?.total == .max)
    }
}
