// SPDX-License-Identifier: Apache-2.0

import Foundation
import Prompting
import StrictJSON
import Testing

/// Expressions and templates made at random, against what Jinja makes of them.
@Suite struct JinjaCaseTests {
    @Test func equalsJinja() throws {
        let json = try JSONParser.parse(Data(contentsOf: ChatGoldens.file("jinja-cases.json")))
        let variables = try #require(json["variables"]?.objectValue)
        let cases = try #require(json["cases"]?.arrayValue)
        #expect(cases.count >= 1500)
        var failures: [String] = []
        for entry in cases {
            let pair = try #require(entry.arrayValue)
            let source = try #require(pair[0].stringValue)
            let expected = pair[1].stringValue
            var found: String?
            var failure = ""
            do {
                found = try ChatTemplate(jinja: source, bos: nil, eos: nil).prompt(
                    [ChatMessage(role: .user, content: "x")], addGenerationPrompt: false, variables: variables
                ).text
            } catch { failure = "\(error)" }
            if found.map({ Array($0.utf8) }) != expected.map({ Array($0.utf8) }) {
                failures.append(
                    "\(source)\n  found    \(found?.debugDescription ?? failure)\n  expected \(expected?.debugDescription ?? "a fault")"
                )
            }
        }
        #expect(
            failures.isEmpty, "\(failures.count) of \(cases.count):\n\(failures.prefix(40).joined(separator: "\n"))")
    }
}
