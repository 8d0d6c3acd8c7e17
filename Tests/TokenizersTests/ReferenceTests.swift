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
        for path in try #require(ProcessInfo.processInfo.environment["TEMPER_TOKENIZER_VECTORS"]).split(separator: ":") {
            let json = try JSONParser.parse(
                [UInt8](try Data(contentsOf: URL(fileURLWithPath: String(path)))), limits: .file)
            let file = try #require(json["tokenizer"]?.stringValue)
            let source = try TokenizerSource.open(path: file)
            let tokenizer = try makeTokenizer(from: source, vocabularySize: nil)
            let vectors = try Vector.list(try #require(json["vectors"]))
            try #require(!vectors.isEmpty)
            print("comparing \(vectors.count) strings, \(vectors.reduce(0) { $0 + $1.ids.count }) ids: \(file)")
            expectEqual(tokenizer, vectors, parseSpecial: true)
        }
    }
}
