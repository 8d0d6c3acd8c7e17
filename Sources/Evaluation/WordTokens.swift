// SPDX-License-Identifier: Apache-2.0

/// Texts to words as the packages do whose scores are meant.
package enum WordTokens {
    /// sacreBLEU's `13a`: mteval-v13a's rules. Splits ASCII punctuation off, but not the apostrophe, not periods and
    /// commas between digits, and a dash only after a digit.
    package static func mteval13a(_ text: String) -> [String] {
        var scalars = Array(text.unicodeScalars)
        while let last = scalars.last, isSpace(last) { scalars.removeLast() }
        var line = replacing("<skipped>", in: scalars, with: "")
        line = replacing("-\n", in: line, with: "")
        line = replacing("\n", in: line, with: " ")
        if line.contains("&") {
            for (name, mark) in [("&quot;", "\""), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")] {
                line = replacing(name, in: line, with: mark)
            }
        }
        line = [" "] + line + [" "]
        line = line.flatMap { isSeparated($0) ? [" ", $0, " "] : [$0] }
        line = pairs(line, where: { !isDigit($0) && isPoint($1) }) { [$0, " ", $1, " "] }
        line = pairs(line, where: { isPoint($0) && !isDigit($1) }) { [" ", $0, " ", $1] }
        line = pairs(line, where: { isDigit($0) && $1 == "-" }) { [$0, " ", $1, " "] }
        return words(line)
    }

    /// rouge-score's default: lower case, and every run of anything but a-z and 0-9 is a space.
    package static func rouge(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        for scalar in text.unicodeScalars {
            for lower in scalar.properties.lowercaseMapping.unicodeScalars {
                if isDigit(lower) || ("a"..."z").contains(lower) {
                    word.unicodeScalars.append(lower)
                } else if !word.isEmpty {
                    words.append(word)
                    word = ""
                }
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    // MARK: Parts

    private typealias Scalar = Unicode.Scalar

    private static func isDigit(_ scalar: Scalar) -> Bool { ("0"..."9").contains(scalar) }
    private static func isPoint(_ scalar: Scalar) -> Bool { scalar == "." || scalar == "," }

    /// What Python's `str.split` splits at.
    private static func isSpace(_ scalar: Scalar) -> Bool {
        scalar.properties.isWhitespace || ("\u{1C}"..."\u{1F}").contains(scalar)
    }

    private static func isSeparated(_ scalar: Scalar) -> Bool {
        switch scalar {
        case "{"..."~", "["..."`", " "..."&", "("..."+", ":"..."@", "/": true
        default: false
        }
    }

    /// Replaces pairs that pass, left to right, none of which overlap.
    private static func pairs(
        _ line: [Scalar], where matches: (Scalar, Scalar) -> Bool, _ replacement: (Scalar, Scalar) -> [Scalar]
    ) -> [Scalar] {
        var result: [Scalar] = []
        result.reserveCapacity(line.count)
        var index = 0
        while index < line.count {
            if index + 1 < line.count, matches(line[index], line[index + 1]) {
                result += replacement(line[index], line[index + 1])
                index += 2
            } else {
                result.append(line[index])
                index += 1
            }
        }
        return result
    }

    private static func replacing(_ pattern: String, in line: [Scalar], with replacement: String) -> [Scalar] {
        let pattern = Array(pattern.unicodeScalars)
        guard line.contains(pattern[0]) else { return line }
        var result: [Scalar] = []
        result.reserveCapacity(line.count)
        var index = 0
        while index < line.count {
            if line[index...].starts(with: pattern) {
                result += replacement.unicodeScalars
                index += pattern.count
            } else {
                result.append(line[index])
                index += 1
            }
        }
        return result
    }

    private static func words(_ line: [Scalar]) -> [String] {
        line.split(whereSeparator: isSpace).map { word in
            var text = String.UnicodeScalarView()
            text.append(contentsOf: word)
            return String(text)
        }
    }
}
