// SPDX-License-Identifier: Apache-2.0

import Prompting
import StrictJSON

/// The members of an example where it may have reasoning and a label: in `shots` and in example sets.
enum ExampleFields {
    static let idLength = Allowed(min: 1, max: 64, counting: "bytes")

    static let input = Field<String?>.string("input", meaning: "What is asked.")
    static let output = Field<String?>.string("output", meaning: "What is answered.")
    static let rationale = Field<String?>.string("rationale", meaning: "The reasoning that leads to the output.")
    static let label = Field<String?>.string(
        "label", meaning: "The class that balanced and alternate count it in; absent: the output.")
    static let members = [AnyField(input), AnyField(output), AnyField(rationale), AnyField(label)]

    static func readAll(
        _ json: JSON, _ path: String, _ allowed: Allowed, _ reading: inout FieldReading
    ) throws(APIError) -> [ShotExample] {
        var examples: [ShotExample] = []
        for (index, element) in try Read.array(json, path, allowed, of: "examples").enumerated() {
            examples.append(try read(element, JSONPath.element(path, index), &reading))
        }
        return examples
    }

    static func read(_ json: JSON, _ path: String, _ reading: inout FieldReading) throws(APIError) -> ShotExample {
        let values = try Read.members(json, path, members, &reading)
        guard let input = values[input] else { throw .missing(param: JSONPath.member(path, "input")) }
        guard let output = values[output] else { throw .missing(param: JSONPath.member(path, "output")) }
        return ShotExample(input: input, output: output, rationale: values[rationale], label: values[label])
    }

    /// Writes an example as it is read.
    static func write(_ example: ShotExample, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("input", example.input)
            object.member("output", example.output)
            if let rationale = example.rationale { object.member("rationale", rationale) }
            if let label = example.label { object.member("label", label) }
        }
    }
}
