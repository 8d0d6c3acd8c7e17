// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Foundation
import StrictJSON
import Testing
import Tokenizers

/// Tiny vocabularies of each family against Hugging Face's tokenizers (Tests/Fixtures/tokenizers/make_tiny.py).
struct ReferenceTests {
    static let families = [
        "gpt2", "roberta", "llama3", "qwen2", "smollm", "llama2", "mistral", "metaspace", "nobytes", "nofuse",
    ]

    static func tiny(_ family: String) throws -> (tokenizer: any Tokenizer, hashes: [String]) {
        let json = try TestFiles.json(fixture: "tiny-\(family).json")
        let source = TokenizerSource.huggingFace(
            tokenizer: try #require(json["tokenizer"]), config: nil, generationConfig: nil, chatTemplate: nil)
        return (
            try makeTokenizer(from: source, vocabularySize: nil),
            try #require(json["hashes"]?.arrayValue).compactMap(\.stringValue)
        )
    }

    static func texts() throws -> [String] {
        try #require(try TestFiles.json(fixture: "texts.json").arrayValue).compactMap(\.stringValue)
    }

    @Test(arguments: families)
    func familyGivesTheReferenceIDsForRandomStrings(family: String) throws {
        let (tokenizer, hashes) = try Self.tiny(family)
        let texts = try Self.texts()
        try #require(texts.count == 500 && hashes.count == 500)
        expectHashes(tokenizer, texts, hashes, addSpecial: true, parseSpecial: true)
    }

    @Test(arguments: ["gpt2", "llama3", "smollm"])
    func byteLevelDecodingGivesTheTextBack(family: String) throws {
        let tokenizer = try Self.tiny(family).tokenizer
        for text in try Self.texts() {
            let ids = tokenizer.encode(text, addSpecial: true, parseSpecial: false)
            // "<tool>" takes white space along, "word" and "Ünï" do not.
            if text.contains("<tool>") { continue }
            #expect(tokenizer.decode(ids).unicodeScalars.elementsEqual(text.unicodeScalars))
        }
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["TEMPER_TOKENIZER_VECTORS"] != nil,
            "needs TEMPER_TOKENIZER_VECTORS, made by Tests/Fixtures/tokenizers/make_vectors.py"))
    func vectorsOfTheEnvironmentGiveTheReferenceIDs() throws {
        for path in try #require(ProcessInfo.processInfo.environment["TEMPER_TOKENIZER_VECTORS"]).split(separator: ":")
        {
            let json = try JSONParser.parse(
                [UInt8](try Data(contentsOf: URL(fileURLWithPath: String(path)))), limits: .file)
            let file = try #require(json["tokenizer"]?.stringValue)
            let source = try TokenizerSource.open(path: file)
            let start = ContinuousClock.now
            let tokenizer = try makeTokenizer(from: source, vocabularySize: nil)
            let made = ContinuousClock.now - start
            let vectors = try Vector.list(try #require(json["vectors"]))
            try #require(!vectors.isEmpty)
            print(
                "comparing \(vectors.count) strings, \(vectors.reduce(0) { $0 + $1.ids.count }) ids: \(file), made in \(made)"
            )
            expectEqual(tokenizer, vectors, parseSpecial: json["parse_special"]?.boolValue ?? true)
        }
    }

    /// llama.cpp has the same rules as Hugging Face but for U+017F in contractions and the white space that added
    /// tokens take along.
    @Test(arguments: [("gpt2", "gpt-2"), ("llama3", "llama-bpe"), ("smollm", "smollm")])
    func vocabularyAsGGUFGivesTheSameIDs(family: String, name: String) throws {
        let tokenizer = try Self.tiny(family).tokenizer
        let json = try #require(try TestFiles.json(fixture: "tiny-\(family).json")["tokenizer"])
        let merges = try #require(json["model"]?["merges"]?.arrayValue)
        let pieces = try (0..<Int32(tokenizer.vocabularySize)).map { try #require(tokenizer.piece(of: $0)) }
        var vocabulary = GGUFVocabulary(model: "gpt2", pieces: pieces)
        vocabulary.preTokenizer = name
        vocabulary.merges = merges.map { ($0.arrayValue ?? []).compactMap(\.stringValue).joined(separator: " ") }
        let added = try #require(json["added_tokens"]?.arrayValue)
        vocabulary.kinds = pieces.map { piece in
            guard let token = added.first(where: { $0["content"]?.stringValue == piece }) else { return .normal }
            return token["special"]?.boolValue == true ? .control : .userDefined
        }
        let converted = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        let special = added.compactMap { $0["content"]?.stringValue }
        var compared = 0
        for text in try Self.texts() where !text.contains("\u{17F}") && !special.contains(where: text.contains) {
            compared += 1
            let expected = tokenizer.encode(text, addSpecial: false, parseSpecial: true)
            #expect(converted.encode(text, addSpecial: false, parseSpecial: true) == expected)
            #expect(converted.decode(expected) == text)
        }
        #expect(compared > 300)
        #expect(converted.addsBOS == false && converted.kindName == "byte-level BPE (\(name))")
        #expect(converted.encode("<tool>", addSpecial: false, parseSpecial: false).count == 1)
    }

    @Test func longSInAContractionIsHuggingFacesAlone() throws {
        let tokenizer = try Self.tiny("llama3").tokenizer
        let split = tokenizer.encode("'\u{17F}x", addSpecial: false, parseSpecial: false)
        let alone = ["'\u{17F}", "x"].flatMap { tokenizer.encode($0, addSpecial: false, parseSpecial: false) }
        #expect(split == alone)
    }

    @Test func manyThreadsEncodeAtOnce() async throws {
        let texts = try Self.texts()
        for family in ["llama3", "llama2"] {
            let tokenizer = try Self.tiny(family).tokenizer
            let expected = texts.map { tokenizer.encode($0, addSpecial: true, parseSpecial: true) }
            await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        texts.map { tokenizer.encode($0, addSpecial: true, parseSpecial: true) } == expected
                    }
                }
                for await isEqual in group { #expect(isEqual) }
            }
        }
    }
}
