// SPDX-License-Identifier: Apache-2.0

/// The names that may stand after `|`.
///
/// Those of Jinja but for what needs markup, chance or other templates. `safe` changes nothing, since nothing is escaped
/// by itself; `tojson` is transformers' one.
enum JinjaFilters {
    static let names: Set<String> = ofText.union(ofNumbers).union(ofSequences)
    static let ofText: Set<String> = [
        "capitalize", "center", "e", "escape", "indent", "lower", "replace", "safe", "string", "title", "tojson",
        "trim", "truncate", "upper", "urlencode", "wordcount",
    ]
    static let ofNumbers: Set<String> = ["abs", "float", "int", "round"]
    static let ofSequences: Set<String> = [
        "attr", "batch", "count", "d", "default", "dictsort", "first", "groupby", "items", "join", "last", "length",
        "list", "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "sort", "sum",
        "unique",
    ]
}

extension JinjaInterpreter {
    /// `value|name(arguments)`.
    func apply(_ name: String, _ value: JinjaValue, _ arguments: JinjaValues) throws(JinjaError) -> JinjaValue {
        try budget.charge(value.bulk)
        if JinjaFilters.ofText.contains(name) { return try applyToText(name, value, arguments) }
        if JinjaFilters.ofNumbers.contains(name) { return try applyToNumber(name, value, arguments) }
        guard JinjaFilters.ofSequences.contains(name) else {
            throw .evaluation("no filter named '\(name.prefix(40))'")
        }
        return try applyToSequence(name, value, arguments)
    }

    // MARK: Text

    private func applyToText(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaValues
    ) throws(JinjaError) -> JinjaValue {
        switch name {
        case "tojson": return .string(try json(value, try jsonStyle(arguments)))
        case "indent": return .string(try indent(value, arguments))
        default: break
        }
        let text = try text(value)
        switch name {
        case "upper": return .string(text.mapStretches { $0.uppercased() })
        case "lower": return .string(text.mapStretches { $0.lowercased() })
        case "capitalize": return .string(text.rewritten(PythonText.capitalized(text.string)))
        case "title": return .string(text.rewritten(PythonText.titledByWords(text.string)))
        case "trim":
            return .string(try strip(text, try arguments.bind(name, ["chars"])[0], left: true, right: true))
        case "replace":
            let bound = try arguments.bind(name, ["old", "new", "count"])
            guard let old = bound[0], let new = bound[1] else { throw .evaluation("replace needs two texts") }
            let limit = bound[2]?.integer ?? -1
            return .string(
                try replace(text, try self.text(old), by: try self.text(new), limit: limit < 0 ? .max : limit))
        case "e", "escape": return .string(try escaped(text))
        case "center":
            let width = try arguments.bind(name, ["width"])[0]?.integer ?? 80
            let missing = max(width - text.scalarCount, 0)
            guard missing <= limits.textBytes else { throw textTooLong }
            // Python puts the odd space on the left if the width is odd.
            let left = missing / 2 + (missing & width & 1)
            var result = TracedText(String(repeating: " ", count: left))
            result.append(text)
            result.append(TracedText(String(repeating: " ", count: missing - left)))
            return .string(result)
        case "truncate": return .string(try truncated(text, arguments))
        case "urlencode": return .string(text.rewritten(Self.percentEncoded(text.bytes)))
        case "wordcount":
            var count = 0
            var isInWord = false
            for scalar in text.string.unicodeScalars {
                let isWord = PythonText.isLetter(scalar) || scalar.properties.numericType != nil || scalar == "_"
                if isWord, !isInWord { count += 1 }
                isInWord = isWord
            }
            return .integer(count)
        default: return .string(text)
        }
    }

    private func jsonStyle(_ arguments: JinjaValues) throws(JinjaError) -> JSONStyle {
        let bound = try arguments.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
        var style = JSONStyle()
        style.escapesNonASCII = bound[0]?.isTrue ?? false
        switch bound[1] {
        case nil, .some(.none): break
        case .string(let text)?: style.indent = text.string
        case .some(let value):
            guard let width = value.integer, width <= 64 else {
                throw .evaluation("tojson needs an indent of up to 64")
            }
            style.indent = String(repeating: " ", count: max(width, 0))
        }
        if style.indent != nil { style.itemSeparator = "," }
        if let separators = bound[2], case .sequence(let pair) = separators {
            guard pair.elements.count == 2, let item = pair.elements[0].textValue, let key = pair.elements[1].textValue
            else { throw .evaluation("tojson needs two separators") }
            (style.itemSeparator, style.keySeparator) = (item.string, key.string)
        }
        style.sortsKeys = bound[3]?.isTrue ?? false
        return style
    }

