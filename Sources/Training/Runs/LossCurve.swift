// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A loss curve as SVG: training (smoothed, with its points behind it) and validation over the steps.
struct LossCurve {
    /// A loss at a step.
    struct Point: Equatable {
        var step: Int
        var loss: Double
    }

    var title: String
    var training: [Point]
    var validation: [Point]

    private static let width = 800.0
    private static let height = 450.0
    private static let left = 64.0
    private static let right = 20.0
    private static let top = 40.0
    private static let bottom = 44.0
    /// More points than pixels show nothing more.
    private static let pointLimit = 800

    /// The picture; it has text and dashes, so that colour is never the only signal.
    var svg: String {
        let all = (training + validation).filter { $0.loss.isFinite }
        let lastStep = max(all.map(\.step).max() ?? 1, 1)
        let low = all.map(\.loss).min() ?? 0
        let high = max(all.map(\.loss).max() ?? 1, low + 1e-6)
        let ticks = Self.ticks(low, high)
        let (bottomLoss, topLoss) = (min(low, ticks.first ?? low), max(high, ticks.last ?? high))
        func x(_ step: Int) -> Double {
            Self.left + (Self.width - Self.left - Self.right) * Double(step) / Double(lastStep)
        }
        func y(_ loss: Double) -> Double {
            let inner = Self.height - Self.top - Self.bottom
            return Self.top + inner * (topLoss - loss) / (topLoss - bottomLoss)
        }
        func line(_ points: [Point], _ style: String) -> String {
            let places = points.filter { $0.loss.isFinite }.map { "\(tenths(x($0.step))),\(tenths(y($0.loss)))" }
            return places.isEmpty
                ? "" : "<polyline fill=\"none\" \(style) points=\"\(places.joined(separator: " "))\"/>\n"
        }
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" \
            font-family="sans-serif" font-size="13" fill="#222">
            <rect width="100%" height="100%" fill="#fff"/>
            <text x="\(Int(Self.left))" y="24" font-size="16">\(Self.escaped(title))</text>

            """
        for tick in ticks {
            text += "<line x1=\"\(Self.left)\" x2=\"\(Self.width - Self.right)\" y1=\"\(tenths(y(tick)))\" "
            text += "y2=\"\(tenths(y(tick)))\" stroke=\"#ddd\"/>\n"
            text +=
                "<text x=\"\(Self.left - 8)\" y=\"\(tenths(y(tick) + 4))\" text-anchor=\"end\">\(Self.words(tick))</text>\n"
        }
        for tick in Self.ticks(0, Double(lastStep)) where tick <= Double(lastStep) {
            text += "<text x=\"\(tenths(x(Int(tick))))\" y=\"\(Self.height - 22)\" text-anchor=\"middle\">"
            text += "\(Int(tick))</text>\n"
        }
        text += "<text x=\"\(Self.width / 2)\" y=\"\(Self.height - 6)\" text-anchor=\"middle\">step</text>\n"
        let shown = Self.thinned(training)
        text += line(shown, "stroke=\"#9bb8e0\" stroke-width=\"1\"")
        text += line(Self.thinned(smoothed), "stroke=\"#1f5fb4\" stroke-width=\"2\"")
        text += line(validation, "stroke=\"#c2410c\" stroke-width=\"2\" stroke-dasharray=\"6 4\"")
        text += legend("training\(words(training.last))", "#1f5fb4", dashes: "none", row: 0)
        if !validation.isEmpty {
            text += legend("validation\(words(validation.last))", "#c2410c", dashes: "6 4", row: 1)
        }
        return text + "</svg>\n"
    }

    private func words(_ point: Point?) -> String {
        point.map { " \(Self.words(($0.loss * 1000).rounded() / 1000))" } ?? ""
    }

    private func legend(_ name: String, _ colour: String, dashes: String, row: Int) -> String {
        let y = Self.top + 14 + Double(row) * 20
        let x = Self.width - Self.right - 180
        return "<line x1=\"\(x)\" x2=\"\(x + 28)\" y1=\"\(y)\" y2=\"\(y)\" stroke=\"\(colour)\" stroke-width=\"2\" "
            + "stroke-dasharray=\"\(dashes)\"/>\n<text x=\"\(x + 36)\" y=\"\(y + 4)\">\(name)</text>\n"
    }

    /// The mean over a window of a fiftieth of the run around each step.
    private var smoothed: [Point] {
        let reach = max(1, training.count / 100)
        var sums = [0.0]
        for point in training { sums.append(sums[sums.count - 1] + (point.loss.isFinite ? point.loss : 0)) }
        return training.indices.map { index in
            let (low, high) = (max(0, index - reach), min(training.count, index + reach + 1))
            return Point(step: training[index].step, loss: (sums[high] - sums[low]) / Double(high - low))
        }
    }

    private static func thinned(_ points: [Point]) -> [Point] {
        guard points.count > pointLimit else { return points }
        return (0..<pointLimit).map { points[$0 * (points.count - 1) / (pointLimit - 1)] }
    }

    /// Round numbers from below `low` to above `high`, about five.
    private static func ticks(_ low: Double, _ high: Double) -> [Double] {
        let raw = max(high - low, 1e-9) / 5
        let magnitude = pow(10, log10(raw).rounded(.down))
        let step = [1, 2, 5, 10].map { $0 * magnitude }.first { $0 >= raw } ?? raw
        let first = (low / step).rounded(.down)
        let last = (high / step).rounded(.up)
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    private func tenths(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    private static func words(_ value: Double) -> String {
        let rounded = (value * 1e6).rounded() / 1e6
        return rounded == rounded.rounded() && abs(rounded) < 1e9 ? "\(Int(rounded))" : "\(rounded)"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            default: result.unicodeScalars.append(character.value < 0x20 ? " " : character)
            }
        }
        return result
    }
}
