// SPDX-License-Identifier: Apache-2.0

import Constraints
import Foundation
import StrictJSON
import Testing

/// `Tests/Fixtures/constraints/constraint-goldens.json`.
struct ConstraintGoldens {
    struct Case: Sendable, CustomTestStringConvertible {
        var source: ConstraintSource
        var accept: [String]
        var reject: [String]
        var testDescription: String
    }

    static let regexes = cases("regexes") { .regex($0["regex"]?.stringValue ?? "") }
    static let schemas = cases("schemas") { .jsonSchema($0["schema"] ?? .null) }

    private static func cases(_ name: String, _ source: (JSON) -> ConstraintSource) -> [Case] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/constraints/constraint-goldens.json")
        guard let data = try? Data(contentsOf: file), let json = try? JSONParser.parse(data) else { return [] }
        func texts(_ json: JSON?) -> [String] { json?.arrayValue?.compactMap(\.stringValue) ?? [] }
        return (json[name]?.arrayValue ?? []).map { entry in
            Case(
                source: source(entry), accept: texts(entry["accept"]), reject: texts(entry["reject"]),
                testDescription: "\(source(entry))")
        }
    }
}

@Suite("Goldens")
struct ConstraintGoldenTests {
    @Test("are there")
    func areThere() {
        #expect(ConstraintGoldens.regexes.count >= 60)
        #expect(ConstraintGoldens.schemas.count >= 100)
    }

    @Test("of Python's re: the same texts match", arguments: ConstraintGoldens.regexes)
    func regexes(_ golden: ConstraintGoldens.Case) throws {
        let constraint: TokenConstraint
        do throws(ConstraintError) {
            constraint = try TokenConstraint(golden.source, Vocabularies.bytes)
        } catch {
            // Nothing matches it here or there.
            #expect(error == .matchesNothing && golden.accept.isEmpty, "\(error)")
            return
        }
        for text in golden.accept { #expect(try constraint.accepts(text), "\(text.debugDescription)") }
        for text in golden.reject { #expect(try !constraint.accepts(text), "\(text.debugDescription)") }
    }

    @Test(
        "of the jsonschema package: values in the schema's order are written, invalid ones are not",
        arguments: ConstraintGoldens.schemas)
    func schemas(_ golden: ConstraintGoldens.Case) throws {
        let constraint = try TokenConstraint(golden.source)
        for text in golden.accept { #expect(try constraint.accepts(text), "\(text.debugDescription)") }
        for text in golden.reject { #expect(try !constraint.accepts(text), "\(text.debugDescription)") }
    }
}
