// SPDX-License-Identifier: Apache-2.0

/// Elements of HTML and SVG, built so that whatever stands in a text or an attribute is text.
package struct Markup: Sendable {
    /// The markup so far.
    package private(set) var text = ""

    /// Nothing yet.
    package init() {}

    /// Appends an element with what `content` appends to it.
    ///
    /// - Parameter name: of the element; the program's own, as are the names of attributes.
    package mutating func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: (inout Markup) -> Void
    ) {
        open(name, attributes)
        content(&self)
        text += "</\(name)>"
    }

    /// Appends an element that holds a text.
    package mutating func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], text: String
    ) {
        element(name, attributes) { $0.append(text) }
    }

    /// Appends an element without content.
    package mutating func empty(_ name: String, _ attributes: KeyValuePairs<String, String> = [:]) {
        open(name, attributes)
        if Self.isSVG(name) { text += "</\(name)>" }
    }

    /// Appends a text.
    package mutating func append(_ plain: String) { text += Self.escaped(plain) }

    /// Appends a line feed between elements.
    package mutating func breakLine() { text += "\n" }

    /// Appends what the program itself wrote, such as a style sheet; never anything from outside.
    mutating func appendOwn(_ markup: StaticString) { text += markup.description }

    private mutating func open(_ name: String, _ attributes: KeyValuePairs<String, String>) {
        text += "<\(name)"
        for (key, value) in attributes { text += " \(key)=\"\(Self.escaped(value))\"" }
        text += ">"
    }

    /// Elements of HTML that have no end tag are few here; those of SVG have one.
    private static func isSVG(_ name: String) -> Bool { name != "meta" && name != "br" }

    /// The text with everything escaped that could begin or end markup. Control characters, which documents must not
    /// hold, are shown by their pictures.
    package static func escaped(_ plain: String) -> String {
        var result = ""
        for scalar in plain.unicodeScalars {
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case "\u{7f}": result += "\u{2421}"
            case _ where scalar.value < 0x20:
                // The control pictures stand in the order of what they show.
                if let picture = Unicode.Scalar(0x2400 + scalar.value) { result.unicodeScalars.append(picture) }
            case _ where (0x80..<0xa0).contains(scalar.value): result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
