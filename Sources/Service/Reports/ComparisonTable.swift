// SPDX-License-Identifier: Apache-2.0

import Engine
import Evaluation

/// A comparison as lines for a terminal: a row per lane, then the beginnings of the texts.
package enum ComparisonTable {
    /// The widest name or text that is shown.
    private static let nameWidth = 44
    private static let textWidth = 96

    /// The lines.
    package static func text(_ result: FinishedComparison) -> String {
        let columns = columns(result)
        let names = result.plan.lanes.map { PlainText.cut(PlainText.line($0.name), nameWidth) }
        var rows = [["lane"] + columns.map(\.title)]
        for (index, name) in names.enumerated() { rows.append([name] + columns.map { $0.values[index] }) }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + space : space + cell
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
        for (index, lane) in result.choices.enumerated() {
            text += "\n\(names[index])\n"
            for (place, choice) in lane.enumerated() {
                text += "  \(place)  \(PlainText.cut(PlainText.line(choice.text), textWidth))\n"
                if let parting = result.parting(index, place) { text += "     \(parting)\n" }
            }
        }
        return text
    }

    private struct Column {
        var title: String
        var values: [String]
    }

    private static func columns(_ result: FinishedComparison) -> [Column] {
        let metrics = result.metrics
        var columns: [Column] = []
        for (place, metric) in metrics.metrics.enumerated() where metric != .meanProcessedLogprob {
            if metric == .meanProcessedEntropy { continue }
            columns.append(
                Column(
                    title: metric.title,
                    values: metrics.lanes.map { PlainText.number($0.means[place].value, digits: metric.digits) }))
        }
        columns.append(
            Column(
                title: "distinct-2", values: metrics.lanes.map { PlainText.number($0.distinct[1], digits: 3) }))
        if result.plan.samples > 1 {
            columns.append(
                Column(title: "self-BLEU", values: metrics.lanes.map { PlainText.number($0.selfBLEU, digits: 1) }))
        }
        if result.plan.lanes.count > 1 {
            columns.append(
                Column(
                    title: "as lane 0", values: metrics.commonPrefix[0].map { PlainText.number($0, digits: 3) }))
        }
        columns.append(
            Column(
                title: "tokens/s",
                values: result.plan.lanes.indices.map { PlainText.number(result.rate($0), digits: 1) }))
        return columns
    }
}
