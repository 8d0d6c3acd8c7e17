// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import StrictJSON
import Testing
import Tokenizers
import Training

@Suite("Training a vocabulary")
struct VocabularyTests {
    @Test("learns the pieces and merges of Hugging Face's BpeTrainer", arguments: WordRule.allCases)
    func golden(rule: WordRule) throws {
        let golden = try Fixture.json("vocabularies.json")
        let expected = try #require(golden["rules"]?[rule.rawValue])
        let special = try #require(golden["special"]?.arrayValue).compactMap(\.stringValue)
        let vocabulary = try makeVocabulary(
            size: Int(try #require(golden["size"]?.integerValue)), rule: rule, special: special)
        let model = try #require(vocabulary.tokenizerJSON["model"])
        #expect(model["merges"] == expected["merges"])
        #expect(model["vocab"]?.objectValue?.keys == expected["pieces"]?.arrayValue?.compactMap(\.stringValue))

        let tokenizer = try vocabulary.tokenizer()
        let samples = try #require(golden["samples"]?.arrayValue).compactMap(\.stringValue)
        for (sample, ids) in zip(samples, try #require(expected["ids"]?.arrayValue)) {
            let found = tokenizer.encode(sample, addSpecial: true, parseSpecial: true)
            #expect(JSON.array(found.map { .integer(Int64($0)) }) == ids, "\(sample.debugDescription)")
        }
    }

    @Test("does not depend on the order of texts, nor on how often it is run")
    func deterministic() throws {
        let lines = try Fixture.text("vocabulary-text.txt").split(separator: "\n").map { String($0) + "\n" }
        func learned(_ lines: [String]) throws -> TrainedVocabulary {
            var trainer = VocabularyTrainer(try VocabularyOptions(size: 400))
            for line in lines { trainer.add(line) }
            return try trainer.train()
        }
        let first = try learned(lines)
        #expect(first.pieces.count == 400)
        #expect(try learned(lines.reversed()).tokenizerJSON == first.tokenizerJSON)
        #expect(try learned(lines).tokenizerJSON == first.tokenizerJSON)
    }

    @Test("keeps control tokens out of words and gives them their roles")
    func controlTokens() throws {
        var trainer = VocabularyTrainer(
            try VocabularyOptions(size: 300, special: ["<|turn|>"], bos: "<|begin|>", pad: "<|pad|>"))
        trainer.add(String(repeating: "x<|turn|>y<|endoftext|>", count: 50))
        #expect(throws: Never.self) { try trainer.train() }
        let vocabulary = try trainer.train()
        #expect(vocabulary.pieces.count == 4 + 256, "there is no pair to merge")
        let tokenizer = try vocabulary.tokenizer()
        #expect(tokenizer.eosID == 0 && tokenizer.bosID == 1 && tokenizer.endIDs == [0])
        #expect(tokenizer.addsBOS)
        let ids = tokenizer.encode("x<|turn|>", addSpecial: true, parseSpecial: true)
        #expect(ids.first == 1 && ids.last == 3 && ids.count == 3)
        #expect(tokenizer.encode("<|turn|>", addSpecial: false, parseSpecial: false).count == 8)
    }

    @Test("ends early where no pair occurs often enough")
    func endsEarly() throws {
        var options = try VocabularyOptions(size: 1000)
        options.minimumCount = 3
        var trainer = VocabularyTrainer(options)
        trainer.add("abc abc bd")
        #expect(try trainer.train().merges.isEmpty, "no pair occurs three times")
        trainer.add(" abc")
        #expect(try trainer.train().pieces.last == Array("abc".utf8), "with the space before it, it occurs twice only")
    }

    @Test("makes no piece longer than its limit, and words of any length cost what they should")
    func longWords() throws {
        var trainer = VocabularyTrainer(try VocabularyOptions(size: 2000))
        trainer.add(String(repeating: "a", count: 200_000))
        let vocabulary = try trainer.train()
        #expect(vocabulary.pieces.map(\.count).max() == VocabularyTrainer.pieceBytes)
    }

    @Test("refuses options that cannot be")
    func refusals() throws {
        #expect(throws: VocabularyError.badSize(256, allowed: 257...4_194_304)) { try VocabularyOptions(size: 256) }
        #expect(throws: VocabularyError.badSpecial("", limit: 128)) { try VocabularyOptions(size: 300, special: [""]) }
        #expect(throws: VocabularyError.repeatedSpecial("<a>")) {
            try VocabularyOptions(size: 300, special: ["<a>", "<a>"])
        }
        #expect(throws: VocabularyError.noText) {
            try VocabularyTrainer(try VocabularyOptions(size: 300)).train()
        }
    }
}
