// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import StrictJSON
import Testing
import Tokenizers

/// Vocabularies and texts that are made to break a tokenizer: a typed error or a defined result, never a crash.
struct HostileVocabularyTests {
    private static func gguf(
        model: String = "llama", _ pieces: [String], kinds: [TokenKind]? = nil, scores: [Float]? = nil
    ) -> GGUFVocabulary {
        var vocabulary = GGUFVocabulary(model: model, pieces: pieces)
        vocabulary.kinds = kinds ?? []
        if model == "llama" { vocabulary.scores = scores ?? pieces.map { _ in 0 } }
        return vocabulary
    }

    private static func json(_ text: String) throws -> TokenizerSource {
        .huggingFace(
            tokenizer: try JSONParser.parse(text.utf8), config: nil, generationConfig: nil, chatTemplate: nil)
    }

    private static func byteLevel(
        vocab: String = #"{"a":0,"b":1,"ab":2}"#, merges: String = #"["a b"]"#, model: String = "", rest: String = ""
    ) -> String {
        """
        {"model":{"type":"BPE","vocab":\(vocab),"merges":\(merges)\(model)},
        "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false}\(rest)}
        """
    }

    static let badBytes = ["<0xZZ>", "<0x-1>", "<0x+1>", "<0x1>", "<0x001>", "<0x 1>", "", "<0X0A>", "0x0A", "<0x0A> "]

