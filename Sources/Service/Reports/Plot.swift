// SPDX-License-Identifier: Apache-2.0

/// Drawings of a report as SVG elements. Colour is never the only sign: rows are labelled, lines differ in their dashes.
enum Plot {
    /// A row of a plot of values: the single ones, and their mean with its interval.
    struct Row {
        var label: String
        var values: [Double]
        var mean: Double?
        var interval: (low: Double, high: Double)?
    }

    private static let width = 640.0
    private static let labelWidth = 190.0
    private static let rowHeight = 22.0
    private static let top = 8.0
    /// What the scale takes below.
    private static let scaleHeight = 26.0
    private static let inset = 12.0
    private static let colors = [
        "#1f6feb", "#d1570c", "#1a7f37", "#8250df", "#bf3989", "#9a6700", "#0f7f8c", "#57606a",
    ]
    private static let dashes = ["", "6 3", "2 3", "8 3 2 3"]

    // MARK: Values

    /// A row per lane: a ring per value, a bar for the interval, a mark for the mean.
    static func values(_ rows: [Row], title: String, digits: Int, to markup: inout Markup) {
        let all = rows.flatMap { $0.values + [$0.mean, $0.interval?.low, $0.interval?.high].compactMap { $0 } }
        let scale = Scale(all)
        let bottom = top + rowHeight * Double(rows.count)
        frame(title, height: bottom + scaleHeight, to: &markup) { svg in
            drawScale(scale, from: top, to: bottom, &svg)
            for (index, row) in rows.enumerated() {
                let y = top + rowHeight * (Double(index) + 0.5)
                label(row.label, y, &svg)
                if let interval = row.interval {
                    svg.empty(
                        "rect",
                        [
                            "x": number(x(interval.low, scale)), "y": number(y - 4), "height": "8", "class": "bar",
                            "width": number(max(1, x(interval.high, scale) - x(interval.low, scale))),
                        ])
                }
                for value in row.values {
                    svg.empty("circle", ["cx": number(x(value, scale)), "cy": number(y), "r": "3", "class": "dot"])
                }
                guard let mean = row.mean else { continue }
                let place = x(mean, scale)
                svg.element(
                    "path", ["d": "M\(number(place)) \(number(y - 8))V\(number(y + 8))", "class": "mean"]
                ) {
                    $0.element("title", text: "\(row.label): \(PlainText.number(mean, digits: digits))")
                }
            }
        }
    }

    // MARK: Lines

    /// A line per lane over the steps from 0; where a line has no value it is broken.
    static func lines(
        _ series: [(label: String, values: [Double?])], title: String, to markup: inout Markup
    ) {
        let scale = Scale([0] + series.flatMap { $0.values.compactMap { $0 } })
        let steps = max(2, series.map(\.values.count).max() ?? 0)
        let bottom = top + 200
        func place(_ step: Int) -> Double {
            labelWidth + inset + (width - labelWidth - 2 * inset) * Double(step) / Double(steps - 1)
        }
        func height(_ value: Double) -> Double { bottom - (bottom - top) * scale.share(value) }
        let legend = bottom + scaleHeight
        frame(title, height: legend + rowHeight * Double(series.count), to: &markup) { svg in
            for tick in scale.ticks {
                let y = height(tick)
                svg.empty(
                    "path", ["d": "M\(number(labelWidth)) \(number(y))H\(number(width))", "class": "grid"])
                svg.element(
                    "text", ["x": number(labelWidth - 8), "y": number(y + 4), "text-anchor": "end"],
                    text: PlainText.number(tick, digits: scale.digits))
            }
            for step in Set([0, (steps - 1) / 2, steps - 1]).sorted() {
                svg.element(
                    "text", ["x": number(place(step)), "y": number(bottom + 16), "text-anchor": "middle"],
                    text: String(step))
            }
            for (index, line) in series.enumerated() {
                var path = ""
                var isDrawing = false
                for (step, value) in line.values.enumerated() {
                    guard let value else {
                        isDrawing = false
                        continue
                    }
                    path += "\(isDrawing ? "L" : "M")\(number(place(step))) \(number(height(value)))"
                    // A point alone is seen by its round ends.
                    if !isDrawing { path += "h0" }
                    isDrawing = true
                }
                let y = legend + rowHeight * (Double(index) + 0.5)
                for shape in [path, "M\(number(labelWidth + inset)) \(number(y))h40"] where !shape.isEmpty {
                    svg.empty(
                        "path",
                        ["d": shape, "class": "line", "stroke": color(index), "stroke-dasharray": dash(index)])
                }
                svg.element(
                    "text", ["x": number(labelWidth + inset + 50), "y": number(y + 4)],
                    text: PlainText.cut(line.label, 60))
            }
        }
    }

