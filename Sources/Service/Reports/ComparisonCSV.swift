// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import StrictJSON

/// A comparison as CSV (RFC 4180): a row per continuation.
package enum ComparisonCSV {
    /// The file, UTF-8, with CRLF after each row. Numbers have all their digits; where there is none the field is empty.
    /// Settings are JSON.
    package static func text(_ result: FinishedComparison) -> String {
        let metrics = result.metrics.metrics
        let fields = result.laneFields
        var rows = [
            ["lane", "name", "choice", "seed"] + fields + metrics.map(\.rawValue) + [
                "finish_reason", "stop_reason", "divergence_step", "divergence_cause", "divergence_stage", "text",
            ]
        ]
        for (index, lane) in result.plan.lanes.enumerated() {
            for (place, choice) in result.choices[index].enumerated() {
                let divergence = choice.divergence
                var row = [String(index), lane.name, String(place), String(lane.seed)]
                row += fields.map { name in lane.settings[name].map(json) ?? "" }
                row += result.metrics.values[index][place].map { $0.map { "\($0)" } ?? "" }
                row += [choice.reason?.name ?? "", choice.reason.map { plain($0.detail) } ?? ""]
                row += [
                    divergence.map { String($0.position - result.plan.promptTokens) } ?? "",
                    divergence?.cause.kind ?? "", divergence?.cause.stage?.rawValue ?? "", choice.text,
                ]
                rows.append(row)
            }
        }
        return rows.map { row in row.map(quoted).joined(separator: ",") + "\r\n" }.joined()
    }

    private static func json(_ value: JSON) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func plain(_ value: JSON) -> String { value.isNull ? "" : value.stringValue ?? json(value) }

    /// In quotation marks where it must be; a text may hold anything.
    private static func quoted(_ field: String) -> String {
        let needsMarks = field.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        guard needsMarks || field.first == " " || field.last == " " else { return field }
        var text = "\""
        for scalar in field.unicodeScalars {
            if scalar == "\"" { text += "\"" }
            text.unicodeScalars.append(scalar)
        }
        return text + "\""
    }
}
