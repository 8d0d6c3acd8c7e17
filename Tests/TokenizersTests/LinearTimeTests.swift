// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Foundation
import Testing
import Tokenizers

/// Doubling a text at most about doubles the time, also for texts made to be slow.
@Suite(.serialized)
struct LinearTimeTests {
    static let texts: [(name: String, unit: String)] = [
        ("one letter", "a"), ("spaces", " "), ("alternating", "ab"), ("newlines", "\n"), ("space and newline", " \n"),
        ("apostrophes", "'s"), ("digits", "1"), ("combining marks", "\u{301}\u{327}"), ("ideographs", "世界"),
        ("unknown", "\u{10FFFD}"), ("half a special token", "<|im_end|"), ("words", "The cat takes 12 houses. "),
    ]

    @Test(arguments: ["qwen2", "llama2"])
    func encodingIsAboutLinear(family: String) throws {
        let tokenizer = try ReferenceTests.tiny(family).tokenizer
        for (name, unit) in Self.texts { Self.check(tokenizer, unit, "\(family), \(name)") }
    }

    @Test(
        .enabled(if: TestFiles.hasData, "needs the folder of real data (TEMPER_DATA)"),
        arguments: ["gpt2/tokenizer.json", "llama2/tokenizer.bin"])
    func encodingWithARealVocabularyIsAboutLinear(path: String) throws {
        let tokenizer = try TestFiles.tokenizer(data: path)
        for (name, unit) in Self.texts { Self.check(tokenizer, unit, "\(path), \(name)") }
    }

    /// Each merge makes a piece of twice the length, so that all of a long word merges again and again.
    @Test func doublingMergesAreAboutLinear() throws {
        let pieces = (0...12).map { String(repeating: "a", count: 1 << $0) }
        var vocabulary = GGUFVocabulary(model: "gpt2", pieces: pieces)
        vocabulary.merges = pieces.dropLast().map { "\($0) \($0)" }
        let tokenizer = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        #expect(Self.count(tokenizer, String(repeating: "a", count: 1 << 20)) == 1 << 8)
        Self.check(tokenizer, "a", "doubling merges")
    }

    /// The longest piece is the best, so that one symbol swallows its neighbours one by one.
    @Test func growingPiecesAreAboutLinear() throws {
        let pieces = (1...512).map { String(repeating: "a", count: $0) }
        var vocabulary = GGUFVocabulary(model: "llama", pieces: ["<unk>", "<s>", "</s>"] + pieces)
        vocabulary.scores = vocabulary.pieces.map { Float($0.utf8.count) }
        vocabulary.kinds = [.unknown, .control, .control] + pieces.map { _ in .normal }
        vocabulary.addsSpacePrefix = false
        let tokenizer = try makeTokenizer(from: .gguf(vocabulary), vocabularySize: nil)
        #expect(Self.count(tokenizer, String(repeating: "a", count: 1 << 20)) == 1 << 11)
        Self.check(tokenizer, "a", "growing pieces")
    }

    @Test func decodingIsLossFreeForALongText() throws {
        let tokenizer = try ReferenceTests.tiny("llama3").tokenizer
        let text = String(repeating: "The cat\n\n takes 345 houses; été 世界 ", count: 20_000)
        #expect(tokenizer.decode(tokenizer.encode(text, addSpecial: true, parseSpecial: true)) == text)
    }

    private static func check(_ tokenizer: any Tokenizer, _ unit: String, _ name: String) {
        let half = String(repeating: unit, count: (1 << 19) / unit.utf8.count)
        let whole = half + half
        // Medians, since the first rounds find memory in another state; more rounds if they were unlucky.
        var times: (half: [Double], whole: [Double]) = ([], [])
        var ratio = Double.infinity
        for round in 0..<15 where round < 3 || ratio > 2.3 {
            times.half.append(seconds { count(tokenizer, half) })
            times.whole.append(seconds { count(tokenizer, whole) })
            ratio = median(times.whole) / median(times.half)
        }
        if ProcessInfo.processInfo.environment["TEMPER_TOKENIZER_TIMES"] != nil {
            print("\(name): 1 MiB in \(median(times.whole)) s, ratio \(ratio)")
        }
        #expect(ratio <= 3, "\(name): \(times)")
        #expect(median(times.whole) < 10, "\(name)")
    }

    private static func count(_ tokenizer: any Tokenizer, _ text: String) -> Int {
        tokenizer.encode(text, addSpecial: false, parseSpecial: true).count
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    /// Processor time of this thread, which other threads and processes do not add to.
    private static func seconds(_ body: () -> Int) -> Double {
        func now() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        }
        let start = now()
        #expect(body() > 0)
        return now() - start
    }
}
