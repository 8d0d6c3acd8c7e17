// SPDX-License-Identifier: Apache-2.0

package import Prompting
import StrictJSON

/// Examples as text files: JSONL, an example per line, and CSV, whose header row names the members.
package enum ExampleTransfer {
    /// The members of an example, as CSV has them for columns.
    private static let columns = ["input", "output", "rationale", "label"]

    // MARK: JSONL

    /// Reads JSONL; empty lines are skipped.
    ///
    /// - Returns: the examples, and a warning per member that is none.
    /// - Throws: ``APIError/invalidImport(format:line:column:reason:)``.
    package static func readLines(
        _ bytes: [UInt8]
    ) throws(APIError) -> (examples: [ShotExample], warnings: [RequestWarning]) {
        var examples: [ShotExample] = []
        var reading = FieldReading(limits: nil)
        for (index, text) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let isBlank = text.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            if isBlank { continue }
            func fault(_ column: Int, _ reason: String) -> APIError {
                .invalidImport(format: "jsonl", line: index + 1, column: column, reason: reason)
            }
            let json: JSON
            do throws(JSONError) {
                json = try JSONParser.parse(text)
            } catch {
                let before = text.prefix(error.byteOffset).reduce(1) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
                throw fault(before, error.description)
            }
            guard json.objectValue != nil else { throw fault(1, "expected object, found \(json.typeName)") }
            do throws(APIError) {
                examples.append(try ExampleFields.read(json, "", &reading))
            } catch {
                throw fault(1, error.message)
            }
            try check(examples.count) { fault(1, $0) }
        }
        return (examples, reading.warnings)
    }

    /// Writes JSONL.
    package static func lines(_ examples: [ShotExample]) -> [UInt8] {
        var bytes: [UInt8] = []
        for example in examples {
            var writer = JSONWriter()
            ExampleFields.write(example, to: &writer)
            bytes += writer.bytes
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }

    // MARK: CSV

    /// Reads CSV. An empty `rationale` or `label` is none.
    ///
    /// - Throws: ``APIError/invalidImport(format:line:column:reason:)``.
    package static func readTable(_ bytes: [UInt8]) throws(APIError) -> [ShotExample] {
        do throws(DelimitedText.Fault) {
            var text = try DelimitedText(bytes)
            guard let header = try text.next() else {
                throw DelimitedText.Fault(line: 1, column: 1, reason: "expected a header row that names the columns")
            }
            let places = try columnPlaces(header)
            var examples: [ShotExample] = []
            while let record = try text.next() {
                guard record.fields.count == header.fields.count else {
                    throw DelimitedText.Fault(
                        line: record.places[0].line, column: 1,
                        reason: "expected \(header.fields.count) fields, found \(record.fields.count)")
                }
                func value(_ column: String) -> String? { places[column].map { record.fields[$0] } }
                func optional(_ column: String) -> String? { value(column).flatMap { $0.isEmpty ? nil : $0 } }
                examples.append(
                    ShotExample(
                        input: value("input") ?? "", output: value("output") ?? "", rationale: optional("rationale"),
                        label: optional("label")))
                try check(examples.count) { DelimitedText.Fault(line: record.places[0].line, column: 1, reason: $0) }
            }
            return examples
        } catch {
            throw .invalidImport(format: "csv", line: error.line, column: error.column, reason: error.reason)
        }
    }

    private static func columnPlaces(_ header: DelimitedText.Record) throws(DelimitedText.Fault) -> [String: Int] {
        var places: [String: Int] = [:]
        for (index, name) in header.fields.enumerated() {
            let (line, column) = header.places[index]
            guard columns.contains(name) else {
                throw DelimitedText.Fault(
                    line: line, column: column,
                    reason: "no member is named \"\(name.prefix(64))\": expected \(columns.joined(separator: ", "))")
            }
            guard places[name] == nil else {
                throw DelimitedText.Fault(line: line, column: column, reason: "the column \(name) is there twice")
            }
            places[name] = index
        }
        for name in ["input", "output"] where places[name] == nil {
            throw DelimitedText.Fault(line: 1, column: 1, reason: "the column \(name) is missing")
        }
        return places
    }

    /// Writes CSV with the columns that hold something.
    package static func table(_ examples: [ShotExample]) -> [UInt8] {
        var names = ["input", "output"]
        if examples.contains(where: { $0.rationale != nil }) { names.append("rationale") }
        if examples.contains(where: { $0.label != nil }) { names.append("label") }
        var text = names.joined(separator: ",") + "\r\n"
        for example in examples {
            let fields = names.map { name in
                switch name {
                case "input": example.input
                case "output": example.output
                case "rationale": example.rationale ?? ""
                default: example.label ?? ""
                }
            }
            text += fields.map(DelimitedText.written).joined(separator: ",") + "\r\n"
        }
        return Array(text.utf8)
    }

    private static func check<Fault: Error>(_ count: Int, _ fault: (String) -> Fault) throws(Fault) {
        guard ExampleSetFields.exampleCount.contains(Double(count)) else {
            throw fault("more than \(Int(ExampleSetFields.exampleCount.max ?? 0)) examples")
        }
    }
}
