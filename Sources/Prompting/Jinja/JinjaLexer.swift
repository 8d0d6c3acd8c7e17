// SPDX-License-Identifier: Apache-2.0

/// Splits a template into words, with the white space rules of Jinja under `trim_blocks` and `lstrip_blocks`.
///
/// Source: jinja2/lexer.py (3.1), with the options of transformers' `apply_chat_template`.
struct JinjaLexer {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private var tokens: [JinjaToken] = []
    /// Whether the last tag ended with a line feed, so that what follows starts a line.
    private var startsLine = true

    private init(_ source: String) {
        var text: [UInt8] = []
        text.reserveCapacity(source.utf8.count)
        var previous: UInt8 = 0
        for byte in source.utf8 {
            if byte == 0x0A, previous == 0x0D {
                // The second half of a line end.
            } else {
                text.append(byte == 0x0D ? 0x0A : byte)
            }
            previous = byte
        }
        if text.last == 0x0A { text.removeLast() }
        bytes = text
    }

    /// The words of `source`, ``JinjaToken/Kind/end`` last.
    static func tokens(of source: String) throws(JinjaError) -> [JinjaToken] {
        var lexer = JinjaLexer(source)
        try lexer.run()
        return lexer.tokens
    }

    private enum Opening { case variable, block, comment }

    private mutating func run() throws(JinjaError) {
        while position < bytes.count {
            let start = position
            guard let (place, opening) = nextOpening(from: position) else {
                appendData(bytes[start...])
                position = bytes.count
                break
            }
            var end = place
            var body = place + 2
            let sign = body < bytes.count ? bytes[body] : 0
            if sign == UInt8(ascii: "-") {
                end = Self.trimRight(bytes, start..<place)
                body += 1
            } else if sign == UInt8(ascii: "+") {
                body += 1
            } else if opening != .variable {
                // What stands before a block on its line is dropped if it is white space alone.
                let lineStart = (bytes[start..<place].lastIndex(of: 0x0A) ?? start - 1) + 1
                if lineStart > start || startsLine, lineStart < place,
                    Self.trimRight(bytes, lineStart..<place) == lineStart
                {
                    end = lineStart
                }
            }
            appendData(bytes[start..<end])
            line += bytes[end..<place].count { $0 == 0x0A }
            position = body
            switch opening {
            case .comment: try skipComment()
            case .variable:
                append(.variableBegin)
                try expression(closing: "}}", asBlock: false)
            case .block:
                if let content = rawStart() {
                    try raw(from: content)
                } else {
                    append(.blockBegin)
                    try expression(closing: "%}", asBlock: true)
                }
            }
            startsLine = position > 0 && bytes[position - 1] == 0x0A
        }
        append(.end)
    }

    private func nextOpening(from start: Int) -> (Int, Opening)? {
        var place = start
        while place + 1 < bytes.count {
            if bytes[place] == UInt8(ascii: "{") {
                switch bytes[place + 1] {
                case UInt8(ascii: "{"): return (place, .variable)
                case UInt8(ascii: "%"): return (place, .block)
                case UInt8(ascii: "#"): return (place, .comment)
                default: break
                }
            }
            place += 1
        }
        return nil
    }

    private mutating func append(_ kind: JinjaToken.Kind) { tokens.append(JinjaToken(kind: kind, line: line)) }

    private mutating func appendData(_ data: ArraySlice<UInt8>) {
        guard !data.isEmpty else { return }
        append(.data(String(decoding: data, as: UTF8.self)))
        line += data.count { $0 == 0x0A }
    }

    /// The end of `range` without white space before it.
    private static func trimRight(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
        let part = TracedText(bytes: Array(bytes[range]))
        return range.lowerBound + part.stripped(left: false, right: true, PythonText.isSpace).bytes.count
    }

    /// Skips white space; after a tag that ends in `-`.
    private mutating func skipSpace() {
        while position < bytes.count {
            let length = bytes[position] < 0x80 ? 1 : bytes[position] < 0xE0 ? 2 : bytes[position] < 0xF0 ? 3 : 4
            let scalar = String(decoding: bytes[position..<min(position + length, bytes.count)], as: UTF8.self)
            guard let first = scalar.unicodeScalars.first, PythonText.isSpace(first) else { return }
            if bytes[position] == 0x0A { line += 1 }
            position += length
        }
    }

