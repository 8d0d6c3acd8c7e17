// SPDX-License-Identifier: Apache-2.0

import Constraints
import Testing

@Suite struct TextPatternTests {
    private func found(_ expression: String, _ occurrence: TextPattern.Occurrence, _ text: String) throws -> String? {
        let place = try TextPattern(expression).match(occurrence, in: text)
        return place.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
    }

    /// As Python's re.findall finds them, whose alternatives here are as long as they can be.
    @Test(arguments: [
        ("-?[0-9]+(\\.[0-9]+)?", "12 apples, -3.5 pears and 1000", "12", "1000"),
        ("-?[0-9]+(\\.[0-9]+)?", "no numbers", nil, nil),
        ("-?[0-9]+(\\.[0-9]+)?", "3.", "3", "3"),
        ("[0-9]*", "a12b", "12", "12"), ("x*", "aaa", nil, nil), ("a+", "aaabaa", "aaa", "aa"),
        ("\\([A-E]\\)", "So (A), or rather (C).", "(A)", "(C)"), ("yes|no", "no, yes, nope", "no", "no"),
        ("é+", "cafééé é", "ééé", "é"), (".", "日本", "日", "本"), ("(ab|abc)d", "abcd abd", "abcd", "abd"),
    ])
    func matchesAreTheLongestFromTheLeft(
        _ expression: String, _ text: String, _ first: String?, _ last: String?
    ) throws {
        #expect(try found(expression, .first, text) == first)
        #expect(try found(expression, .last, text) == last)
    }

    @Test func theTimeIsBounded() throws {
        let text = String(repeating: "a", count: 100_000)
        let pattern = try TextPattern("a*b")
        #expect(throws: ConstraintError.tooAmbiguous) { try pattern.match(.last, in: text) }
        #expect(try pattern.match(.last, in: String(text.prefix(1000)) + "b") == 0..<1001)
        #expect(throws: ConstraintError.self) { try TextPattern("(") }
    }
}
