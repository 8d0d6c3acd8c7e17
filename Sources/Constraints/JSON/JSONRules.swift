// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// Rules for JSON texts (RFC 8259), each added to a grammar when it is first asked for.
///
/// What is written is a part of what may be: white space only after `{ [ , :` and before `} ]`, one space or one line
/// break with up to 20 of indentation; numbers that a double holds exactly to the digit; no escape of half a surrogate
/// pair.
struct JSONRules {
    private(set) var grammar = Grammar()
    private var known: [Kind: Int] = [:]

    private enum Kind {
        case space, string, number, integer, value, object, array
    }

    init() {}

    // MARK: The grammar

    mutating func add(_ name: String) throws(ConstraintError) -> Int { try grammar.add(name) }

    mutating func add(_ name: String, _ expression: Expression) throws(ConstraintError) -> Expression {
        .rule(try grammar.add(name, expression))
    }

    mutating func define(_ rule: Int, _ expression: Expression) { grammar.define(rule, expression) }

    /// The grammar in which the whole text is `expression`.
    mutating func finished(_ expression: Expression) throws(ConstraintError) -> Grammar {
        grammar.root = try grammar.add("root", expression)
        return grammar
    }

    private mutating func shared(
        _ kind: Kind, _ name: String, _ make: (inout JSONRules) throws(ConstraintError) -> Expression
    ) throws(ConstraintError) -> Expression {
        if let rule = known[kind] { return .rule(rule) }
        let rule = try grammar.add(name)
        known[kind] = rule
        grammar.define(rule, try make(&self))
        return .rule(rule)
    }

    // MARK: Any value

    mutating func space() throws(ConstraintError) -> Expression {
        try shared(.space, "space") { _ throws(ConstraintError) in
            .choice([
                .empty, .text(" "),
                .sequence([.text("\n"), .repeated(.scalars(ScalarSet(of: " \t")), min: 0, max: 20)]),
            ])
        }
    }

    mutating func string() throws(ConstraintError) -> Expression {
        try shared(.string, "string") { _ throws(ConstraintError) in Self.quoted(.star(JSONCharacters.any)) }
    }

    mutating func integer() throws(ConstraintError) -> Expression {
        try shared(.integer, "integer") { _ throws(ConstraintError) in JSONNumbers.integer }
    }

    mutating func number() throws(ConstraintError) -> Expression {
        try shared(.number, "number") { _ throws(ConstraintError) in JSONNumbers.number }
    }

    mutating func value() throws(ConstraintError) -> Expression {
        try shared(.value, "value") { rules throws(ConstraintError) in
            .choice([
                try rules.object(), try rules.array(), try rules.string(), try rules.number(), .text("true"),
                .text("false"), .text("null"),
            ])
        }
    }

    mutating func object() throws(ConstraintError) -> Expression {
        try shared(.object, "object") { rules throws(ConstraintError) in
            try rules.members(key: try rules.string(), value: try rules.value(), min: 0, max: nil)
        }
    }

    mutating func array() throws(ConstraintError) -> Expression {
        try shared(.array, "array") { rules throws(ConstraintError) in
            try rules.elements(first: [], rest: try rules.value(), min: 0, max: nil)
        }
    }

    // MARK: Containers

    /// `text` in quotation marks.
    static func quoted(_ text: Expression) -> Expression { .sequence([.text("\""), text, .text("\"")]) }

    /// A member of an object.
    mutating func member(_ key: Expression, _ value: Expression) throws(ConstraintError) -> Expression {
        .sequence([key, .text(":"), try space(), value])
    }

    /// An object of so many members that are all alike.
    mutating func members(
        key: Expression, value: Expression, min: Int, max: Int?
    ) throws(ConstraintError) -> Expression {
        try list(open: "{", close: "}", first: [], rest: try member(key, value), min: min, max: max)
    }

    /// An array of these elements, then others that are alike, so many in all.
    mutating func elements(
        first: [Expression], rest: Expression?, min: Int, max: Int?
    ) throws(ConstraintError) -> Expression {
        try list(open: "[", close: "]", first: first, rest: rest, min: min, max: max)
    }

