// SPDX-License-Identifier: Apache-2.0

/// String operations as Jinja templates know them from Python, by Unicode scalars rather than by characters.
enum PythonStrings {
    /// Both ends without white space: `str.strip()`, Jinja's `trim`.
    static func strip(_ text: String) -> String {
        strip(text, left: true, right: true, where: isSpace)
    }

    /// The end without white space: `str.rstrip()`.
    static func stripRight(_ text: String) -> String {
        strip(text, left: false, right: true, where: isSpace)
    }

    /// One or both ends without line feeds: `strip('\n')` and its kin.
    static func stripLineFeeds(_ text: String, left: Bool, right: Bool) -> String {
        strip(text, left: left, right: right) { $0 == "\n" }
    }

    /// The pieces of `text` between occurrences of `separator`: `str.split(separator)`.
    static func split(_ text: String, at separator: String) -> [String] {
        let bytes = Array(text.utf8)
        let part = Array(separator.utf8)
        var pieces: [String] = []
        var start = 0
        var position = 0
        while position + part.count <= bytes.count {
            if bytes[position..<position + part.count].elementsEqual(part) {
                pieces.append(String(decoding: bytes[start..<position], as: UTF8.self))
                position += part.count
                start = position
            } else {
                position += 1
            }
        }
        pieces.append(String(decoding: bytes[start...], as: UTF8.self))
        return pieces
    }

    private static func strip(
        _ text: String, left: Bool, right: Bool, where isStripped: (Unicode.Scalar) -> Bool
    ) -> String {
        var scalars = text.unicodeScalars[...]
        if left { scalars = scalars.drop(while: isStripped) }
        if right { while let last = scalars.last, isStripped(last) { scalars.removeLast() } }
        return String(scalars)
    }

    /// `str.isspace()`: Unicode's white space and the four information separators.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }
}
