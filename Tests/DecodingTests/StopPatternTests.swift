// SPDX-License-Identifier: Apache-2.0

import Constraints
import Decoding
import Foundation
import Testing

@Suite("Expressions that stop a text")
struct StopPatternTests {
    private struct Golden: Decodable {
        struct Found: Decodable {
            var shown: String
            var matched: String
            var expression: String
        }
        var text: String
        var expressions: [String]
        var found: Found?
    }

    @Test("stop where Python's re finds the first end of a match, however the text is cut")
    func goldens() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/constraints/stop-goldens.json")
        let goldens = try JSONDecoder().decode([Golden].self, from: try Data(contentsOf: file))
        for golden in goldens {
            let bytes = Array(golden.text.utf8)
            for size in [1, 3, 100] {
                var matcher = try StopMatcher([], patterns: golden.expressions.map { try StopPattern($0) })
                var shown: [UInt8] = []
                var stop: String?
                for start in stride(from: 0, to: bytes.count, by: size) {
                    switch matcher.append(bytes[start..<min(start + size, bytes.count)]) {
                    case .released(let more): shown += more
                    case .stopped(let more, let expression):
                        shown += more
                        stop = stop ?? expression
                    }
                }
                if let found = golden.found {
                    #expect(
                        stop == found.expression && shown == Array(found.shown.utf8),
                        "\(golden.text) \(golden.expressions)")
                    #expect(matcher.matched == Array(found.matched.utf8))
                } else {
                    #expect(stop == nil && shown + matcher.finish() == bytes, "\(golden.text) \(golden.expressions)")
                }
            }
        }
        #expect(goldens.count { $0.found != nil } > 100 && goldens.count { $0.found == nil } > 30)
    }

    @Test("hold back only what a match may have begun with, and go before or after strings as the text does")
    func heldBack() throws {
        var matcher = try StopMatcher(["zz"], patterns: [try StopPattern("ab+c")])
        #expect(matcher.append(Array("xab".utf8)) == .released(Array("x".utf8)))
        #expect(matcher.append(Array("bbz".utf8)) == .released(Array("abbb".utf8)))
        #expect(matcher.append(Array("abz".utf8)) == .released(Array("zab".utf8)))
        #expect(matcher.append(Array("zabc".utf8)) == .stopped(released: [], stop: "zz"))
    }

    @Test("take linear time where readings are many")
    func time() throws {
        var matcher = try StopMatcher([], patterns: [try StopPattern("(a|aa)*(b|[ab]{20})*c")])
        let start = ContinuousClock.now
        for _ in 0..<200 { _ = matcher.append([UInt8](repeating: UInt8(ascii: "a"), count: 100)) }
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test(
        "are refused where they say nothing or too much",
        arguments: [
            ("^a", StopPattern.Fault.anchored), ("a$", .anchored), ("a*", .matchesNothing), ("(a|)", .matchesNothing),
            ("a{1000}", .tooLarge(limit: StopPattern.stateLimit)),
        ])
    func faults(_ expression: String, _ fault: StopPattern.Fault) {
        #expect(throws: fault) { try StopPattern(expression) }
    }
}
