// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Foundation
import StrictJSON
import Testing
import Tokenizers
import Training

@Suite("Reading documents")
struct DocumentTests {
    static func documents(_ text: String, _ format: DocumentFormat) throws -> [Document] {
        let folder = try TemporaryFolder()
        var reader = try DocumentReader(path: try folder.write("data.any", text), format: format)
        var documents: [Document] = []
        while let document = try reader.next() { documents.append(document) }
        return documents
    }

    static let separated = DocumentFormat.text(separator: "<|endoftext|>")

    @Test(
        "text is cut at lines that are the separator",
        arguments: [
            ("one", ["one"], [1]),
            ("one\n", ["one"], [1]),
            ("one\n\ntwo\n", ["one\n\ntwo"], [1]),
            ("one\n<|endoftext|>\ntwo\n\n<|endoftext|>\n", ["one", "two"], [1, 3]),
            (
                "<|endoftext|>\n\n\n one \r\n<|endoftext|>\r\n<|endoftext|>\nx<|endoftext|>\n",
                [" one ", "x<|endoftext|>"], [4, 7]
            ),
            ("\n\n", [], []),
        ])
    func separatedText(text: String, documents: [String], lines: [Int]) throws {
        let found = try Self.documents(text, Self.separated)
        #expect(found.map(\.text) == documents)
        #expect(found.map(\.line) == lines)
        #expect(found.allSatisfy { !$0.isMasked })
    }

    @Test("an empty separator cuts at lines of white space")
    func blankLines() throws {
        let found = try Self.documents("a\nb\n\n \t\nc\n\n", .text(separator: ""))
        #expect(found.map(\.text) == ["a\nb", "c"])
        #expect(found.map(\.line) == [1, 5])
    }

    @Test("JSONL holds texts and pairs")
    func jsonLines() throws {
        let found = try Self.documents(
            "{\"text\": \"a\\nb\", \"id\": 7}\r\n\n{\"prompt\": \"p\", \"completion\": \"c\"}", .jsonl)
        #expect(
            found == [Document(line: 1, text: "a\nb"), Document(line: 3, prompt: "p", completion: "c")])
    }

    @Test(
        "a malformed line is named by its number",
        arguments: [
            ("{\"text\": \"a\"}\n{\"text\": 5}\n", "data.any, line 2: expected a string under \"text\", found integer"),
            (
                "\n\n{\"prompt\": \"a\"}",
                "data.any, line 3: expected an object with \"text\", with \"prompt\" and \"completion\", or with \"segments\", found prompt alone"
            ),
            (
                "{\"text\": \"a\"}\n{\"text\": \"b\n",
                "data.any, line 2: invalid JSON at byte 11: the text ends inside a value"
            ),
            (
                "{\"segments\": []}", "data.any, line 1: expected 1 to 65536 objects under \"segments\", found 0"
            ),
            (
                "{\"segments\": [{\"text\": \"a\", \"learned\": true}, {\"text\": \"a\", \"learned\": 1}]}",
                "data.any, line 1: expected a string \"text\" and a flag \"learned\" in segment 1, found something else"
            ),
            (
                "[1]",
                "data.any, line 1: expected an object with \"text\", with \"prompt\" and \"completion\", or with \"segments\", found array"
            ),
        ])
    func malformed(text: String, message: String) throws {
        let error = try #require(throws: TrainingDataError.self) { try Self.documents(text, .jsonl) }
        #expect(error.description == message)
    }

    @Test("text that is not UTF-8 is named by its line")
    func notUTF8() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("bad.txt")
        try Data(Array("one\n<|endoftext|>\ntwo\nx".utf8) + [0xFF, 0x0A]).write(to: URL(fileURLWithPath: path))
        var reader = try DocumentReader(path: path, format: Self.separated)
        _ = try reader.next()
        #expect(throws: TrainingDataError.notUTF8(file: "bad.txt", line: 4)) { try reader.next() }
    }

    @Test("a file that is missing, empty or a folder is refused")
    func noFile() throws {
        let folder = try TemporaryFolder()
        #expect(throws: TrainingDataError.self) {
            try DocumentReader(path: folder.file("absent.txt"), format: Self.separated)
        }
        let path = try folder.write("empty.txt", "")
        #expect(throws: TrainingDataError.notData(path: path, found: "an empty file")) {
            try DocumentReader(path: path, format: Self.separated)
        }
        #expect(throws: TrainingDataError.notData(path: folder.path, found: "not a regular file")) {
            try DocumentReader(path: folder.path, format: Self.separated)
        }
    }
}

@Suite("Splits")
struct SplitTests {
    static func hash(_ text: String, prompt: String? = nil) -> UInt64 {
        SplitRule.hash(
            of: prompt.map { Document(line: 1, prompt: $0, completion: text) } ?? Document(line: 1, text: text))
    }

    @Test("depend on the text alone, not on case, white space, or the answer")
    func normalised() {
        #expect(Self.hash("The  cat\n sat ") == Self.hash("the cat sat"))
        #expect(Self.hash("the cat sat") != Self.hash("the catsat"))
        #expect(Self.hash("yes", prompt: "Is it?") == Self.hash("no", prompt: "is it? "))
        #expect(Self.hash("É") != Self.hash("é"), "only ASCII letters are folded")
    }