    private mutating func list(
        open: String, close: String, first: [Expression], rest: Expression?, min: Int, max: Int?
    ) throws(ConstraintError) -> Expression {
        let space = try space()
        let comma = Expression.sequence([.text(","), space])
        var parts: [Expression] = []
        for (index, element) in first.enumerated() { parts += index == 0 ? [element] : [comma, element] }
        if let rest {
            let min = Swift.max(0, min - first.count)
            let max = max.map { $0 - first.count }
            if !first.isEmpty {
                parts.append(.repeated(.sequence([comma, rest]), min: min, max: max))
            } else if max != 0 {
                let more = Expression.repeated(
                    .sequence([comma, rest]), min: Swift.max(0, min - 1), max: max.map { $0 - 1 })
                let all = Expression.sequence([rest, more])
                parts.append(min == 0 ? .optional(.sequence([all, space])) : .sequence([all, space]))
                return .sequence([.text(open), space] + parts + [.text(close)])
            }
        }
        return .sequence([.text(open), space] + parts + (parts.isEmpty ? [] : [space]) + [.text(close)])
    }

    /// A string, number, or word as it is written compactly.
    static func scalar(_ json: JSON) -> Expression {
        var writer = JSONWriter()
        writer.value(json)
        return .literal(writer.bytes)
    }

    /// A value; only white space is free.
    mutating func literal(_ json: JSON) throws(ConstraintError) -> Expression {
        var parts: [Expression] = []
        switch json {
        case .array(let elements):
            for element in elements { parts.append(try literal(element)) }
            return try list(open: "[", close: "]", first: parts, rest: nil, min: 0, max: nil)
        case .object(let object):
            for (name, value) in object.members {
                parts.append(try member(Self.scalar(.string(name)), try literal(value)))
            }
            return try list(open: "{", close: "}", first: parts, rest: nil, min: 0, max: nil)
        default: return Self.scalar(json)
        }
    }
}

/// The characters of a JSON string.
enum JSONCharacters {
    /// What stands in a string as it is.
    static let plain = ScalarSet([0...0x1F, 0x22...0x22, 0x5C...0x5C]).inverted

    /// A character, in whatever way it may be written.
    static let any: Expression = {
        let hex = Expression.scalars(ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66]))
        let low = Expression.scalars(ScalarSet([0x30...0x37]))
        let notD = Expression.scalars(ScalarSet([0x30...0x39, 0x41...0x43, 0x45...0x46, 0x61...0x63, 0x65...0x66]))
        let d = Expression.scalars(ScalarSet(of: "Dd"))
        let highHalf = Expression.scalars(ScalarSet(of: "89ABab"))
        let lowHalf = Expression.scalars(ScalarSet(of: "CDEFcdef"))
        let unit = Expression.choice([
            .sequence([notD, hex, hex, hex]),
            .sequence([d, low, hex, hex]),
            .sequence([d, highHalf, hex, hex, .text("\\u"), d, lowHalf, hex, hex]),
        ])
        let escape = Expression.choice([.scalars(ScalarSet(of: "\"\\/bfnrt")), .sequence([.text("u"), unit])])
        return .choice([.scalars(plain), .sequence([.text("\\"), escape])])
    }()

    /// The characters of a set, each in one way: as it is where that may be.
    static func encoded(_ set: ScalarSet) -> Expression {
        var ways: [Expression] = []
        let asTheyAre = set.intersection(plain)
        if !asTheyAre.isEmpty { ways.append(.scalars(asTheyAre)) }
        for range in set.subtracting(plain).ranges {
            for value in range {
                if let scalar = Unicode.Scalar(value) { ways.append(.literal(escaped(scalar))) }
            }
        }
        return ways.count == 1 ? ways[0] : .choice(ways)
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(String(scalar))
        return Array(writer.bytes.dropFirst().dropLast())
    }

    /// The JSON texts of the texts of `expression`, without quotation marks; each character in one way.
    static func encoded(_ expression: Expression) -> Expression {
        switch expression {
        case .literal(let bytes):
            .sequence(String(decoding: bytes, as: UTF8.self).unicodeScalars.map { encoded(ScalarSet($0)) })
        case .scalars(let set): encoded(set)
        case .sequence(let parts): .sequence(parts.map { encoded($0) })
        case .choice(let parts): .choice(parts.map { encoded($0) })
        case .repeated(let body, let min, let max): .repeated(encoded(body), min: min, max: max)
        case .rule: expression
        }
    }
}
