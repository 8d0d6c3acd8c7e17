// SPDX-License-Identifier: Apache-2.0

import Engine
import Evaluation
import Service

/// An n-shot curve as a drawing.
enum CurvePlot {
    private static let width = 640.0
    private static let height = 400.0
    /// The margins: left, top, right, bottom.
    private static let margins = (60.0, 40.0, 20.0, 50.0)

    /// The drawing as an SVG file. Points are evenly spaced; bars are the intervals.
    static func svg(_ points: [CurvePoint], _ plan: CurvePlan) -> String {
        let innerWidth = width - margins.0 - margins.2
        func x(_ index: Int) -> Double {
            margins.0 + innerWidth * (Double(index) + 0.5) / Double(max(1, points.count))
        }
        func y(_ share: Double) -> Double { margins.1 + (height - margins.1 - margins.3) * (1 - share) }
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
            font-family="sans-serif" font-size="13">
            <title>\(escaped(plan.model.id)): \(plan.scoring.metric.rawValue) by number of examples</title>
            <rect width="100%" height="100%" fill="white"/>
            <text x="\(number(width / 2))" y="24" text-anchor="middle" font-size="15">\(escaped(plan.model.id))</text>
            <text x="\(number(width / 2))" y="\(number(height - 12))" text-anchor="middle">examples</text>

            """
        for step in 0...5 {
            let share = Double(step) / 5
            let place = number(y(share))
            text +=
                "<line x1=\"\(number(margins.0))\" x2=\"\(number(width - margins.2))\" y1=\"\(place)\" y2=\"\(place)\" "
            text += "stroke=\"#ddd\"/>\n"
            text += "<text x=\"\(number(margins.0 - 8))\" y=\"\(number(y(share) + 4))\" text-anchor=\"end\">"
            text += "\(step * 20) %</text>\n"
        }
        let line = points.enumerated().map { "\(number(x($0))),\(number(y($1.score)))" }.joined(separator: " ")
        text += "<polyline points=\"\(line)\" fill=\"none\" stroke=\"#1f6feb\" stroke-width=\"2\"/>\n"
        for (index, point) in points.enumerated() {
            let interval = point.interval(plan.scoring.metric, confidence: plan.confidence)
            let place = number(x(index))
            text += "<line x1=\"\(place)\" x2=\"\(place)\" y1=\"\(number(y(interval.low)))\" "
            text += "y2=\"\(number(y(interval.high)))\" stroke=\"#1f6feb\"/>\n"
            text += "<circle cx=\"\(place)\" cy=\"\(number(y(point.score)))\" r=\"4\" fill=\"#1f6feb\">"
            text +=
                "<title>\(point.count): \(ShotsCurve.percent(point.score)) of \(point.scores.count)</title></circle>\n"
            text += "<text x=\"\(place)\" y=\"\(number(height - margins.3 + 20))\" text-anchor=\"middle\">"
            text += "\(point.count)</text>\n"
        }
        return text + "</svg>\n"
    }

    private static func number(_ value: Double) -> String {
        let hundredths = Int((100 * value).rounded())
        return hundredths % 100 == 0 ? String(hundredths / 100) : "\(Double(hundredths) / 100)"
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            default: result.append(character)
            }
        }
        return result
    }
}
