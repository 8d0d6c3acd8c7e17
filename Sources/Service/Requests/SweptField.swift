// SPDX-License-Identifier: Apache-2.0

package import StrictJSON

/// A field with the values to try, as a command line gives them: `temperature=0,0.7,1.5`.
package struct SweptField: Sendable, Equatable {
    /// The name before the sign.
    package var name: String
    /// The values; one at least.
    package var values: [JSON]

    /// Reads `name=value,value…`. A value is JSON, or else a string as it stands; commas inside of brackets, braces and
    /// quotation marks separate nothing. Nil without a name or a sign.
    package init?(_ text: String) {
        guard let sign = text.firstIndex(of: "="), sign != text.startIndex else { return nil }
        name = String(text[..<sign])
        values = Self.parts(text[text.index(after: sign)...]).map { part in
            (try? JSONParser.parse(part.utf8)) ?? .string(part)
        }
    }

    private static func parts(_ text: Substring) -> [String] {
        var parts = [""]
        var depth = 0
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if character == ",", depth == 0, !isQuoted {
                parts.append("")
                continue
            }
            parts[parts.count - 1].append(character)
            switch character {
            case _ where isEscaped: isEscaped = false
            case "\\" where isQuoted: isEscaped = true
            case "\"": isQuoted.toggle()
            case "[" where !isQuoted, "{" where !isQuoted: depth += 1
            case "]" where !isQuoted, "}" where !isQuoted: depth = max(0, depth - 1)
            default: break
            }
        }
        return parts
    }
}