    /// Source: `do_indent` of jinja2/filters.py.
    private func indent(_ value: JinjaValue, _ arguments: JinjaValues) throws(JinjaError) -> TracedText {
        guard let text = value.textValue else { throw .evaluation("indent needs a string, not \(value.typeName)") }
        let bound = try arguments.bind("indent", ["width", "first", "blank"])
        var indention = TracedText("    ")
        if let width = bound[0]?.textValue {
            indention = width
        } else if let width = bound[0] {
            guard let count = width.integer, count <= 1 << 16 else { throw .evaluation("indent needs a width") }
            indention = TracedText(String(repeating: " ", count: max(count, 0)))
        }
        var ended = text
        ended.append(TracedText("\n"))
        let lines = try self.lines(of: ended, keepsEnds: false)
        var parts: [TracedText] = []
        for (index, line) in lines.enumerated() {
            guard index > 0, bound[2]?.isTrue ?? false || !line.isEmpty else {
                parts.append(line)
                continue
            }
            var part = indention
            part.append(line)
            try budget.charge(part.bytes.count / JinjaLimits.bytesPerStep)
            parts.append(part)
        }
        let joined = try join(parts, by: TracedText("\n"))
        guard bound[1]?.isTrue ?? false else { return joined }
        indention.append(joined)
        return indention
    }

    private func escaped(_ text: TracedText) throws(JinjaError) -> TracedText {
        var result = text
        for (part, other) in [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;")] {
            result = try replace(result, TracedText(part), by: TracedText(other), limit: .max)
        }
        return result
    }

    /// Source: `do_truncate` of jinja2/filters.py.
    private func truncated(_ text: TracedText, _ arguments: JinjaValues) throws(JinjaError) -> TracedText {
        let bound = try arguments.bind("truncate", ["length", "killwords", "end", "leeway"])
        let length = bound[0]?.integer ?? 255
        let end = bound[2]?.textValue ?? TracedText("...")
        let leeway = bound[3]?.integer ?? 5
        guard length >= end.scalarCount, (0...1 << 32).contains(leeway), length <= 1 << 32 else {
            throw .evaluation("truncate expects a length of at least \(end.scalarCount)")
        }
        let offsets = text.scalarOffsets
        guard offsets.count - 1 > length + leeway else { return text }
        var kept = text[0..<offsets[length - end.scalarCount]]
        if !(bound[1]?.isTrue ?? false) {
            let space = TracedText(" ")
            if let place = kept.findLast(space, in: 0..<kept.bytes.count) { kept = kept[0..<place] }
        }
        kept.append(end)
        return kept
    }

    private static func percentEncoded(_ bytes: [UInt8]) -> String {
        let kept = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/".utf8)
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in bytes {
            if kept.contains(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    // MARK: Numbers

    private func applyToNumber(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaValues
    ) throws(JinjaError) -> JinjaValue {
        if case .undefined(let reason) = value { throw .evaluation(reason) }
        switch name {
        case "int":
            let bound = try arguments.bind(name, ["default", "base"])
            return try integer(value, base: bound[1]?.integer ?? 10) ?? bound[0] ?? .integer(0)
        case "float":
            let standard = try arguments.bind(name, ["default"])[0] ?? .float(0)
            if let text = value.textValue { return PythonText.float(text.string).map { .float($0) } ?? standard }
            return value.number.map { .float($0.double) } ?? standard
        case "abs":
            guard let number = value.number else { throw .evaluation("abs needs a number, not \(value.typeName)") }
            if case .float(let number) = number { return .float(number.magnitude) }
            return try number.double < 0 ? signed(value, isMinus: true) : signed(value, isMinus: false)
        default: return try rounded(value, arguments)
        }
    }

    /// `int(value)`, then `int(float(value))`; nil where neither can be.
    private func integer(_ value: JinjaValue, base: Int) throws(JinjaError) -> JinjaValue? {
        var number = value.number?.double
        if case .integer(let number)? = value.number { return .integer(number) }
        if let text = value.textValue?.string {
            if let number = PythonText.integer(text, base: base) { return .integer(number) }
            number = PythonText.float(text)
        }
        guard let number, number.isFinite else { return nil }
        guard let integer = Int(exactly: number.rounded(.towardZero)) else {
            throw .evaluation("an integer of more than 64 bits")
        }
        return .integer(integer)
    }

    private func rounded(_ value: JinjaValue, _ arguments: JinjaValues) throws(JinjaError) -> JinjaValue {
        let bound = try arguments.bind("round", ["precision", "method"])
        let precision = bound[0]?.integer ?? 0
        guard let number = value.number, (0...15).contains(precision) else {
            throw .evaluation("round needs a number and a precision from 0 to 15")
        }
        switch bound[1]?.textValue?.string ?? "common" {
        case "common":
            if case .bool(let flag) = value { return .integer(flag ? 1 : 0) }
            guard case .float(let float) = number else { return value }
            return .float(PythonText.rounded(float, digits: precision))
        case "ceil", "floor":
            let isFloor = bound[1]?.textValue?.string == "floor"
            let scale = try arithmetic(.integer(10), "**", .integer(precision))
            let scaled = try arithmetic(value, "*", scale).number?.double ?? 0
            guard let whole = Int(exactly: scaled.rounded(isFloor ? .down : .up)) else {
                throw .evaluation("an integer of more than 64 bits")
            }
            return try arithmetic(.integer(whole), "/", scale)
        default: throw .evaluation("method must be common, ceil or floor")
        }
    }
}
