// SPDX-License-Identifier: Apache-2.0

import Decoding
import Testing

@Suite struct StopMatcherTests {
    /// Where a text stops, found by trying every stop at every place.
    static func oracle(_ text: [UInt8], _ stops: [String]) -> (start: Int, stop: String)? {
        for end in 0...text.count {
            var best: (start: Int, stop: String)?
            for stop in stops where text[..<end].reversed().starts(with: stop.utf8.reversed()) {
                let start = end - stop.utf8.count
                if best.map({ start < $0.start }) ?? true { best = (start, stop) }
            }
            if let best { return best }
        }
        return nil
    }

    /// The longest suffix of a text that is a proper prefix of a stop.
    static func heldBack(_ text: ArraySlice<UInt8>, _ stops: [String]) -> Int {
        stops.map { stop in
            let bytes = Array(stop.utf8)
            return (0..<bytes.count).last { $0 <= text.count && text.suffix($0).elementsEqual(bytes[..<$0]) } ?? 0
        }.max() ?? 0
    }

    static func check(_ text: [UInt8], _ stops: [String], cuts: [Int], _ comment: Comment) throws {
        var matcher = try StopMatcher(stops)
        let expected = oracle(text, stops)
        var released: [UInt8] = []
        var start = 0
        for end in cuts + [text.count] {
            switch matcher.append(text[start..<end]) {
            case .released(let bytes):
                released += bytes
                #expect(expected.map { $0.start + $0.stop.utf8.count > end } ?? true, comment)
                #expect(released == Array(text[..<(end - heldBack(text[..<end], stops))]), comment)
            case .stopped(let bytes, let stop):
                released += bytes
                #expect(stop == expected?.stop, comment)
                #expect(released == Array(text[..<(expected?.start ?? 0)]), comment)
                // After the stop nothing more comes.
                #expect(matcher.append(text) == .stopped(released: [], stop: stop), comment)
                return
            }
            start = end
        }
        #expect(expected == nil, comment)
        #expect(released + matcher.finish() == text, comment)
    }

    @Test(arguments: 0..<10)
    func equalsTheOracleHoweverTheTextIsCut(_ seed: Int) throws {
        var random = TestRandom(seed: UInt64(seed))
        for round in 0..<1000 {
            // Few letters, so that stops overlap, nest and nearly match.
            let letters = ["a", "b", "é", "ab"].prefix(Int.random(in: 1...4, using: &random))
            func word(_ most: Int) -> String {
                (0..<Int.random(in: 1...most, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" }
                    .joined()
            }
            let stops = (0..<Int.random(in: 1...4, using: &random)).map { _ in word(6) }
            let text = Array(word(24).utf8)
            let comment: Comment = "seed \(seed) round \(round): \(stops) in \(String(decoding: text, as: UTF8.self))"
            try Self.check(text, stops, cuts: Array(1..<max(text.count, 1)), comment)
            try Self.check(text, stops, cuts: [], comment)
            let cuts = (1..<max(text.count, 1)).filter { _ in Bool.random(using: &random) }
            try Self.check(text, stops, cuts: cuts, comment)
        }
    }

    @Test func everySplitInTwo() throws {
        let stops = ["\n\n", "<|im_end|>", "User:", "世界"]
        let texts = ["Hello\n<|im_e", "a\n\nb", "世世界", "UserUser:", "<|im_<|im_end|>", "no stop here\n"]
        for text in texts.map({ Array($0.utf8) }) {
            for cut in 0...text.count { try Self.check(text, stops, cuts: [cut], "\(text) at \(cut)") }
        }
    }

    @Test(
        "the first completed counts, of those the one that starts earliest",
        arguments: [
            (["bc", "abcd"], "xabcd", "xa", "bc"), (["c", "abc"], "xabc", "x", "abc"),
            (["abc", "c"], "xabc", "x", "abc"),
            (["aa"], "baaa", "b", "aa"), (["ab", "ab"], "ab", "", "ab"), (["b", "a"], "ab", "", "a"),
        ])
    func overlappingStops(_ stops: [String], _ text: String, _ shown: String, _ found: String) throws {
        var matcher = try StopMatcher(stops)
        #expect(matcher.append(text.utf8) == .stopped(released: Array(shown.utf8), stop: found))
    }

    @Test func withoutStopsEverythingPasses() throws {
        var matcher = try StopMatcher([])
        #expect(matcher.append([0xFF, 0, 65]) == .released([0xFF, 0, 65]))
        #expect(matcher.finish() == [])
    }

    @Test func limits() throws {
        #expect(throws: DecodingError.emptyStop(index: 1)) { try StopMatcher(["a", ""]) }
        #expect(throws: DecodingError.tooManyStops(limit: 64, found: 65)) {
            try StopMatcher(Array(repeating: "x", count: 65))
        }
        #expect(throws: DecodingError.stopTooLong(index: 0, limit: 1024, found: 1026)) {
            try StopMatcher([String(repeating: "é", count: 513)])
        }
        _ = try StopMatcher(Array(repeating: String(repeating: "é", count: 512), count: 64))
    }

    @Test func hostileStopsTakeLinearTime() throws {
        // All prefixes of one letter: every byte walks the automaton's longest fallbacks.
        var stops = (0..<63).map { String(repeating: "a", count: 1023 - $0) + "b" }
        stops.append(String(repeating: "a", count: 1000) + "c")
        var matcher = try StopMatcher(stops)
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
        let start = ContinuousClock.now
        var count = 0
        if case .released(let bytes) = matcher.append(text) { count = bytes.count }
        #expect(count == text.count - 1023)
        #expect(matcher.append(Array("d".utf8)) == .released([UInt8](repeating: 97, count: 1023) + [100]))
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func aStopThatMayNotCountIsPassedOver() throws {
        var matcher = try StopMatcher(["ab", "abcd", "x"])
        #expect(shown(matcher.append(Array("xab".utf8), mayStop: false)) == "x")
        // The end of the text so far may still become the longer one.
        #expect(matcher.append(Array("c".utf8)) == .released([]))
        #expect(matcher.append(Array("d".utf8)) == .stopped(released: [], stop: "abcd"))
        matcher = try StopMatcher(["ab"])
        #expect(shown(matcher.append(Array("ab".utf8), mayStop: false)) == "")
        #expect(shown(matcher.append(Array("b".utf8))) == "abb")
        // One that begins while it may not count does once it is complete.
        #expect(shown(matcher.append(Array("za".utf8), mayStop: false)) == "z")
        #expect(matcher.append(Array("b".utf8)) == .stopped(released: [], stop: "ab"))
    }

    private func shown(_ outcome: StopMatcher.Outcome) -> String? {
        guard case .released(let bytes) = outcome else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
