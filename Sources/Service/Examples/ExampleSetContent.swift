// SPDX-License-Identifier: Apache-2.0

import HTTPServing
package import Prompting
import StrictJSON

/// What an example set holds: everything but its name.
package struct ExampleSetContent: Sendable, Equatable {
    /// The examples.
    package var examples: [ShotExample]
    /// What they are, for people.
    package var description: String?
    /// What to do, for the model.
    package var instruction: String?
    /// How a prompt of them is written.
    package var template: ShotTemplateInput?

    /// A set of the given parts.
    package init(
        examples: [ShotExample], description: String? = nil, instruction: String? = nil,
        template: ShotTemplateInput? = nil
    ) {
        self.examples = examples
        self.description = description
        self.instruction = instruction
        self.template = template
    }

    /// How many labels a summary names.
    private static let summaryLabelCount = 64

    /// The commonest labels with the number of their examples, most first, and how many labels there are.
    package var labels: (commonest: [(label: String, count: Int)], total: Int) {
        var counts: [String: Int] = [:]
        for example in examples { counts[example.group, default: 0] += 1 }
        let sorted = counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        return (sorted.prefix(Self.summaryLabelCount).map { ($0.key, $0.value) }, sorted.count)
    }

    /// The members of the set's JSON that say what is in it, the examples aside.
    func writeSummary(to writer: inout JSONWriter) {
        let labels = labels
        writer.member("count", examples.count)
        writer.member(
            "labels",
            array: { array in
                for (label, count) in labels.commonest {
                    array.object { entry in
                        entry.member("label", label)
                        entry.member("count", count)
                    }
                }
            })
        writer.member("label_count", labels.total)
        writeHead(to: &writer)
    }

    private func writeHead(to writer: inout JSONWriter) {
        writer.member("description", description)
        writer.member("instruction", instruction)
        writer.key("template")
        switch template {
        case nil: writer.null()
        case .named(let name): writer.value(name)
        case .written(let instruction, let example, let query, let separator):
            writer.object { object in
                if let instruction { object.member("instruction", instruction) }
                object.member("example", example)
                if let query { object.member("query", query) }
                if let separator { object.member("separator", separator) }
            }
        }
    }

    func writeExamples(to writer: inout JSONWriter) {
        writer.member(
            "examples", array: { array in for example in examples { ExampleFields.write(example, to: &array) } })
    }

    /// The set as it is stored: the same contents are the same bytes.
    package var canonical: [UInt8] {
        var writer = JSONWriter(reservingCapacity: 64 * examples.count + 256)
        writer.object { object in
            writeHead(to: &object)
            writeExamples(to: &object)
        }
        return writer.bytes
    }

    /// The version of contents that are stored as `canonical`.
    package static func version(of canonical: [UInt8]) -> String { SHA256.hexDigest(of: canonical) }

    /// Reads what ``canonical`` wrote.
    package init(canonical bytes: [UInt8]) throws(APIError) {
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(bytes)
        } catch {
            throw .invalidJSON(error)
        }
        var reading = FieldReading(limits: nil)
        self = try ExampleSetFields.read(try Read.object(json, "body"), &reading)
    }
}
