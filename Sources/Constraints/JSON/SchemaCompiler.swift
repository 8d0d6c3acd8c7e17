// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// Makes a grammar of a JSON schema, in the subset that OpenAI's structured outputs have and somewhat beyond.
///
/// What is written is valid; not all that is valid is written: properties come in the order of the schema, no others
/// where some are declared unless `additionalProperties` says so, numbers in plain decimal where they are bounded. A
/// keyword that would change what is valid and cannot be honoured is an error that names it.
struct SchemaCompiler {
    let root: JSON
    var rules = JSONRules()
    /// Rules of what references lead to.
    private var references: [String: Int] = [:]

    private init(_ root: JSON) {
        self.root = root
    }

    /// The grammar of a schema.
    ///
    /// - Throws: ``ConstraintError``.
    static func compile(_ schema: JSON) throws(ConstraintError) -> Grammar {
        var compiler = SchemaCompiler(schema)
        return try compiler.rules.finished(try compiler.reference("#", path: []))
    }

    /// The texts of the values for which `schema` holds.
    mutating func expression(_ schema: JSON, path: [String]) throws(ConstraintError) -> Expression {
        if let flag = schema.boolValue { return flag ? try rules.value() : .nothing }
        guard let members = schema.objectValue else {
            throw .schema(path: path, reason: "a schema is an object or a boolean, found \(schema.typeName)")
        }
        let object = SchemaObject(members: members, path: path)
        if let unknown = members.keys.first(where: { !SchemaKeywords.isKnown($0) }) {
            throw object.fault("the keyword \(unknown.prefix(64)) is not supported", at: String(unknown.prefix(64)))
        }
        if let combined = try combination(object) { return combined }
        if let values = try enumeration(object) {
            var ways: [Expression] = []
            for value in values { ways.append(try rules.literal(value)) }
            return .choice(ways)
        }
        guard let types = try object.types() else { return try rules.value() }
        var ways: [Expression] = []
        for type in types where !(type == .integer && types.contains(.number)) {
            ways.append(try expression(of: type, object))
        }
        return ways.count == 1 ? ways[0] : .choice(ways)
    }

    private mutating func expression(
        of type: SchemaType, _ schema: SchemaObject
    ) throws(ConstraintError) -> Expression {
        switch type {
        case .null: .text("null")
        case .boolean: .choice([.text("true"), .text("false")])
        case .object: try objects(schema)
        case .array: try arrays(schema)
        case .number: try numbers(schema, isInteger: false)
        case .integer: try numbers(schema, isInteger: true)
        case .string: try strings(schema)
        }
    }

    /// The values that `enum` and `const` leave.
    private func enumeration(_ schema: SchemaObject) throws(ConstraintError) -> [JSON]? {
        guard schema["enum"] != nil || schema["const"] != nil else { return nil }
        let keywords = SchemaKeywords.honoured.subtracting(["type", "enum", "const"])
        if let other = schema.members.keys.first(where: keywords.contains) {
            throw schema.fault("\(other) beside enum or const is not supported", at: other)
        }
        var values: [JSON]?
        if let list = schema["enum"] {
            guard let given = list.arrayValue, !given.isEmpty else {
                throw schema.fault("an array of values is expected", at: "enum")
            }
            values = given
        }
        if let value = schema["const"] {
            if let values, !values.contains(value) { throw schema.fault("the value is not one of enum", at: "const") }
            values = [value]
        }
        guard schema["type"] != nil, let types = try schema.types() else { return values }
        values = values?.filter { value in types.contains { $0.contains(value) } }
        guard values?.isEmpty == false else { throw schema.fault("no value is of the type", at: "type") }
        return values
    }

    // MARK: References

    /// The rule of what a reference leads to: `#` or a JSON pointer (RFC 6901) after it.
    mutating func reference(_ reference: String, path: [String]) throws(ConstraintError) -> Expression {
        if let known = references[reference] { return .rule(known) }
        let target = try resolve(reference, path: path)
        let rule = try rules.add(reference)
        references[reference] = rule
        rules.define(rule, try expression(target.schema, path: target.path))
        return .rule(rule)
    }

    /// What a reference leads to.
    func resolve(_ reference: String, path: [String]) throws(ConstraintError) -> (schema: JSON, path: [String]) {
        guard reference == "#" || reference.hasPrefix("#/") else {
            throw .schema(path: path, reason: "only references within the schema are supported: # or #/…")
        }
        var schema = root
        var steps: [String] = []
        for part in reference.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let name = Self.replacing("~0", "~", in: Self.replacing("~1", "/", in: Self.percentDecoded(part)))
            let next = schema.arrayValue.flatMap { list in
                Int(name).flatMap { list.indices.contains($0) ? list[$0] : nil }
            }
            guard let found = schema[name] ?? next else {
                throw .schema(path: path, reason: "nothing is at \(reference.prefix(200))")
            }
            schema = found
            steps.append(name)
        }
        return (schema, steps)
    }

    private static func replacing(_ old: String, _ new: String, in text: String) -> String {
        var parts: [String] = [""]
        var rest = text[...]
        while !rest.isEmpty {
            if rest.hasPrefix(old) {
                rest = rest.dropFirst(old.count)
                parts.append("")
            } else {
                parts[parts.count - 1].append(rest.removeFirst())
            }
        }
        return parts.joined(separator: new)
    }

    private static func percentDecoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.utf8.count == 2, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