    /// Moves behind a tag that ends at `position` with `closing`, and one line feed if it is a block or a comment.
    /// False if it does not end here.
    private mutating func skipClosing(_ closing: String, asBlock: Bool) -> Bool {
        let rest = bytes[position...]
        if rest.starts(with: ("-" + closing).utf8) {
            position += 3
            skipSpace()
            return true
        }
        if asBlock, rest.starts(with: ("+" + closing).utf8) {
            position += 3
            return true
        }
        guard rest.starts(with: closing.utf8) else { return false }
        position += 2
        if asBlock, position < bytes.count, bytes[position] == 0x0A {
            position += 1
            line += 1
        }
        return true
    }

    private mutating func skipComment() throws(JinjaError) {
        let start = line
        while position < bytes.count {
            if skipClosing("#}", asBlock: true) { return }
            if bytes[position] == 0x0A { line += 1 }
            position += 1
        }
        throw .syntax("a comment is not closed", line: start)
    }

    // MARK: Raw blocks

    /// Where the content begins if `raw` stands at `position`.
    private func rawStart() -> Int? { Self.keyword("raw", closings: ["-%}", "%}"], in: bytes, at: position) }

    /// Where a block of this one keyword ends; its closing decides.
    private static func keyword(_ name: String, closings: [String], in bytes: [UInt8], at start: Int) -> Int? {
        func skipBlank(_ place: Int) -> Int {
            var place = place
            while place < bytes.count, bytes[place] == 0x20 || (0x09...0x0D).contains(bytes[place]) { place += 1 }
            return place
        }
        var place = skipBlank(start)
        guard bytes[min(place, bytes.count)...].starts(with: name.utf8) else { return nil }
        place = skipBlank(place + name.utf8.count)
        guard closings.contains(where: { bytes[min(place, bytes.count)...].starts(with: $0.utf8) }) else { return nil }
        return place
    }

    private mutating func raw(from closing: Int) throws(JinjaError) {
        let startLine = line
        line += bytes[position..<closing].count { $0 == 0x0A }
        position = closing
        // No line feed is dropped after raw's own tag.
        if bytes[position] == UInt8(ascii: "-") { _ = skipClosing("%}", asBlock: false) } else { position += 2 }
        let start = position
        var place = position
        while place + 1 < bytes.count {
            defer { place += 1 }
            guard bytes[place] == UInt8(ascii: "{"), bytes[place + 1] == UInt8(ascii: "%") else { continue }
            var body = place + 2
            let sign = body < bytes.count ? bytes[body] : 0
            if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { body += 1 }
            guard let end = Self.keyword("endraw", closings: ["-%}", "+%}", "%}"], in: bytes, at: body) else {
                continue
            }
            var stop = place
            if sign == UInt8(ascii: "-") {
                stop = Self.trimRight(bytes, start..<place)
            } else if sign != UInt8(ascii: "+") {
                let lineStart = (bytes[start..<place].lastIndex(of: 0x0A) ?? start - 1) + 1
                if lineStart > start, lineStart < place, Self.trimRight(bytes, lineStart..<place) == lineStart {
                    stop = lineStart
                }
            }
            appendData(bytes[start..<stop])
            line += bytes[stop..<end].count { $0 == 0x0A }
            position = end
            _ = skipClosing("%}", asBlock: true)
            return
        }
        throw .syntax("a raw block is not closed", line: startLine)
    }

    // MARK: Expressions