    private static func color(_ index: Int) -> String { colors[index % colors.count] }

    private static func dash(_ index: Int) -> String {
        let dash = dashes[index / colors.count % dashes.count]
        return dash.isEmpty ? "none" : dash
    }

    // MARK: Matrices

    /// Shares from 0 to 1 of rows and columns, written in cells that are darker the larger they are.
    static func matrix(_ shares: [[Double]], labels: [String], title: String, to markup: inout Markup) {
        let side = min(46.0, (width - labelWidth) / Double(max(1, shares.count)))
        let isWritten = side > 30
        frame(title, height: top + side * Double(shares.count) + scaleHeight, to: &markup) { svg in
            for (row, values) in shares.enumerated() {
                let y = top + side * Double(row)
                label(labels[row], y + side / 2, &svg)
                for (column, share) in values.enumerated() {
                    let x = labelWidth + side * Double(column)
                    svg.element(
                        "rect",
                        [
                            "x": number(x), "y": number(y), "width": number(side - 1), "height": number(side - 1),
                            "class": "cell", "fill-opacity": number(0.08 + 0.6 * share),
                        ]
                    ) { $0.element("title", text: "\(row), \(column): \(PlainText.number(share, digits: 3))") }
                    guard isWritten else { continue }
                    svg.element(
                        "text",
                        ["x": number(x + side / 2), "y": number(y + side / 2 + 4), "text-anchor": "middle"],
                        text: PlainText.number(share, digits: 2))
                }
            }
            for column in shares.indices {
                svg.element(
                    "text",
                    [
                        "x": number(labelWidth + side * (Double(column) + 0.5)), "text-anchor": "middle",
                        "y": number(top + side * Double(shares.count) + 16),
                    ], text: String(column))
            }
        }
    }

    // MARK: Parts

    private static func frame(
        _ title: String, height: Double, to markup: inout Markup, _ content: (inout Markup) -> Void
    ) {
        markup.element("figure") { figure in
            figure.element("figcaption", text: title)
            figure.element(
                "svg", ["viewBox": "0 0 \(number(width)) \(number(height))", "role": "img", "aria-label": title],
                content)
        }
        markup.breakLine()
    }

    private static func label(_ text: String, _ y: Double, _ svg: inout Markup) {
        svg.element("text", ["x": number(labelWidth - 8), "y": number(y + 4), "text-anchor": "end"]) {
            $0.append(PlainText.cut(text, 28))
            $0.element("title", text: text)
        }
    }

    private static func x(_ value: Double, _ scale: Scale) -> Double {
        labelWidth + inset + (width - labelWidth - 2 * inset) * scale.share(value)
    }

    private static func drawScale(_ scale: Scale, from top: Double, to bottom: Double, _ svg: inout Markup) {
        for tick in scale.ticks {
            let place = number(x(tick, scale))
            svg.empty("path", ["d": "M\(place) \(number(top))V\(number(bottom))", "class": "grid"])
            svg.element(
                "text", ["x": place, "y": number(bottom + 16), "text-anchor": "middle"],
                text: PlainText.number(tick, digits: scale.digits))
        }
    }

    private static func number(_ value: Double) -> String {
        let text = PlainText.number(value, digits: 2)
        return text.hasSuffix(".00") ? String(text.dropLast(3)) : text
    }
}

/// A range of values with round numbers in it.
package struct Scale: Sendable {
    /// The ends; they differ.
    package private(set) var low: Double
    package private(set) var high: Double
    /// Round numbers between the ends, ascending.
    package private(set) var ticks: [Double]
    /// Digits after the point that the ticks need.
    package private(set) var digits: Int

    /// A scale that holds all of `values`.
    package init(_ values: [Double]) {
        let finite = values.filter(\.isFinite)
        var (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
        if high - low < 1e-9 * max(1, abs(low)) { (low, high) = (low - 0.5, high + 0.5) }
        // The step is 1, 2 or 5 times a power of ten: 4 to 10 of them.
        var step = 1.0
        var digits = 0
        while (high - low) / step > 10 { step *= 10 }
        while (high - low) / step < 1, digits < 9 {
            step /= 10
            digits += 1
        }
        let count = (high - low) / step
        if count < 2 {
            step /= 5
            digits += step < 1 ? 1 : 0
        } else if count < 4 {
            step /= 2
            digits += step < 1 ? 1 : 0
        }
        let first = (low / step).rounded(.down)
        let last = (high / step).rounded(.up)
        self.low = first * step
        self.high = last * step
        self.digits = digits
        ticks = (0...Int(last - first)).map { (first + Double($0)) * step }
    }

    /// Where a value stands between the ends, from 0 to 1.
    package func share(_ value: Double) -> Double { (value - low) / (high - low) }
}
