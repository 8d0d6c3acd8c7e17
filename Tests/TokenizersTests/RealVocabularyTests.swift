// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Foundation
import StrictJSON
import Testing
import Tokenizers

/// Real vocabularies against the ids that their own tokenizers give.
@Suite(.enabled(if: TestFiles.hasData, "needs the folder of real data (TEMPER_DATA)"))
struct RealVocabularyTests {
    private func llamaCppInputs() throws -> [String] {
        String(decoding: try TestFiles.bytes(data: "llama.cpp-vocab/ggml-vocab-common.gguf.inp"), as: UTF8.self)
            .components(separatedBy: "\n__ggml_vocab_test__\n")
    }

    @Test(arguments: ["gpt-2", "falcon", "llama-spm"])
    func ggufVocabularyGivesTheIDsOfLlamaCpp(name: String) throws {
        let path = "llama.cpp-vocab/ggml-vocab-\(name).gguf"
        let tokenizer = try TestFiles.tokenizer(data: path)
        let lines = String(decoding: try TestFiles.bytes(data: path + ".out"), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        let inputs = try llamaCppInputs()
        try #require(inputs.count > 40 && lines.count >= inputs.count)
        let vectors = zip(inputs, lines).map { text, line in
            Vector(text: text, ids: line.split(separator: " ").compactMap { Int32($0) })
        }
        expectEqual(tokenizer, vectors)
        for text in inputs {
            #expect(tokenizer.decode(tokenizer.encode(text, addSpecial: false, parseSpecial: false)) == text)
        }
    }

    @Test func gptNeoXWithoutPreTokenizerNameRoundTrips() throws {
        let tokenizer = try TestFiles.tokenizer(data: "llama.cpp-vocab/ggml-vocab-gpt-neox.gguf", size: 50432)
        for text in try llamaCppInputs() {
            #expect(tokenizer.decode(tokenizer.encode(text, addSpecial: true, parseSpecial: true)) == text)
        }
        #expect(tokenizer.encode("Hello world", addSpecial: true, parseSpecial: false) == [12092, 1533])
    }

    private func published(_ name: String) throws -> (text: String, tokens: [String], ids: [Int32]) {
        let json = try TestFiles.json(data: "swift-transformers/\(name)")
        return (
            try #require(json["text"]?.stringValue),
            try #require(json["bpe_tokens"]?.arrayValue).compactMap(\.stringValue),
            try #require(json["token_ids"]?.arrayValue).compactMap { $0.integerValue.map { Int32($0) } }
        )
    }

    @Test func gpt2FromTokenizerJSONGivesThePublishedIDs() throws {
        let tokenizer = try TestFiles.tokenizer(data: "gpt2/tokenizer.json", size: 50257)
        let vector = try published("gpt2_encoded_tokens.json")
        let ids = tokenizer.encode(vector.text, addSpecial: true, parseSpecial: true)
        #expect(ids == vector.ids)
        #expect(tokenizer.decode(ids) == vector.text)
        #expect(tokenizer.eosID == 50256)
        #expect(tokenizer.endIDs == [50256])
        #expect(tokenizer.encode("<|endoftext|>", addSpecial: false, parseSpecial: true) == [50256])
        #expect(tokenizer.encode("<|endoftext|>", addSpecial: false, parseSpecial: false).count > 1)
    }

    @Test func llama32FromVocabularyAndMergesGivesThePublishedIDs() throws {
        let encoder = try TestFiles.json(data: "llama3.2/encoder.json")
        let merges = String(decoding: try TestFiles.bytes(data: "llama3.2/vocab.bpe"), as: UTF8.self)
            .split(separator: "\n").map { JSON.string(String($0)) }
        let text = """
            {"normalizer": null, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
              {"type": "Split", "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\
            \\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"},
                "behavior": "Isolated", "invert": false},
              {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]},
             "added_tokens": [], "model": {"type": "BPE", "ignore_merges": true}}
            """
        var root = try #require(try JSONParser.parse(text.utf8).objectValue)
        var model = try #require(root["model"]?.objectValue)
        model["vocab"] = encoder
        model["merges"] = .array(merges)
        root["model"] = .object(model)
        let tokenizer = try makeTokenizer(
            from: .huggingFace(tokenizer: .object(root), config: nil, generationConfig: nil, chatTemplate: nil),
            vocabularySize: nil)
        let vector = try published("llama_3.2_encoded.json")
        // The published ids start with BOS.
        let ids = tokenizer.encode(vector.text, addSpecial: false, parseSpecial: false)
        #expect(ids == Array(vector.ids.drop { $0 == 128000 }))
        #expect(tokenizer.decode(ids) == vector.text)
    }

    @Test func llama2FromTokenizerBinGivesThePublishedIDs() throws {
        let tokenizer = try TestFiles.tokenizer(data: "llama2/tokenizer.bin", size: 32000)
        let vector = try published("llama_encoded.json")
        let ids = tokenizer.encode(vector.text, addSpecial: true, parseSpecial: false)
        #expect(ids == vector.ids)
        #expect(tokenizer.decode(ids) == vector.text)
        #expect(tokenizer.bosID == 1 && tokenizer.eosID == 2 && tokenizer.endIDs == [2])
    }

    @Test func llama2FromTokenizerBinGivesTheIDsOfSentencePieceForRandomStrings() throws {
        let texts = try #require(try TestFiles.json(fixture: "texts.json").arrayValue).compactMap(\.stringValue)
        let hashes = try #require(try TestFiles.json(fixture: "llama2-hashes.json").arrayValue)
            .compactMap(\.stringValue)
        try #require(hashes.count == 300)
        expectHashes(try TestFiles.tokenizer(data: "llama2/tokenizer.bin", size: 32000), texts, hashes)
    }
}
