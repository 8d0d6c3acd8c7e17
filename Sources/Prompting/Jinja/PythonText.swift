// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Text as Python sees it: by Unicode scalars, with its idea of white space, of numbers and of what is printable.
enum PythonText {
    /// `str.isspace()`: Unicode's white space and the four information separators.
    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x80
            ? scalar.value == 0x20 || (0x09...0x0D).contains(scalar.value) || (0x1C...0x1F).contains(scalar.value)
            : scalar.properties.isWhitespace
    }

    /// `str.isalpha()` of one scalar.
    static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    /// `str.isdigit()` of one scalar.
    static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
    }

    /// `str.isupper()` or `str.islower()`: at least one cased character and none of the other case.
    static func isCased(_ text: String, upper: Bool) -> Bool {
        var found = false
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            if properties.generalCategory == .titlecaseLetter { return false }
            if upper ? properties.isLowercase : properties.isUppercase { return false }
            if upper ? properties.isUppercase : properties.isLowercase { found = true }
        }
        return found
    }

    /// `str.capitalize()`.
    static func capitalized(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return text }
        return first.properties.titlecaseMapping + String(text.unicodeScalars.dropFirst()).lowercased()
    }

    /// `str.title()`: each run of letters is capitalized.
    static func titled(_ text: String) -> String {
        var result = ""
        var isInWord = false
        for scalar in text.unicodeScalars {
            let properties = scalar.properties
            result += isInWord ? properties.lowercaseMapping : properties.titlecaseMapping
            isInWord = properties.isCased
        }
        return result
    }

    /// Jinja's filter `title`, whose words begin after white space and `-([{<`.
    static func titledByWords(_ text: String) -> String {
        var result = ""
        var word = String.UnicodeScalarView()
        func flush() {
            guard let first = word.first else { return }
            result += String(Character(first)).uppercased() + String(word.dropFirst()).lowercased()
            word.removeAll()
        }
        let openings = Array("-([{<".unicodeScalars)
        for scalar in text.unicodeScalars {
            if isSpace(scalar) || openings.contains(scalar) {
                flush()
                result.unicodeScalars.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        flush()
        return result
    }

    /// Where lines end, as `str.splitlines()` has it: the content's end and the next line's start, as UTF-8 offsets.
    static func lineEnds(_ bytes: [UInt8]) -> [(end: Int, next: Int)] {
        var ends: [(end: Int, next: Int)] = []
        var place = 0
        while place < bytes.count {
            var length = 0
            switch bytes[place] {
            case 0x0D: length = place + 1 < bytes.count && bytes[place + 1] == 0x0A ? 2 : 1
            case 0x0A, 0x0B, 0x0C, 0x1C, 0x1D, 0x1E: length = 1
            case 0xC2: length = place + 1 < bytes.count && bytes[place + 1] == 0x85 ? 2 : 0
            case 0xE2:
                let isSeparator =
                    place + 2 < bytes.count && bytes[place + 1] == 0x80
                    && (bytes[place + 2] == 0xA8 || bytes[place + 2] == 0xA9)
                length = isSeparator ? 3 : 0
            default: break
            }
            if length > 0 {
                ends.append((place, place + length))
                place += length
            } else {
                place += 1
            }
        }
        return ends
    }

    /// `repr` of a float: the shortest digits, an exponent below 1e-4 and from 1e16 on.
    static func text(_ number: Double) -> String {
        if number.isNaN { return "nan" }
        if number.isInfinite { return number < 0 ? "-inf" : "inf" }
        if number == 0 { return number.sign == .minus ? "-0.0" : "0.0" }
        // Swift writes the same digits, but sets the exponent at other magnitudes.
        var digits = ""
        var exponent = 0
        var pointPlace: Int?
        var rest = Substring(number.magnitude.description)
        if let mark = rest.firstIndex(of: "e") {
            exponent = Int(rest[rest.index(after: mark)...]) ?? 0
            rest = rest[..<mark]
        }
        for character in rest {
            if character == "." { pointPlace = digits.count } else { digits.append(character) }
        }
        var decimal = (pointPlace ?? digits.count) + exponent
        while digits.hasPrefix("0"), digits.count > 1 {
            digits.removeFirst()
            decimal -= 1
        }
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        let sign = number < 0 ? "-" : ""
        if decimal > 16 || decimal < -3 {
            let shown = decimal - 1
            let magnitude = String(shown.magnitude)
            let mantissa = digits.count == 1 ? digits : "\(digits.prefix(1)).\(digits.dropFirst())"
            return sign + mantissa + (shown < 0 ? "e-" : "e+") + (magnitude.count == 1 ? "0" : "") + magnitude
        }
        if decimal <= 0 { return sign + "0." + String(repeating: "0", count: -decimal) + digits }
        if digits.count <= decimal {
            return sign + digits + String(repeating: "0", count: decimal - digits.count) + ".0"
        }
        return sign + digits.prefix(decimal) + "." + digits.dropFirst(decimal)
    }

    /// `repr` of a string.
    static func quoted(_ text: String) -> String {
        let quote: Unicode.Scalar = text.utf8.contains(0x27) && !text.utf8.contains(0x22) ? "\"" : "'"
        var result = String(Character(quote))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case quote: result += "\\" + String(Character(quote))
            default:
                if isPrintable(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    let (mark, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                    let digits = String(scalar.value, radix: 16)
                    result += "\\" + mark + String(repeating: "0", count: width - digits.count) + digits
                }
            }
        }
        return result + String(Character(quote))
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }

    /// `int(text)` and `int(text, base)`; nil: Python raises ValueError, or the value needs more than 64 bits.
    static func integer(_ text: String, base: Int = 10) -> Int? {
        var digits = Substring(strip(text))
        var sign = ""
        if let first = digits.first, first == "-" || first == "+" {
            sign = String(first)
            digits.removeFirst()
        }
        let prefixes = [2: "0b", 8: "0o", 16: "0x"]
        if let prefix = prefixes[base], digits.lowercased().hasPrefix(prefix) {
            digits = digits.dropFirst(2)
            if digits.first == "_" { digits.removeFirst() }
        }
        guard (2...36).contains(base), let first = digits.utf8.first, first != UInt8(ascii: "_"),
            first != UInt8(ascii: "-"), first != UInt8(ascii: "+"), digits.utf8.last != UInt8(ascii: "_"),
            !digits.contains("__")
        else { return nil }
        return Int(sign + digits.filter { $0 != "_" }, radix: base)
    }

    /// `float(text)`; nil: Python raises ValueError.
    static func float(_ text: String) -> Double? {
        let stripped = strip(text).lowercased()
        let unsigned = stripped.hasPrefix("-") || stripped.hasPrefix("+") ? String(stripped.dropFirst()) : stripped
        if unsigned == "inf" || unsigned == "infinity" { return stripped.hasPrefix("-") ? -.infinity : .infinity }
        if unsigned == "nan" { return .nan }
        guard let first = unsigned.utf8.first, first == UInt8(ascii: ".") || (0x30...0x39).contains(first),
            !unsigned.contains("x"), !unsigned.contains("p"), !unsigned.contains("_")
        else { return nil }
        var padded = stripped
        if padded.hasSuffix(".") { padded += "0" }
        if unsigned.hasPrefix(".") { padded = (stripped.hasPrefix("-") ? "-0" : "0") + unsigned }
        return Double(padded.replacingPart(".e", by: ".0e"))
    }

    /// `round(number, digits)`: the nearest decimal, ties of the exact binary value to even. `digits` from 0 to 15.
    static func rounded(_ number: Double, digits: Int) -> Double {
        guard number.isFinite, number.magnitude < 1e22 else { return number }
        guard digits > 0 else { return number.rounded(.toNearestOrEven) }
        // printf rounds the exact binary value correctly.
        var buffer = [CChar](repeating: 0, count: 64)
        let count = withVaList([Int32(digits), number]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
        return Double(String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
            ?? number
    }

    static func strip(_ text: String) -> String {
        TracedText(text).stripped(left: true, right: true, isSpace).string
    }
}

extension String {
    fileprivate func replacingPart(_ part: String, by other: String) -> String {
        guard let place = BytePattern.find(Array(part.utf8), in: Array(utf8), 0..<utf8.count) else { return self }
        return String(decoding: utf8.prefix(place), as: UTF8.self) + other
            + String(decoding: utf8.dropFirst(place + part.utf8.count), as: UTF8.self)
    }
}