    @Test(arguments: badBytes)
    func malformedByteTokenIsAnError(piece: String) {
        let vocabulary = Self.gguf(["<unk>", "<s>", "</s>", piece], kinds: [.unknown, .control, .control, .byte])
        #expect(throws: TokenizerError.malformedByteToken(id: 3, piece: piece)) {
            try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        }
    }

    @Test func duplicateByteTokenIsAnError() {
        let vocabulary = Self.gguf(["<unk>", "<s>", "</s>", "<0x0A>", "<0x0a>"])
        #expect(throws: TokenizerError.duplicateByteToken(byte: 10, ids: [3, 4])) {
            try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        }
    }

    @Test func missingBytesBecomeOneUnknownTokenPerRun() throws {
        let vocabulary = Self.gguf(["<unk>", "<s>", "</s>", "<0xC3>", "\u{2581}", "a"])
        let tokenizer = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        #expect(tokenizer.encode("aéb", addSpecial: true, parseSpecial: false) == [1, 4, 5, 3, 0])
        #expect(tokenizer.decode([3]) == "\u{FFFD}")
    }

    @Test func vocabularyWithoutBytesAndUnknownDropsWhatItLacks() throws {
        let tokenizer = try makeTokenizer(from: try Self.json(Self.byteLevel()), vocabularySize: nil)
        #expect(tokenizer.encode("zabz b", addSpecial: true, parseSpecial: true) == [2, 1])
        #expect(tokenizer.encode("", addSpecial: true, parseSpecial: true) == [])
    }

    @Test func scoresMustBeNumbersOnePerPiece() {
        #expect(throws: TokenizerError.scoreNotANumber(id: 1)) {
            try makeTokenizer(from: .gguf(Self.gguf(["a", "b"], scores: [0, .nan])), vocabularySize: nil)
        }
        #expect(throws: TokenizerError.countMismatch(list: "tokenizer.ggml.scores", found: 1, expected: 2)) {
            try makeTokenizer(from: .gguf(Self.gguf(["a", "b"], scores: [0])), vocabularySize: nil)
        }
        #expect(throws: TokenizerError.countMismatch(list: "scores", found: 0, expected: 1)) {
            try makeTokenizer(from: .llama2c(pieces: [[97]], scores: []), vocabularySize: nil)
        }
    }

    @Test func kindsMustBeOnePerPiece() {
        #expect(throws: TokenizerError.countMismatch(list: "tokenizer.ggml.token_type", found: 1, expected: 2)) {
            try makeTokenizer(from: .gguf(Self.gguf(["a", "b"], kinds: [.normal])), vocabularySize: nil)
        }
    }

    @Test func vocabularyMustFitTheModel() throws {
        let vocabulary = Self.gguf(["a", "b", "c"])
        #expect(throws: TokenizerError.vocabularyTooLarge(count: 3, limit: 2)) {
            try makeTokenizer(from: .gguf(vocabulary), vocabularySize: 2)
        }
        let padded = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: 64)
        #expect(padded.vocabularySize == 64)
        #expect(padded.piece(of: 63) == nil && padded.bytes(of: 63) == [] && !padded.isControl(63))
        for id in [-1, 64, .min, .max] as [Int32] {
            #expect(padded.piece(of: id) == nil && padded.bytes(of: id) == [] && !padded.isControl(id))
        }
    }

    @Test func emptyVocabularyIsAnError() {
        #expect(throws: TokenizerError.emptyVocabulary) {
            try makeTokenizer(from: .gguf(Self.gguf([])), vocabularySize: nil)
        }
        #expect(throws: TokenizerError.emptyVocabulary) {
            try makeTokenizer(from: .llama2c(pieces: [], scores: []), vocabularySize: nil)
        }
        #expect(throws: TokenizerError.emptyVocabulary) {
            try makeTokenizer(
                from: try Self.json(Self.byteLevel(vocab: "{}", merges: "[]")), vocabularySize: nil)
        }
    }

    @Test func specialIDsMustBeInTheVocabulary() {
        for id in [-1, 2, Int32.max] {
            var vocabulary = Self.gguf(["a", "b"])
            vocabulary.specialIDs["eot"] = id
            #expect(throws: TokenizerError.idOutOfRange(piece: "eot", id: Int64(id), limit: 2)) {
                try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
            }
        }
    }

    @Test func pieceLongerThanAnyIsAnError() {
        let piece = String(repeating: "a", count: 5000)
        #expect(throws: TokenizerError.pieceTooLong(id: 1, byteCount: 5000, limit: 4096)) {
            try makeTokenizer(from: .gguf(Self.gguf(["a", piece])), vocabularySize: nil)
        }
    }

    @Test func addedTokenLongerThanAnyIsAnError() {
        let piece = String(repeating: "a", count: 513)
        let vocabulary = Self.gguf(["a", piece], kinds: [.normal, .userDefined])
        #expect(throws: TokenizerError.pieceTooLong(id: 1, byteCount: 513, limit: 512)) {
            try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        }
    }

    @Test func emptyAndEqualPiecesAreHarmless() throws {
        let pieces = ["", "", "a", "a", "", "\u{2581}"]
        let vocabulary = Self.gguf(pieces, kinds: pieces.map { _ in .normal })
        let tokenizer = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        // Of equal pieces the last counts; an empty piece is never made.
        #expect(tokenizer.encode("aa", addSpecial: false, parseSpecial: true) == [5, 3, 3])
        #expect(tokenizer.id(ofPiece: "") == nil)
    }

    @Test func mergesOfAGGUFMayNameWhatTheVocabularyLacks() throws {
        var vocabulary = Self.gguf(model: "gpt2", ["a", "b", "c", "abc"])
        // "ab" is no piece: it is a step on the way to "abc", and bytes again where the way ends there.
        vocabulary.merges = ["a b", "ab c", "q z"]
        let tokenizer = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        #expect(tokenizer.encode("abcabqz", addSpecial: false, parseSpecial: false) == [3, 0, 1])
    }

    @Test(arguments: ["", "a", "ab", " ", "a ", "  "])
    func malformedMergeOfAGGUFIsAnError(merge: String) {
        var vocabulary = Self.gguf(model: "gpt2", ["a", "b"])
        vocabulary.merges = [merge]
        #expect(throws: TokenizerError.malformedMerge(index: 0, text: merge)) {
            try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        }
    }

    @Test func unknownNamesAreErrorsThatListTheKnown() throws {
        #expect(throws: TokenizerError.unsupportedModel(found: "rwkv", known: ["gpt2", "llama"])) {
            try makeTokenizer(from: .gguf(Self.gguf(model: "rwkv", ["a"])), vocabularySize: nil)
        }
        var vocabulary = Self.gguf(model: "gpt2", ["a"])
        vocabulary.preTokenizer = "superbpe"
        let error = try #require(throws: TokenizerError.self) {
            try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        }
        guard case .unknownPreTokenizer(let name, let known) = error else {
            Issue.record("unexpected \(error)")
            return
        }
        #expect(name == "superbpe" && known.contains("llama-bpe") && known.contains("qwen2"))
        for name in known {
            vocabulary.preTokenizer = name
            #expect(throws: Never.self) { try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil) }
        }
    }

    struct BadJSON: Sendable, CustomTestStringConvertible {
        var text: String
        var error: TokenizerError
        var testDescription: String { "\(error)" }
    }

    static let badJSON: [BadJSON] = [
        BadJSON(
            text: byteLevel(merges: #"["a c"]"#), error: .unknownPieceInMerge(index: 0, piece: "c")),
        BadJSON(text: byteLevel(merges: #"["a b","b a"]"#), error: .unknownPieceInMerge(index: 1, piece: "ba")),
        BadJSON(text: byteLevel(merges: #"["ab"]"#), error: .malformedMerge(index: 0, text: "ab")),
        BadJSON(text: byteLevel(merges: #"["a b c"]"#), error: .malformedMerge(index: 0, text: "a b c")),
        BadJSON(text: byteLevel(merges: #"[" b"]"#), error: .malformedMerge(index: 0, text: " b")),
        BadJSON(text: byteLevel(merges: #"[["a"]]"#), error: .malformedMerge(index: 0, text: "array of 1")),
        BadJSON(text: byteLevel(merges: #"[["a",""]]"#), error: .malformedMerge(index: 0, text: "array of 2")),
        BadJSON(text: byteLevel(merges: "[7]"), error: .malformedMerge(index: 0, text: "integer")),
        BadJSON(
            text: byteLevel(merges: "7"), error: .malformed(path: "model.merges", found: "7", expected: "an array")),
        BadJSON(
            text: byteLevel(vocab: #"{"a":-1}"#, merges: "[]"),
            error: .idOutOfRange(piece: "a", id: -1, limit: VocabularyLimits.pieces)),
        BadJSON(
            text: byteLevel(vocab: #"{"a":9223372036854775807}"#, merges: "[]"),
            error: .idOutOfRange(piece: "a", id: .max, limit: VocabularyLimits.pieces)),
        BadJSON(
            text: byteLevel(vocab: #"{"a":1.5}"#, merges: "[]"),
            error: .malformed(path: "model.vocab", found: "1.5", expected: "an integer")),
        BadJSON(
            text: byteLevel(vocab: #"{"a":0,"b":0}"#, merges: "[]"), error: .conflictingIDs(id: 0, pieces: ["a", "b"])),
        BadJSON(
            text: byteLevel(vocab: "[]"), error: .malformed(path: "model.vocab", found: "array", expected: "an object")),
        BadJSON(
            text: #"{"model":{"type":"Unigram","vocab":[]}}"#,
            error: .unsupportedModel(found: "Unigram", known: ["BPE"])),
        BadJSON(text: #"{}"#, error: .malformed(path: "model", found: "nothing", expected: "a value")),
        BadJSON(text: #"[]"#, error: .malformed(path: "model", found: "nothing", expected: "a value")),
        BadJSON(
            text: byteLevel(model: #","dropout":0.1"#),
            error: .unsupported(path: "model.dropout", found: "0.1", expected: "null")),
        BadJSON(
            text: byteLevel(model: #","end_of_word_suffix":"</w>""#),
            error: .unsupported(path: "model.end_of_word_suffix", found: "\"</w>\"", expected: "null")),
        BadJSON(
            text: byteLevel(rest: #","added_tokens":[{"id":0,"content":"x"}]"#),
            error: .conflictingIDs(id: 0, pieces: ["a", "x"])),
        BadJSON(
            text: byteLevel(rest: #","added_tokens":[{"id":5,"content":"a"}]"#),
            error: .conflictingIDs(id: 0, pieces: ["a", "a"])),
        BadJSON(
            text: byteLevel(rest: #","added_tokens":[{"id":5,"content":"x","lstrip":1}]"#),
            error: .malformed(path: "added_tokens[0].lstrip", found: "1", expected: "true or false")),
        BadJSON(
            text: byteLevel(rest: #","normalizer":{"type":"NFKC"}"#),
            error: .unsupported(
                path: "normalizer.type", found: "\"NFKC\"", expected: "NFC, Prepend, Replace or Sequence")),
        BadJSON(
            text: byteLevel(rest: #","normalizer":{"type":"Replace","pattern":{"String":""},"content":"x"}"#),
            error: .malformed(
                path: "normalizer.pattern.String", found: "\"\"", expected: "a string that is not empty")),
        BadJSON(
            text: byteLevel(
                rest: #","normalizer":{"type":"Prepend","prepend":""# + String(repeating: "x", count: 100) + #""}"#),
            error: .malformed(
                path: "normalizer.prepend", found: "\"" + String(repeating: "x", count: 100) + "\"",
                expected: "at most 64 bytes")),
        BadJSON(
            text: byteLevel(
                rest: #"""
                    ,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],
                    "special_tokens":{"x":{"ids":[99]}}}
                    """#), error: .idOutOfRange(piece: "x", id: 99, limit: 3)),
        BadJSON(
            text: #"""
                {"model":{"vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[
                {"type":"Split","pattern":{"Regex":"(a*)*$"},"behavior":"Isolated"},{"type":"ByteLevel"}]}}
                """#, error: .unknownPattern("(a*)*$")),
        BadJSON(
            text: #"{"model":{"vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Whitespace"}}"#,
            error: .unsupported(
                path: "pre_tokenizer.type", found: "\"Whitespace\"",
                expected: "ByteLevel, Digits and Split before ByteLevel, or Metaspace alone")),
    ]

    @Test(arguments: badJSON)
    func badTokenizerJSONIsATypedError(bad: BadJSON) throws {
        let source = try Self.json(bad.text)
        #expect(throws: bad.error) { try makeTokenizer(from: source, vocabularySize: nil) }
    }

    @Test func randomDamageToATokenizerFileNeverCrashes() throws {
        var generator = SeededGenerator(seed: 99)
        for family in ["llama3", "mistral"] {
            let json = try #require(try TestFiles.json(fixture: "tiny-\(family).json")["tokenizer"])
            for _ in 0..<300 {
                let source = TokenizerSource.huggingFace(
                    tokenizer: Self.damaged(json, depth: 0, &generator), config: nil, generationConfig: nil,
                    chatTemplate: nil)
                guard let tokenizer = try? makeTokenizer(from: source, vocabularySize: nil) else { continue }
                let ids = tokenizer.encode("Hello 世界 <tool> don't 123\n", addSpecial: true, parseSpecial: true)
                #expect(ids.allSatisfy { $0 >= 0 && Int($0) < tokenizer.vocabularySize })
                _ = tokenizer.decode(ids, showSpecial: true)
            }
        }
    }

    private static func damaged(_ json: JSON, depth: Int, _ generator: inout SeededGenerator) -> JSON {
        if Int.random(in: 0..<(depth < 2 ? 40 : 400), using: &generator) == 0 {
            let values: [JSON] = [
                .null, .integer(-1), .integer(.max), .integer(3), .string(""), .string("x"), .array([]),
                .object(JSONObject()), .bool(true), .number(0.5),
            ]
            return values.randomElement(using: &generator) ?? .null
        }
        switch json {
        case .object(let object):
            var result = JSONObject()
            // Of the many members of a vocabulary one in a while.
            for (key, value) in object.members where Int.random(in: 0..<2000, using: &generator) != 0 {
                result[key] = object.count > 50 ? value : damaged(value, depth: depth + 1, &generator)
            }
            return .object(result)
        case .array(let elements):
            return .array(elements.count > 50 ? elements : elements.map { damaged($0, depth: depth + 1, &generator) })
        default: return json
        }
    }
}
