// SPDX-License-Identifier: Apache-2.0

import StrictJSON

// Objects and arrays.
extension SchemaCompiler {
    /// A declared property.
    private struct Property {
        var member: Expression
        var isRequired: Bool
    }

    mutating func objects(_ schema: SchemaObject) throws(ConstraintError) -> Expression {
        let declared = try properties(schema)
        var names = Array(declared.keys)
        let required = try requiredNames(schema)
        names += required.filter { declared[$0] == nil }
        let (min, max) = try schema.counts("minProperties", "maxProperties")
        let others = try otherMembers(schema, names: names)
        if names.isEmpty {
            guard let others else {
                if min > 0 { throw schema.fault("no property may be there", at: "minProperties") }
                return try rules.members(key: .nothing, value: .nothing, min: 0, max: 0)
            }
            // One key may be written twice, which a reader counts once.
            guard min <= 1 else { throw schema.fault("more than 1 is not supported", at: "minProperties") }
            return try rules.members(key: others.key, value: others.value, min: min, max: max)
        }
        guard min <= required.count else {
            throw schema.fault("more than are required is not supported", at: "minProperties")
        }
        if let max, others != nil || max < names.count {
            guard max >= names.count else {
                throw schema.fault("fewer than are declared is not supported", at: "maxProperties")
            }
            throw schema.fault("beside additionalProperties it is not supported", at: "maxProperties")
        }
        var members: [Property] = []
        for name in names {
            let path = schema.path + ["properties", name]
            let value: Expression
            if let json = declared[name] {
                value = try expression(json, path: path)
            } else {
                value = try rules.value()
            }
            members.append(
                Property(
                    member: try rules.member(JSONRules.scalar(.string(name)), value),
                    isRequired: required.contains(name)))
        }
        return try object(
            members,
            others: try others.map { more throws(ConstraintError) in
                try rules.member(more.key, more.value)
            })
    }

    /// An object of members in this order, then any number of others.
    private mutating func object(
        _ members: [Property], others: Expression?
    ) throws(ConstraintError) -> Expression {
        let space = try rules.space()
        let close = Expression.sequence([space, .text("}")])
        let comma = Expression.sequence([.text(","), space])
        // What may follow a member, and what may begin at a comma; from the last to the first.
        var after: Expression = close
        var next: Expression?
        if let others {
            let more = try rules.add("members")
            rules.define(more, .choice([.sequence([comma, others, .rule(more)]), close]))
            after = .rule(more)
            next = .sequence([others, after])
        }
        var needsMore = false
        for property in members.reversed() {
            var ways = [Expression.sequence([property.member, after])]
            if !property.isRequired, let next { ways.append(next) }
            let begun = try rules.add("properties", .choice(ways))
            next = begun
            needsMore = needsMore || property.isRequired
            after = try rules.add(
                "properties", .choice([.sequence([comma, begun])] + (needsMore ? [] : [close])))
        }
        var ways: [Expression] = []
        if let next { ways.append(.sequence([space, next])) }
        if !needsMore { ways.append(close) }
        return try rules.add("object", .sequence([.text("{"), .choice(ways)]))
    }

    private func properties(_ schema: SchemaObject) throws(ConstraintError) -> JSONObject {
        guard let json = schema["properties"] else { return JSONObject() }
        guard let object = json.objectValue else {
            throw schema.fault("an object of schemas is expected", at: "properties")
        }
        return object
    }

    private func requiredNames(_ schema: SchemaObject) throws(ConstraintError) -> [String] {
        guard let json = schema["required"] else { return [] }
        var names: [String] = []
        for name in json.arrayValue ?? [.null] {
            guard let text = name.stringValue else {
                throw schema.fault("an array of names is expected", at: "required")
            }
            if !names.contains(text) { names.append(text) }
        }
        return names
    }

    /// Keys and values of members that are not declared; nil if there may be none.
    private mutating func otherMembers(
        _ schema: SchemaObject, names: [String]
    ) throws(ConstraintError) -> (key: Expression, value: Expression)? {
        let value: Expression
        switch schema["additionalProperties"] {
        case nil:
            guard names.isEmpty else { return nil }
            value = try rules.value()
        case .bool(false)?: return nil
        case let json?:
            value = try expression(json, path: schema.path + ["additionalProperties"])
        }
        guard !names.isEmpty else { return (try rules.string(), value) }
        return (JSONRules.quoted(try otherNames(names)), value)
    }

    /// The texts that are none of `names`, each character in one way.
    private mutating func otherNames(_ names: [String]) throws(ConstraintError) -> Expression {
        let scalars = names.map { Array($0.unicodeScalars) }
        return try otherNames(scalars[...], from: 0, any: JSONCharacters.encoded(.all))
    }

    /// What may follow the first characters, which all of `names` share, so that none of them comes out.
    private mutating func otherNames(
        _ names: ArraySlice<[Unicode.Scalar]>, from place: Int, any: Expression
    ) throws(ConstraintError) -> Expression {
        guard place < 256 else { throw .tooLarge(what: "characters in a name beside additionalProperties", limit: 256) }
        var byNext: [Unicode.Scalar: [[Unicode.Scalar]]] = [:]
        for name in names where name.count > place { byNext[name[place], default: []].append(name) }
        let nexts = byNext.keys.sorted { $0.value < $1.value }
        let others = ScalarSet(nexts.map { $0.value...$0.value }).inverted
        var ways: [Expression] = [.sequence([JSONCharacters.encoded(others), .star(any)])]
        if !names.contains(where: { $0.count == place }) { ways.append(.empty) }
        for next in nexts {
            let rest = try otherNames(byNext[next, default: []][...], from: place + 1, any: any)
            ways.append(.sequence([JSONCharacters.encoded(ScalarSet(next)), rest]))
        }
        return try rules.add("name", .choice(ways))
    }

    mutating func arrays(_ schema: SchemaObject) throws(ConstraintError) -> Expression {
        if let unique = schema["uniqueItems"], unique != .bool(false) {
            throw schema.fault("the keyword uniqueItems is not supported", at: "uniqueItems")
        }
        let (min, max) = try schema.counts("minItems", "maxItems")
        var first: [Expression] = []
        for (index, item) in try (schema.schemas("prefixItems") ?? []).enumerated() where index < max ?? .max {
            first.append(try expression(item, path: schema.path + ["prefixItems", String(index)]))
        }
        let rest: Expression?
        switch schema["items"] {
        case nil: rest = first.isEmpty || first.count < min ? try rules.value() : nil
        case .bool(false)?: rest = nil
        case .array?: throw schema.fault("a list is not supported: say prefixItems", at: "items")
        case let json?: rest = try expression(json, path: schema.path + ["items"])
        }
        guard rest != nil || first.count >= min else { throw schema.fault("more than there are items", at: "minItems") }
        return try rules.add("array", try rules.elements(first: first, rest: rest, min: min, max: max))
    }
}