    private mutating func expression(closing: String, asBlock: Bool) throws(JinjaError) {
        let startLine = line
        var open: [UInt8] = []
        while position < bytes.count {
            if open.isEmpty {
                let before = line
                if skipClosing(closing, asBlock: asBlock) {
                    tokens.append(JinjaToken(kind: asBlock ? .blockEnd : .variableEnd, line: before))
                    return
                }
            }
            let byte = bytes[position]
            switch byte {
            case 0x0A:
                line += 1
                position += 1
            case 0x20, 0x09, 0x0B, 0x0C, 0x0D: position += 1
            case UInt8(ascii: "'"), UInt8(ascii: "\""): try string(quote: byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
                0x80...:
                let start = position
                while position < bytes.count, Self.isWord(bytes[position]) { position += 1 }
                append(.name(String(decoding: bytes[start..<position], as: UTF8.self)))
            default: try sign(&open)
            }
        }
        throw .syntax("a tag is not closed", line: startLine)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte >= 0x80 || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static let signs = [
        "**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}",
        ".", ":", "|", ",", ";",
    ]

    private mutating func sign(_ open: inout [UInt8]) throws(JinjaError) {
        guard let sign = Self.signs.first(where: { bytes[position...].starts(with: $0.utf8) }) else {
            throw .syntax("an unexpected character", line: line)
        }
        switch sign {
        case "(": open.append(UInt8(ascii: ")"))
        case "[": open.append(UInt8(ascii: "]"))
        case "{": open.append(UInt8(ascii: "}"))
        case ")", "]", "}":
            guard let expected = open.popLast(), sign.utf8.first == expected else {
                throw .syntax("an unexpected '\(sign)'", line: line)
            }
        default: break
        }
        append(.sign(sign))
        position += sign.utf8.count
    }

    private mutating func number() throws(JinjaError) {
        let start = position
        func isDigit(_ place: Int) -> Bool {
            place < bytes.count && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place])
        }
        func digits(_ place: inout Int) {
            while isDigit(place) || (place < bytes.count && bytes[place] == UInt8(ascii: "_") && isDigit(place + 1)) {
                place += 1
            }
        }
        var place = position
        digits(&place)
        var isFloat = false
        if place < bytes.count, bytes[place] == UInt8(ascii: "."), isDigit(place + 1) {
            isFloat = true
            place += 1
            digits(&place)
        }
        if place < bytes.count, bytes[place] | 0x20 == UInt8(ascii: "e") {
            var exponent = place + 1
            if exponent < bytes.count, bytes[exponent] == UInt8(ascii: "+") || bytes[exponent] == UInt8(ascii: "-") {
                exponent += 1
            }
            if isDigit(exponent) {
                isFloat = true
                place = exponent
                digits(&place)
            }
        }
        let text = String(decoding: bytes[start..<place].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        position = place
        if isFloat {
            guard let value = Double(text) else { throw .syntax("an unreadable number", line: line) }
            append(.float(value))
        } else {
            guard let value = Int(text) else { throw .syntax("an integer of more than 64 bits", line: line) }
            append(.integer(value))
        }
    }

    private mutating func string(quote: UInt8) throws(JinjaError) {
        let startLine = line
        var text: [UInt8] = []
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == quote {
                tokens.append(JinjaToken(kind: .string(String(decoding: text, as: UTF8.self)), line: startLine))
                return
            }
            if byte == 0x0A { line += 1 }
            guard byte == UInt8(ascii: "\\"), position < bytes.count else {
                text.append(byte)
                continue
            }
            try escape(into: &text)
        }
        throw .syntax("a string is not closed", line: startLine)
    }

    /// One escape of Python's `unicode-escape` codec; `position` is behind the backslash.
    private mutating func escape(into text: inout [UInt8]) throws(JinjaError) {
        let byte = bytes[position]
        position += 1
        let simple: [UInt8: UInt8] = [
            UInt8(ascii: "n"): 0x0A, UInt8(ascii: "t"): 0x09, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "a"): 0x07,
            UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "v"): 0x0B, UInt8(ascii: "\\"): 0x5C,
            UInt8(ascii: "'"): 0x27, UInt8(ascii: "\""): 0x22,
        ]
        if let value = simple[byte] { return text.append(value) }
        func scalar(_ value: UInt32) throws(JinjaError) {
            guard let scalar = Unicode.Scalar(value) else { throw .syntax("an escape of no character", line: line) }
            text += Array(String(Character(scalar)).utf8)
        }
        switch byte {
        case 0x0A: line += 1
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            var value = UInt32(byte - UInt8(ascii: "0"))
            var count = 1
            while count < 3, position < bytes.count,
                (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(bytes[position])
            {
                value = value * 8 + UInt32(bytes[position] - UInt8(ascii: "0"))
                position += 1
                count += 1
            }
            try scalar(value)
        case UInt8(ascii: "x"), UInt8(ascii: "u"), UInt8(ascii: "U"):
            let count = byte == UInt8(ascii: "x") ? 2 : byte == UInt8(ascii: "u") ? 4 : 8
            let end = min(position + count, bytes.count)
            let digits = String(decoding: bytes[position..<end], as: UTF8.self)
            guard digits.utf8.count == count, digits.allSatisfy(\.isHexDigit), let value = UInt32(digits, radix: 16)
            else { throw .syntax("a broken escape in a string", line: line) }
            position = end
            try scalar(value)
        default: text += [UInt8(ascii: "\\"), byte]
        }
    }
}
