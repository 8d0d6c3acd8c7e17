// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Evaluation
import Glibc
import StrictJSON

/// A comparison as one HTML file that needs nothing else: no script, no request. What models and requests say stands in
/// it as text alone.
package enum ComparisonPage {
    /// The most differences that are listed.
    private static let testLimit = 100

    /// The file, UTF-8.
    package static func text(_ result: FinishedComparison) -> String {
        var page = Markup()
        page.appendOwn("<!DOCTYPE html>\n")
        page.element("html", ["lang": "en"]) { html in
            html.element("head") { head in
                head.empty("meta", ["charset": "utf-8"])
                head.empty(
                    "meta",
                    [
                        "http-equiv": "Content-Security-Policy",
                        "content": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
                    ])
                head.empty("meta", ["name": "viewport", "content": "width=device-width"])
                head.element("title", text: "Comparison by \(result.plan.head.model)")
                head.element("style") { $0.appendOwn(style) }
            }
            html.breakLine()
            html.element("body") { body in
                body.element("h1", text: "Comparison by \(result.plan.head.model)")
                writeFacts(result, to: &body)
                writeLanes(result, to: &body)
                writePlots(result, to: &body)
                writeTests(result, to: &body)
                writeTexts(result, to: &body)
            }
        }
        return page.text + "\n"
    }

    // MARK: Parts

    private static func writeFacts(_ result: FinishedComparison, to body: inout Markup) {
        let plan = result.plan
        body.element("dl") { list in
            func fact(_ name: String, _ text: String, tag: String = "span") {
                list.element("dt", text: name)
                list.element("dd") { $0.element(tag, text: text) }
            }
            if !plan.hasOwnPrompts { fact("Prompt", plan.prompts[0].text, tag: "pre") }
            for reference in plan.references { fact("Reference", reference, tag: "pre") }
            for (name, value) in result.common.members { fact(name, json(value), tag: "code") }
            fact("Samples per lane", String(plan.samples))
            fact("Seed", String(plan.seed))
            fact(
                "Tokens",
                "\(result.usage.promptTokens) of the prompt, computed once, and \(result.usage.generatedTokens) new")
            fact("Made", "\(date(plan.head.created)), \(plan.head.fingerprint)")
            for warning in plan.warnings { fact("Warning", "\(warning.param): \(warning.message)") }
        }
        body.breakLine()
    }

    private static func writeLanes(_ result: FinishedComparison, to body: inout Markup) {
        let metrics = result.metrics
        body.element("h2", text: "Lanes")
        body.element("table") { table in
            table.element("tr") { row in
                for title in ["", "lane", "settings"] + metrics.metrics.map(\.title) + [
                    "distinct-1", "distinct-2", "distinct-3", "self-BLEU", "tokens/s",
                ] { row.element("th", text: title) }
            }
            for (index, lane) in result.plan.lanes.enumerated() {
                table.element("tr") { row in
                    row.element("td", text: String(index))
                    row.element("th", text: lane.name)
                    row.element("td") { $0.element("code", text: json(lane.settings)) }
                    for (metric, mean) in zip(metrics.metrics, metrics.lanes[index].means) {
                        row.element("td") { cell in
                            cell.append(PlainText.number(mean.value, digits: metric.digits))
                            guard let interval = mean.interval else { return }
                            cell.element(
                                "small",
                                text: "\(PlainText.number(interval.low, digits: metric.digits)) to "
                                    + PlainText.number(interval.high, digits: metric.digits))
                        }
                    }
                    for share in metrics.lanes[index].distinct {
                        row.element("td", text: PlainText.number(share, digits: 3))
                    }
                    row.element("td", text: PlainText.number(metrics.lanes[index].selfBLEU, digits: 1))
                    row.element("td", text: PlainText.number(result.rate(index), digits: 1))
                }
                table.breakLine()
            }
        }
        body.element(
            "p",
            text: "Small: the 95 % bootstrap interval of the mean over the lane's texts. Logarithms are natural, "
                + "entropies in nats. Lanes decode together and share the machine.")
        body.breakLine()
    }

    private static func writePlots(_ result: FinishedComparison, to body: inout Markup) {
        let names = result.plan.lanes.map { PlainText.line($0.name) }
        let metrics = result.metrics
        body.element("h2", text: "Plots")
        for (place, metric) in metrics.metrics.enumerated() {
            let rows = names.indices.map { lane in
                Plot.Row(
                    label: names[lane], values: metrics.values[lane].compactMap { $0[place] },
                    mean: metrics.lanes[lane].means[place].value,
                    interval: metrics.lanes[lane].means[place].interval.map { ($0.low, $0.high) })
            }
            guard rows.contains(where: { $0.mean != nil }) else { continue }
            Plot.values(rows, title: "\(metric.title) by lane", digits: metric.digits, to: &body)
        }
        let entropies = result.choices.enumerated().map { lane, choices in
            (label: names[lane], values: meanEntropies(choices))
        }
        Plot.lines(
            entropies, title: "The model's own entropy at each token, in nats, mean over the lane's texts", to: &body)
        guard names.count > 1 else { return }
        Plot.matrix(
            metrics.commonPrefix, labels: names,
            title: "Share of the tokens that texts of two lanes have in common from their beginning", to: &body)
    }

    /// By step, over the texts that are so long.
    private static func meanEntropies(_ choices: [ComparedChoice]) -> [Double?] {
        (0..<(choices.map(\.tokens.count).max() ?? 0)).map { step in
            let values = choices.compactMap { choice in
                step < choice.tokens.count ? choice.tokens[step].statistics?.rawEntropy : nil
            }
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
    }

    private static func writeTests(_ result: FinishedComparison, to body: inout Markup) {
        let tests = result.metrics.tests
        guard result.plan.samples > 1, !tests.isEmpty else { return }
        body.element("h2", text: "Differences between lanes")
        body.element("table") { table in
            table.element("tr") { row in
                for title in ["lanes", "metric", "pairs", "mean difference", "95 % interval", "p"] {
                    row.element("th", text: title)
                }
            }
            for test in tests.prefix(testLimit) {
                let digits = test.metric.digits
                table.element("tr") { row in
                    row.element("td", text: "\(test.lanes.0), \(test.lanes.1)")
                    row.element("td", text: test.metric.title)
                    row.element("td", text: String(test.result.count))
                    row.element("td", text: PlainText.number(test.result.meanDifference, digits: digits))
                    row.element(
                        "td",
                        text: test.result.interval.map {
                            "\(PlainText.number($0.low, digits: digits)) to \(PlainText.number($0.high, digits: digits))"
                        } ?? "–")
                    row.element("td", text: PlainText.number(test.result.pValue, digits: 4))
                }
                table.breakLine()
            }
        }
        let left = tests.count - min(tests.count, testLimit)
        body.element(
            "p",
            text: "Second lane less the first, by pairs of texts that share their noise; two-sided randomization test "
                + "of signs, not corrected for the number of tests."
                + (left > 0 ? " \(left) more are in the JSON file." : ""))
        body.breakLine()
    }

    private static func writeTexts(_ result: FinishedComparison, to body: inout Markup) {
        body.element("h2", text: "Texts")
        for (lane, choices) in result.choices.enumerated() {
            body.element("h3", text: "\(lane): \(result.plan.lanes[lane].name)")
            if result.plan.hasOwnPrompts {
                body.element("details") { details in
                    details.element("summary", text: "Prompt")
                    details.element("pre", text: result.plan.prompts[lane].text)
                }
            }
            for (place, choice) in choices.enumerated() {
                let shared = lane == 0 ? "" : commonPrefix(choice.text, result.choices[0][place].text)
                body.element("pre", ["class": "text"]) { text in
                    if !shared.isEmpty { text.element("span", ["class": "shared"], text: shared) }
                    text.append(String(choice.text.dropFirst(shared.count)))
                }
                body.element("p", ["class": "end"]) { line in
                    line.append(
                        "\(place): \(choice.tokens.count) tokens, ended by \(choice.reason?.words ?? "nothing")")
                    if let parting = result.parting(lane, place) { line.append("; leaves lane 0 at \(parting)") }
                }
                body.breakLine()
            }
        }
    }

    private static func commonPrefix(_ text: String, _ other: String) -> String {
        String(zip(text, other).prefix { $0 == $1 }.map(\.0))
    }

    private static func json(_ value: JSON) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The UTC time in ISO 8601.
    private static func date(_ seconds: Int) -> String {
        var seconds = time_t(seconds)
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return "–" }
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : String(number) }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(two(parts.tm_hour)):"
            + "\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }

    private static let style: StaticString = """
        :root { color-scheme: light dark; --line: #8884; --mark: #1f6feb; }
        body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
        table { border-collapse: collapse; display: block; overflow-x: auto; }
        th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top; }
        td { font-variant-numeric: tabular-nums; }
        small, .end, p { opacity: .75; }
        small { display: block; white-space: nowrap; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
        dd { margin: 0; min-width: 0; }
        pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
        pre.text { border-left: 3px solid var(--line); padding-left: .75rem; }
        .shared { opacity: .6; }
        .end { margin: 0 0 1rem; font-size: .85em; }
        figure { margin: 1.5rem 0; }
        figcaption { font-weight: 600; }
        svg { max-width: 48rem; width: 100%; font-size: 12px; }
        svg text { fill: currentColor; }
        svg .grid { stroke: var(--line); fill: none; }
        svg .dot { fill: none; stroke: var(--mark); opacity: .7; }
        svg .bar, svg .cell { fill: var(--mark); }
        svg .bar { opacity: .25; }
        svg .mean { stroke: currentColor; stroke-width: 2; fill: none; }
        svg .line { fill: none; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
        """
}

extension FinishReason {
    /// What ended the text, in words.
    fileprivate var words: String {
        switch self {
        case .endToken: "the end token"
        case .stopString(let text): "the stop string \"\(PlainText.line(text))\""
        case .constraint: "its constraint"
        case .length: "its length"
        case .deadline: "its time"
        case .exhausted: "nothing being left"
        }
    }
}
