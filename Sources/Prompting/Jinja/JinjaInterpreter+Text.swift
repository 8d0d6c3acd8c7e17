// SPDX-License-Identifier: Apache-2.0

// Values as text.
extension JinjaInterpreter {
    /// `str(value)`.
    func text(_ value: JinjaValue) throws(JinjaError) -> TracedText {
        switch value {
        case .undefined: return .empty
        case .string(let text): return text
        default:
            var result = TracedText.empty
            try appendQuoted(value, to: &result)
            return result
        }
    }

    /// `repr(value)`.
    private func appendQuoted(_ value: JinjaValue, to result: inout TracedText) throws(JinjaError) {
        try budget.charge(value.bulk)
        switch value {
        case .undefined: result.append(TracedText("Undefined"))
        case .none: result.append(TracedText("None"))
        case .bool(let flag): result.append(TracedText(flag ? "True" : "False"))
        case .integer(let number): result.append(TracedText(String(number)))
        case .float(let number): result.append(TracedText(PythonText.text(number)))
        case .string(let text): result.append(text.rewritten(PythonText.quoted(text.string)))
        case .sequence(let sequence):
            guard sequence.kind != .iterator else { throw .evaluation("a generator cannot be written; use list") }
            result.append(TracedText(sequence.kind == .list ? "[" : "("))
            for (index, element) in sequence.elements.enumerated() {
                if index > 0 { result.append(TracedText(", ")) }
                try appendQuoted(element, to: &result)
            }
            let closing = sequence.kind == .list ? "]" : sequence.elements.count == 1 ? ",)" : ")"
            result.append(TracedText(closing))
        case .dictionary(let dictionary):
            result.append(TracedText("{"))
            for (index, (key, value)) in zip(dictionary.keys, dictionary.values).enumerated() {
                if index > 0 { result.append(TracedText(", ")) }
                try appendQuoted(key, to: &result)
                result.append(TracedText(": "))
                try appendQuoted(value, to: &result)
            }
            result.append(TracedText("}"))
        case .namespace, .loop, .callable: throw .evaluation("a \(value.typeName) cannot be written")
        }
        guard result.bytes.count <= limits.textBytes else { throw textTooLong }
    }

    // MARK: JSON

    /// How `tojson` writes.
    struct JSONStyle {
        var indent: String?
        var itemSeparator = ", "
        var keySeparator = ": "
        var sortsKeys = false
        var escapesNonASCII = false
    }

    /// `json.dumps(value)` as transformers calls it for the filter `tojson`.
    func json(_ value: JinjaValue, _ style: JSONStyle) throws(JinjaError) -> TracedText {
        var result = TracedText.empty
        try appendJSON(value, style, level: 0, to: &result)
        return result
    }

    private func appendJSON(
        _ value: JinjaValue, _ style: JSONStyle, level: Int, to result: inout TracedText
    ) throws(JinjaError) {
        try budget.charge(value.bulk + (style.indent?.utf8.count ?? 0) * level / JinjaLimits.bytesPerStep)
        func lineBreak(_ level: Int) {
            guard let indent = style.indent else { return }
            result.append(TracedText("\n" + String(repeating: indent, count: level)))
        }
        switch value {
        case .none: result.append(TracedText("null"))
        case .bool(let flag): result.append(TracedText(flag ? "true" : "false"))
        case .integer(let number): result.append(TracedText(String(number)))
        case .float(let number): result.append(TracedText(Self.json(number)))
        case .string(let text):
            try budget.charge(text.bytes.count / 8)
            result.append(text.rewritten(Self.json(text.string, style)))
        case .sequence(let sequence) where sequence.kind != .iterator:
            guard !sequence.elements.isEmpty else { return result.append(TracedText("[]")) }
            result.append(TracedText("["))
            for (index, element) in sequence.elements.enumerated() {
                if index > 0 { result.append(TracedText(style.itemSeparator)) }
                lineBreak(level + 1)
                try appendJSON(element, style, level: level + 1, to: &result)
            }
            lineBreak(level)
            result.append(TracedText("]"))
        case .dictionary(let dictionary):
            guard dictionary.count > 0 else { return result.append(TracedText("{}")) }
            let places = style.sortsKeys ? try order(of: dictionary.keys) : Array(0..<dictionary.count)
            result.append(TracedText("{"))
            for (index, place) in places.enumerated() {
                if index > 0 { result.append(TracedText(style.itemSeparator)) }
                lineBreak(level + 1)
                try appendJSONKey(dictionary.keys[place], style, to: &result)
                result.append(TracedText(style.keySeparator))
                try appendJSON(dictionary.values[place], style, level: level + 1, to: &result)
            }
            lineBreak(level)
            result.append(TracedText("}"))
        default: throw .evaluation("Object of type \(value.typeName) is not JSON serializable")
        }
        guard result.bytes.count <= limits.textBytes else { throw textTooLong }
    }

    private func appendJSONKey(
        _ key: JinjaValue, _ style: JSONStyle, to result: inout TracedText
    ) throws(JinjaError) {
        if case .string = key { return try appendJSON(key, style, level: 0, to: &result) }
        var text = TracedText.empty
        try appendJSON(key, style, level: 0, to: &text)
        result.append(TracedText("\""))
        result.append(text)
        result.append(TracedText("\""))
    }

    private static func json(_ number: Double) -> String {
        number.isNaN ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : PythonText.text(number)
    }

    private static func json(_ text: String, _ style: JSONStyle) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{8}": result += "\\b"
            case "\u{C}": result += "\\f"
            default:
                guard scalar.value < 0x20 || style.escapesNonASCII && scalar.value >= 0x7F else {
                    result.unicodeScalars.append(scalar)
                    continue
                }
                // Python escapes DEL only as part of non-ASCII text, which it is not.
                guard scalar.value != 0x7F else {
                    result.unicodeScalars.append(scalar)
                    continue
                }
                for unit in String(Character(scalar)).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return result + "\""
    }
}
