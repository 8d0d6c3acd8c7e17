// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import Glibc
import StrictJSON
import Testing

/// Which file is taken for what, and what is said of those that are not taken.
@Suite struct RecognitionTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func error(_ path: String, tokenizer: String? = nil) -> String {
        #expect(throws: CheckpointError.self) { try Checkpoint.open(path: path, tokenizer: tokenizer) }?.description
            ?? ""
    }

    private func tinyGGUF() throws -> [UInt8] {
        try GGUFWriter(TinyModel.checkpoint(TinyModel.config(.qwen2))).serialized()
    }

    @Test(
        arguments: [
            ("model.pt", [0x50, 0x4B, 3, 4, 0, 0]), ("model.pth", [0x80, 2, 0x7D]),
            ("pytorch_model.bin", [0x80, 2, 0x7D]),
            ("weights.bin", [0x50, 0x4B, 3, 4]), ("weights.bin", [0x80, 4, 0x95]), ("model.gguf", [0x80, 2, 0x8A]),
            ("model.ckpt", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), ("old.pth", [1, 2, 3]),
        ] as [(String, [UInt8])])
    func picklesAreRefusedByNameOrContents(name: String, bytes: [UInt8]) throws {
        let text = error(try folder.write(name, bytes))
        #expect(text.contains("pickled") && text.contains("safetensors"), "\(text)")
    }

    @Test func aFolderOfPicklesSaysHowToConvertThem() throws {
        try folder.write("config.json", text: "{}")
        try folder.write("pytorch_model-00001-of-00002.bin", [0x50, 0x4B, 3, 4])
        let text = error(folder.path)
        #expect(text.contains("pytorch_model-00001-of-00002.bin") && text.contains("convert"), "\(text)")
    }

    @Test(arguments: [
        ("lmgg", "before GGUF"), ("tjgg", "before GGUF"), ("24ka", "version 1"), ("hello, this is text", "signature"),
        ("", "empty"),
    ])
    func otherContentsAreNamed(contents: String, words: String) throws {
        let text = error(try folder.write("model.any", text: contents))
        #expect(text.contains(words), "\(text)")
    }

    @Test func pathsThatAreNoFileAreRefusedWithoutHanging() throws {
        #expect(error(folder.file("absent")).contains("No such file"))
        #expect(error(folder.path).contains("without .safetensors or .gguf"))
        let pipe = folder.file("pipe.gguf")
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(error(pipe).contains("neither a file nor a folder"))
        #expect(error("/dev/zero").contains("neither a file nor a folder"))
    }

    @Test func theOnlyGGUFOfAFolderIsOpenedAndTwoAreNamed() throws {
        try folder.write("a.gguf", try tinyGGUF())
        try folder.write("README.md", text: "a model")
        #expect(try Checkpoint.open(path: folder.path).config?.family == .qwen2)
        #expect(try Checkpoint.open(path: folder.path + "/").format == .gguf(version: 3))
        try folder.write("b.gguf", try tinyGGUF())
        let text = error(folder.path)
        #expect(text.contains("a.gguf") && text.contains("b.gguf"), "\(text)")
    }

    @Test func theVocabularyOfAFolderIsThatOfItsCheckpoint() throws {
        #expect(throws: CheckpointError.self) { try TokenizerSource.open(path: folder.path) }
        var checkpoint = TinyModel.checkpoint(TinyModel.config(.llama))
        checkpoint.tokenizer = .gguf(TinyModel.vocabulary())
        try folder.write("a.gguf", try GGUFWriter(checkpoint).serialized())
        guard case .gguf(let vocabulary) = try TokenizerSource.open(path: folder.path) else {
            Issue.record("not the vocabulary of the GGUF file")
            return
        }
        #expect(vocabulary.pieces.count == TinyModel.vocabulary().pieces.count)
    }

    @Test(
        arguments: [
            [0x0A, 0x0E, 0x0A, 0x05, 0x3C, 0x75, 0x6E, 0x6B, 0x3E, 0x15, 0, 0, 0, 0, 0x18, 2],
            [0x0A, 0x08, 0x0A, 0x01, 0x61, 0x15, 0, 0, 0, 0],
        ] as [[UInt8]])
    func aSentencePieceModelIsCalledSo(bytes: [UInt8]) throws {
        for name in ["tokenizer.model", "tokenizer.bin"] {
            let path = try folder.write(name, bytes)
            let found = #expect(throws: CheckpointError.self) { try TokenizerSource.open(path: path) }
            #expect(found?.description.contains("SentencePiece") == true)
            #expect(error(path).contains("tokenizer.json"))
        }
    }

    @Test func aGGUFOfNothingIsRefused() throws {
        var writer = GGUFWriter()
        writer.set("general.architecture", .string("llama"))
        #expect(error(try folder.write("empty.gguf", try writer.serialized())).contains("neither"))
    }

    @Test func ggufIsRecognisedByContentsWhateverItsName() throws {
        #expect(try Checkpoint.open(path: try folder.write("model.bin", try tinyGGUF())).config?.family == .qwen2)
    }

    // MARK: llama2.c

    @Test func llama2cFindsItsVocabularyBesideIt() throws {
        let (model, vocabulary) = TinyModel.llama2c()
        let path = try folder.write("model.bin", model)
        #expect(try Checkpoint.open(path: path).tokenizer == nil)
        for name in ["tokother.bin", "tokenizer.bin", "tok12.bin"] {
            try folder.write(name, vocabulary)
            guard case .llama2c(let pieces, _) = try Checkpoint.open(path: path).tokenizer else {
                Issue.record("\(name) was not found")
                continue
            }
            #expect(pieces.count == 12 && pieces[11] == Array("piece11".utf8))
        }
        // The better name wins: only it is read.
        try folder.write("tokenizer.bin", text: "broken")
        #expect(try Checkpoint.open(path: path).tokenizer != nil)
        #expect(error(path, tokenizer: folder.file("tokenizer.bin")).contains("tokenizer.bin"))
    }

    @Test func llama2cTakesTheVocabularyThatIsNamed() throws {
        let path = try folder.write("model.bin", TinyModel.llama2c(tied: false).model)
        var writer = GGUFWriter()
        writer.set("general.architecture", .string("llama"))
        for (key, value) in try GGUFWriter(
            Checkpoint(
                format: .llama2c, config: TinyModel.config(.llama), tensors: [:],
                tokenizer: .gguf(TinyModel.vocabulary()))
        ).metadata where key.hasPrefix("tokenizer.") { writer.set(key, value) }
        try writer.write(to: folder.file("vocabulary.gguf"))
        let checkpoint = try Checkpoint.open(path: path, tokenizer: folder.file("vocabulary.gguf"))
        #expect(checkpoint.config?.tiesHead == false && checkpoint.tensors["output.weight"] != nil)
        guard case .gguf(let vocabulary) = checkpoint.tokenizer else {
            Issue.record("no vocabulary")
            return
        }
        #expect(vocabulary.pieces.count == 12)
    }

    // MARK: Hugging Face

    static let tokenizer = """
        {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}, "added_tokens": [{"id": 2, "content": "</s>"}]}
        """

    private func writeFace(_ family: ModelFamily = .qwen2) throws -> Checkpoint {
        let source = TinyModel.checkpoint(TinyModel.config(family))
        try source.writeHuggingFace(toFolder: folder.path)
        try folder.write("tokenizer.json", text: Self.tokenizer)
        return source
    }

    @Test func aFolderAndAFileInItOpenTheSame() throws {
        let source = try writeFace()
        try folder.write("generation_config.json", text: #"{"eos_token_id": [2]}"#)
        try folder.write("chat_template.jinja", text: "{{ messages }}")
        for path in [folder.path, folder.file("model.safetensors")] {
            let checkpoint = try Checkpoint.open(path: path)
            #expect(checkpoint.config == source.config)
            #expect(checkpoint.generationConfig?["eos_token_id"] == .array([.integer(2)]))
            guard case .huggingFace(let json, nil, .some, let template) = checkpoint.tokenizer else {
                Issue.record("no vocabulary")
                return
            }
            #expect(json["model"]?["type"]?.stringValue == "BPE" && template == "{{ messages }}")
        }
    }

    @Test func shardsAreJoinedByTheirIndex() throws {
        let source = try writeFace()
        let weights = try source.huggingFaceFiles().weights
        try FileManager.default.removeItem(atPath: folder.file("model.safetensors"))
        var map = JSONObject()
        for (number, part) in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"].enumerated() {
            var writer = SafetensorsWriter()
            for (index, entry) in weights.tensors.enumerated() where index % 2 == number {
                try writer.add(entry.name, entry.tensor)
                map[entry.name] = .string(part)
            }
            try writer.write(to: folder.file(part))
        }
        func writeIndex(_ map: JSONObject, _ name: String = "model.safetensors.index.json") throws {
            var writer = JSONWriter()
            writer.object { $0.member("weight_map", .object(map)) }
            try folder.write(name, writer.bytes)
        }
        try writeIndex(map)
        for path in [
            folder.path, folder.file("model.safetensors.index.json"), folder.file("model-00002-of-00002.safetensors"),
        ] {
            let checkpoint = try Checkpoint.open(path: path)
            #expect(checkpoint.format == .safetensors(fileCount: 2))
            #expect(differences(checkpoint.tensors, source.tensors) == [])
        }
        let first = try #require(map.keys.first)
        for bad in ["../model.safetensors", "/etc/passwd", "a/b.safetensors", ".hidden.safetensors", "model.bin", ""] {
            var changed = map
            changed[first] = .string(bad)
            try writeIndex(changed)
            #expect(error(folder.path).contains("weight_map"), "\(bad)")
        }
        var wrong = map
        wrong[first] = map["model.norm.weight"] == map[first] ? map[map.keys[1]] : map["model.norm.weight"]
        try writeIndex(wrong)
        #expect(error(folder.path).contains(first))
        var more = map
        more["model.absent.weight"] = map[first]
        try writeIndex(more)
        #expect(error(folder.path).contains("model.absent.weight"))
        try folder.write("model.safetensors.index.json", text: #"{"metadata": {}}"#)
        #expect(error(folder.path).contains("weight_map"))
        try folder.write("model.safetensors.index.json", text: "{")
        #expect(error(folder.path).contains("invalid JSON"))
    }

    @Test func buffersAreSkippedAndStaleHeadsOfTiedModelsDropped() throws {
        let source = TinyModel.checkpoint(TinyModel.config(.gpt2, tied: true))
        var (config, weights) = try source.huggingFaceFiles()
        var generator = SeededGenerator(seed: 3)
        let mask = try #require(TinyModel.tensor([1, 1, 4, 4], .f32, &generator))
        try weights.add("transformer.h.0.attn.bias", mask)
        try weights.add("h.1.attn.masked_bias", mask)
        try weights.add("lm_head.weight", try #require(TinyModel.tensor([12, 8], .f32, &generator)))
        let file = try SafetensorsFile(storage: .holding(try weights.serialized()), name: "model.safetensors")
        let checkpoint = try Checkpoint(safetensors: [file], config: config)
        #expect(differences(checkpoint.tensors, source.tensors) == [])
        #expect(checkpoint.config?.tiesHead == true)
        config = .object(
            {
                var object = config.objectValue ?? JSONObject()
                object["tie_word_embeddings"] = .bool(false)
                return object
            }())
        let untied = try Checkpoint(safetensors: [file], config: config)
        #expect(untied.tensors["output.weight"] != nil && untied.config?.tiesHead == false)
    }

    @Test func namesWithoutTheModelPrefixAreRead() throws {
        for family in ModelFamily.allCases {
            let source = TinyModel.checkpoint(TinyModel.config(family, tied: true))
            let (config, weights) = try source.huggingFaceFiles()
            var bare = SafetensorsWriter()
            for (name, tensor) in weights.tensors {
                try bare.add(name.replacing(/^(model|transformer)\./, with: ""), tensor)
            }
            let file = try SafetensorsFile(storage: .holding(try bare.serialized()), name: "model.safetensors")
            let read = try Checkpoint(safetensors: [file], config: config)
            #expect(read.tensors.count == source.tensors.count)
        }
    }

    @Test func anUntiedModelWithoutItsHeadIsRefused() throws {
        let source = TinyModel.checkpoint(TinyModel.config(.llama))
        let (config, weights) = try source.huggingFaceFiles()
        var headless = SafetensorsWriter()
        for (name, tensor) in weights.tensors where name != "lm_head.weight" { try headless.add(name, tensor) }
        let file = try SafetensorsFile(storage: .holding(try headless.serialized()), name: "model.safetensors")
        let error = #expect(throws: CheckpointError.self) { try Checkpoint(safetensors: [file], config: config) }
        #expect(error == .missingTensor(file: "model.safetensors", name: "output.weight", shape: [12, 8]))
    }

    @Test func aVocabularyLargerThanTheEmbeddingIsRefused() throws {
        _ = try writeFace()
        try folder.write(
            "tokenizer.json", text: Self.tokenizer.replacingOccurrences(of: #""id": 2"#, with: #""id": 12"#))
        #expect(error(folder.path).contains("largest id"))
        try folder.write(
            "tokenizer.json", text: Self.tokenizer.replacingOccurrences(of: #""id": 2"#, with: #""id": 11"#))
        #expect(try Checkpoint.open(path: folder.path).tokenizer != nil)
        for bad in [#"{"model": {}}"#, #"{"model": {"vocab": {"a": -1}}}"#, #"{"model": {"vocab": {"a": "0"}}}"#] {
            try folder.write("tokenizer.json", text: bad)
            #expect(error(folder.path).contains("vocab"))
        }

        var source = TinyModel.checkpoint(TinyModel.config(.llama))
        source.tokenizer = .gguf(TinyModel.vocabulary(13))
        #expect(error(try folder.write("big.gguf", try GGUFWriter(source).serialized())).contains("tokens"))
        source.tokenizer = .gguf(TinyModel.vocabulary(9))
        #expect(try Checkpoint.open(path: folder.write("small.gguf", GGUFWriter(source).serialized())).config != nil)
    }

    @Test func aFolderWithoutItsConfigurationSaysSo() throws {
        _ = try writeFace()
        try FileManager.default.removeItem(atPath: folder.file("config.json"))
        #expect(error(folder.path).contains("config.json"))
        try folder.write("config.json", text: #"{"model_type": "qwen2", "model_type": "llama"}"#)
        #expect(error(folder.path).contains("duplicate key"))
    }

    @Test func aVocabularyAloneIsOpenedFromEveryKindOfFile() throws {
        _ = try writeFace()
        for path in [folder.path, folder.file("tokenizer.json")] {
            guard case .huggingFace = try TokenizerSource.open(path: path) else {
                Issue.record("\(path)")
                continue
            }
        }
        let path = try folder.write("tok12.bin", TinyModel.llama2c().vocabulary)
        guard case .llama2c(let pieces, _) = try TokenizerSource.open(path: path) else {
            Issue.record("no llama2.c vocabulary")
            return
        }
        #expect(pieces.count == 12)
        #expect(throws: CheckpointError.self) { try TokenizerSource.open(path: folder.file("config.json")) }
        #expect(throws: CheckpointError.self) { try TokenizerSource.open(path: folder.file("model.safetensors")) }
    }
}