    @Test("keep the shares asked for and are never moved by other documents")
    func shares() {
        let rule = SplitRule(validation: 0.1, test: 0.05)
        let parts = (0..<20_000).map { rule.split(of: Self.hash("document \($0)")) }
        let counts = Dictionary(grouping: parts, by: { $0 }).mapValues(\.count)
        // 5 standard deviations of a binomial count
        #expect(abs((counts[.validation] ?? 0) - 2000) < 212)
        #expect(abs((counts[.test] ?? 0) - 1000) < 154)
        // A larger share for validation takes from training only.
        let larger = SplitRule(validation: 0.2, test: 0.05)
        for (index, part) in parts.enumerated() where part != .train {
            #expect(larger.split(of: Self.hash("document \(index)")) == part)
        }
    }

    @Test("are the same in every process and version")
    func golden() {
        #expect(Self.hash("the cat sat") == 0x8095_A34A_3F23_B544)
        // From the package xxhash.
        #expect(ContentHash.hash(UnsafeRawBufferPointer(start: nil, count: 0)) == 0xEF46_DB37_51D8_E999)
        #expect([UInt8](0..<100).withUnsafeBytes { ContentHash.hash($0, seed: 7) } == 0x8065_3E7E_9B88_7CDD)
    }
}

@Suite("Encoding documents")
struct DocumentEncoderTests {
    let vocabulary: TrainedVocabulary
    let tokenizer: any Tokenizer

    init() throws {
        vocabulary = try makeVocabulary(special: ["<|turn|>"], bos: "<|begin|>")
        tokenizer = try vocabulary.tokenizer()
    }

    func encode(_ prompt: String?, _ text: String, parsesSpecial: Bool = false) throws -> EncodedDocument {
        try DocumentEncoder(tokenizer, parsesSpecial: parsesSpecial)
            .encode(
                prompt.map { Document(line: 1, prompt: $0, completion: text) } ?? Document(line: 1, text: text),
                file: "f")
    }

    /// What is learned of a document, or what is only read.
    func learned(_ document: EncodedDocument, _ wanted: Bool = true) -> String {
        tokenizer.decode(zip(document.ids, document.isLearned).filter { $0.1 == wanted }.map(\.0))
    }

    @Test("a text is learned whole and ends with the end token")
    func plain() throws {
        let document = try encode(nil, "Anna saw the fox.")
        #expect(document.ids.first == tokenizer.bosID && document.ids.last == tokenizer.eosID)
        #expect(document.isLearned.allSatisfy { $0 } && !document.isMasked)
        #expect(tokenizer.decode(document.ids) == "Anna saw the fox.")
    }

    @Test(
        "of a pair the completion and the end token are learned, found in the whole text",
        arguments: [
            ("Who? ", "Ben", false), ("Who?", " Ben", false), ("Anna saw t", "he fox", true), ("", "Ben", false),
            ("Who?", "", false), ("", "", false), ("é", "ß", false), ("東", "京", true), ("x 🙂", "🙂", true),
        ])
    func pairs(prompt: String, completion: String, straddles: Bool) throws {
        let document = try encode(prompt, completion)
        let whole = tokenizer.encode(prompt + completion, addSpecial: true, parseSpecial: false)
        #expect(document.ids == whole + [try #require(tokenizer.eosID)])
        #expect(document.straddles == straddles)
        let learned = learned(document)
        if straddles {
            #expect(learned.hasSuffix(completion) && learned != completion)
        } else {
            #expect(learned == completion)
            #expect(self.learned(document, false) == prompt)
        }
    }

    @Test("of segments those are learned that say so, as one text, seams inside tokens and empty ones among them")
    func segments() throws {
        typealias Segment = Document.Segment
        func encode(_ segments: [Segment]) throws -> EncodedDocument {
            try DocumentEncoder(tokenizer, parsesSpecial: false)
                .encode(Document(line: 1, segments: segments), file: "f")
        }
        let turns = [
            Segment("Q: Anna\nA:", isLearned: false), Segment(" Ben\n", isLearned: true),
            Segment("\nQ: 東", isLearned: false), Segment("", isLearned: true), Segment("\nA:", isLearned: false),
            Segment(" fox\n", isLearned: true),
        ]
        let document = try encode(turns)
        let whole = turns.map(\.text).joined()
        #expect(document.ids.dropLast() == tokenizer.encode(whole, addSpecial: true, parseSpecial: false)[...])
        #expect(learned(document) == " Ben\n fox\n" && document.isMasked && !document.straddles)
        #expect(document.isLearned.last == true)
        let closed = try encode([Segment("Ben", isLearned: true), Segment(" saw", isLearned: false)])
        #expect(learned(closed) == "Ben" && closed.isLearned.last == false)
        let inside = try encode([
            Segment("x 東".dropLast().description, isLearned: false), Segment("東", isLearned: true),
            Segment("京", isLearned: false),
        ])
        #expect(learned(inside).contains("東"))
    }

    @Test("control tokens in a prompt take the bytes of their spelling where they are read, else are text")
    func controlTokens() throws {
        let read = try encode("<|turn|>Who?<|turn|>", "Ben", parsesSpecial: true)
        #expect(learned(read) == "Ben")
        #expect(read.ids.filter { $0 == 2 }.count == 2)
        let plain = try encode("<|turn|>Who?<|turn|>", "Ben")
        #expect(learned(plain) == "Ben")
        #expect(!plain.ids.contains(2))
    }

    @Test("a vocabulary without an end token is refused")
    func noEnd() throws {
        let silent = try makeTokenizer(
            from: .huggingFace(
                tokenizer: vocabulary.tokenizerJSON, config: nil, generationConfig: nil, chatTemplate: nil),
            vocabularySize: nil)
        // <|endoftext|> ends generations by its name alone, but no file gives it that role.
        #expect(throws: TrainingDataError.noEndToken) { try DocumentEncoder(silent, parsesSpecial: false) }
    }
}
