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
    }

    @Test func theSummaryOfAVocabularyAloneHasNoModel() throws {
        let source = Checkpoint(
            format: .gguf(version: 3), config: nil, tensors: [:], tokenizer: .gguf(TinyModel.vocabulary()))
        let summary = CheckpointSummary(source)
        #expect(summary.config == nil && summary.types.isEmpty && summary.parameterCount == 0)
        #expect(summary.vocabulary?.kind == "SentencePiece BPE" && summary.vocabulary?.pieceCount == 12)
    }
}
