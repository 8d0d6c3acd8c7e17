// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Evaluation
import StrictJSON

/// A comparison that is done, for reports.
package struct FinishedComparison: Sendable {
    let plan: ComparisonPlan
    /// By lane and choice.
    let choices: [[ComparedChoice]]
    let metrics: ComparisonMetrics
    /// One per lane.
    let usages: [GenerationUsage]
    /// Of all lanes; the prompt counted once.
    let usage: GenerationUsage
    /// What holds in every lane that does not say otherwise, as it was given.
    var common = JSONObject()

    /// The answer of `/v1/compare`.
    package var json: [UInt8] { ComparisonWriter(plan: plan).answer(choices, metrics, usages, total: usage) }

    /// The fields that lanes have of their own, each once.
    var laneFields: [String] {
        var names: [String] = []
        for lane in plan.lanes {
            for name in lane.settings.objectValue?.keys ?? [] where !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// Tokens per second of a lane while it decoded; nil if that took no time. Lanes decode together.
    func rate(_ lane: Int) -> Double? {
        let seconds = usages[lane].decodeDuration / .seconds(1)
        return seconds > 0 ? Double(usages[lane].generatedTokens) / seconds : nil
    }

    /// Where a choice left the same one of the first lane, in words; nil if it did not, or that cannot be told.
    func parting(_ lane: Int, _ choice: Int) -> String? {
        guard let divergence = choices[lane][choice].divergence else { return nil }
        func text(_ id: Int32) -> String { "\"\(PlainText.line(TokenLabel.text(of: id, plan.model.tokenizer)))\"" }
        func place(_ side: Divergence.Side) -> String { side == .reference ? "in lane 0" : "here" }
        let cause =
            switch divergence.cause {
            case .constrained(let side): "ruled out \(place(side)) by what the text may be"
            case .removed(let stage, let side): "removed \(place(side)) by \(stage.rawValue)"
            case .reweighted(let stage): "weighed otherwise by \(stage.rawValue)"
            case .noise: "other noise"
            }
        return "token \(divergence.position - plan.promptTokens): \(text(divergence.other)) instead of "
            + "\(text(divergence.reference)), \(cause)"
    }
}

/// Texts and numbers as reports show them.
package enum PlainText {
    /// The text on one line: control characters, with which a terminal would do something, are written as escapes.
    package static func line(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": line += "\\n"
            case "\t": line += "\\t"
            case "\r": line += "\\r"
            default:
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator:
                    line += "\\u{\(String(scalar.value, radix: 16))}"
                default: line.unicodeScalars.append(scalar)
                }
            }
        }
        return line
    }

    /// The text cut to `count` characters.
    static func cut(_ text: String, _ count: Int) -> String {
        text.count > count ? text.prefix(count - 1) + "…" : text
    }

    /// The number with so many digits after the point; a dash if there is none.
    package static func number(_ value: Double?, digits: Int) -> String {
        guard let value, value.isFinite, abs(value) < 1e12 else { return "–" }
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(scaled) }
        let fraction = String(scaled % scale)
        return sign + "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}

extension ChoiceMetric {
    /// Its name in the head of a column.
    var title: String {
        switch self {
        case .length: "tokens"
        case .meanLogprob: "log-prob."
        case .meanProcessedLogprob: "processed log-prob."
        case .meanEntropy: "entropy"
        case .meanProcessedEntropy: "processed entropy"
        case .repetition: "repetition"
        case .exactMatch: "exact match"
        case .rougeL: "ROUGE-L"
        case .bleu: "BLEU"
        }
    }

    /// Digits after the point that say something.
    var digits: Int {
        switch self {
        case .length, .bleu: 1
        default: 3
        }
    }
}
