// SPDX-License-Identifier: Apache-2.0

import StrictJSON

// Strings and numbers.
extension SchemaCompiler {
    mutating func strings(_ schema: SchemaObject) throws(ConstraintError) -> Expression {
        let (min, max) = try schema.counts("minLength", "maxLength")
        if let pattern = schema["pattern"] {
            if schema["format"] != nil { throw schema.fault("format beside pattern is not supported", at: "format") }
            guard let text = pattern.stringValue else { throw schema.fault("a string is expected", at: "pattern") }
            let matches: Expression
            do throws(ConstraintError) {
                matches = try RegularExpression(text).search(any: .scalars(.all))
            } catch {
                throw schema.fault("\(error)", at: "pattern")
            }
            return JSONRules.quoted(try limited(matches, min, max, schema, of: "pattern"))
        }
        if let format = schema["format"] {
            guard let name = format.stringValue else { throw schema.fault("a string is expected", at: "format") }
            guard let texts = try SchemaFormats.expression(name) else {
                throw schema.fault(
                    "the format \(name.prefix(64)) is not supported, these are: "
                        + SchemaFormats.names.joined(separator: ", "), at: "format")
            }
            return JSONRules.quoted(try limited(texts, min, max, schema, of: "format"))
        }
        guard min > 0 || max != nil else { return try rules.string() }
        return JSONRules.quoted(.repeated(JSONCharacters.any, min: min, max: max))
    }

    /// The texts of at least `min` and at most `max` characters, as JSON: by changing counts where that will do.
    private mutating func limited(
        _ texts: Expression, _ min: Int, _ max: Int?, _ schema: SchemaObject, of keyword: String
    ) throws(ConstraintError) -> Expression {
        let lengths = Lengths(texts)
        let isShortEnough = max.map { max in lengths.max.map { $0 <= max } ?? false } ?? true
        if lengths.min >= min, isShortEnough { return JSONCharacters.encoded(texts) }
        if let limited = Lengths.limit(texts, min: min, max: max) { return JSONCharacters.encoded(limited) }
        do throws(ConstraintError) {
            return try LengthProduct(texts, min: min, max: max).encoded(&rules)
        } catch {
            throw schema.fault("minLength or maxLength beside this \(keyword): \(error)", at: keyword)
        }
    }

    mutating func numbers(_ schema: SchemaObject, isInteger: Bool) throws(ConstraintError) -> Expression {
        let low = try bound(schema, "minimum", "exclusiveMinimum")
        let high = try bound(schema, "maximum", "exclusiveMaximum")
        let range: Expression?
        if let step = schema["multipleOf"] {
            guard let number = DecimalNumber(step), var multiples = DecimalMultiples(of: number) else {
                throw schema.fault("a number above 0 of at most 15 digits is expected", at: "multipleOf")
            }
            guard !isInteger || multiples.areIntegers else {
                throw schema.fault("of an integer it must be one, too", at: "multipleOf")
            }
            range = try multiples.range(low: low, high: high, &rules)
        } else if low == nil, high == nil {
            return isInteger ? try rules.integer() : try rules.number()
        } else {
            range = JSONNumbers.range(low: low, high: high, isInteger: isInteger)
        }
        guard let range else {
            throw schema.fault(
                "no \(isInteger ? "integer" : "number") of at most \(JSONNumbers.digitLimit) digits is within the bounds"
            )
        }
        return range
    }

    /// The sharper of a bound that is inside and one that is outside.
    private func bound(
        _ schema: SchemaObject, _ inclusive: String, _ exclusive: String
    ) throws(ConstraintError) -> JSONNumbers.Bound? {
        var bound: JSONNumbers.Bound?
        var value = 0.0
        for keyword in [inclusive, exclusive] {
            guard let json = schema[keyword] else { continue }
            guard let number = json.doubleValue, let decimal = DecimalNumber(json) else {
                throw schema.fault("a number is expected", at: keyword)
            }
            let isSharper = inclusive == "minimum" ? number >= value : number <= value
            if bound == nil || isSharper {
                bound = JSONNumbers.Bound(value: decimal, isExclusive: keyword == exclusive)
                value = number
            }
        }
        return bound
    }
}

/// How many characters the texts of an expression have.
private struct Lengths {
    var min: Int
    /// Nil: any number.
    var max: Int?

    init(_ expression: Expression) {
        switch expression {
        case .literal(let bytes):
            let count = String(decoding: bytes, as: UTF8.self).unicodeScalars.count
            (min, max) = (count, count)
        case .scalars: (min, max) = (1, 1)
        case .sequence(let parts):
            (min, max) = (0, 0)
            for part in parts.map({ Lengths($0) }) {
                min = Lengths.capped(min + part.min)
                max = max.flatMap { sum in part.max.map { Lengths.capped(sum + $0) } }
            }
        case .choice(let parts):
            let all = parts.map { Lengths($0) }
            min = all.map(\.min).min() ?? 0
            max = all.contains { $0.max == nil } ? nil : all.compactMap(\.max).max() ?? 0
        case .repeated(let body, let least, let most):
            let one = Lengths(body)
            min = Lengths.capped(one.min * least)
            if one.max == 0 {
                max = 0
            } else {
                max = most.flatMap { most in one.max.map { Lengths.capped($0 * most) } }
            }
        case .rule: (min, max) = (0, nil)
        }
    }

    private static func capped(_ length: Int) -> Int { Swift.min(length, Int(Int32.max)) }

    /// The texts of these lengths where a single repetition of single characters decides on the length; else nil.
    static func limit(_ expression: Expression, min: Int, max: Int?) -> Expression? {
        switch expression {
        case .scalars, .literal:
            let lengths = Lengths(expression)
            return lengths.min >= min && lengths.min <= max ?? .max ? expression : .nothing
        case .repeated(let body, let least, let most):
            let one = Lengths(body)
            guard one.min == 1, one.max == 1 else { return nil }
            let (low, high) = (Swift.max(least, min), [most, max].compactMap { $0 }.min())
            return high.map { $0 < low } ?? false ? .nothing : .repeated(body, min: low, max: high)
        case .choice(let parts):
            let limited = parts.map { limit($0, min: min, max: max) }
            return limited.contains { $0 == nil } ? nil : .choice(limited.compactMap { $0 })
        case .sequence(let parts):
            let lengths = parts.map { Lengths($0) }
            let open = parts.indices.filter { lengths[$0].max != lengths[$0].min }
            guard open.count == 1, let place = open.first else {
                guard open.isEmpty else { return nil }
                let total = lengths.reduce(0) { $0 + $1.min }
                return total >= min && total <= max ?? .max ? expression : .nothing
            }
            let fixed = lengths.enumerated().reduce(0) { $0 + ($1.offset == place ? 0 : $1.element.min) }
            if let max, max < fixed { return .nothing }
            guard let inner = limit(parts[place], min: Swift.max(0, min - fixed), max: max.map { $0 - fixed }) else {
                return nil
            }
            var changed = parts
            changed[place] = inner
            return .sequence(changed)
        case .rule: return nil
        }
    }
}
