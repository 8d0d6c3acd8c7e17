// SPDX-License-Identifier: Apache-2.0

import StrictJSON

// Schemas that refer to others or combine them.
extension SchemaCompiler {
    /// Schemas within combinations.
    private static let mergeDepth = 32

    /// The texts of a schema with `$ref`, `anyOf`, `oneOf` or `allOf`; nil if it has none of them.
    mutating func combination(_ schema: SchemaObject) throws(ConstraintError) -> Expression? {
        guard schema.members.keys.contains(where: SchemaKeywords.combining.contains) else { return nil }
        let asserting = schema.members.keys.filter { SchemaKeywords.honoured.contains($0) }
        if let reference = schema["$ref"], asserting.count == 1 {
            guard let text = reference.stringValue else { throw schema.fault("a string is expected", at: "$ref") }
            return try self.reference(text, path: schema.path + ["$ref"])
        }
        var ways: [Expression] = []
        if asserting.count == 1, let keyword = asserting.first {
            let branches = try schema.schemas(keyword) ?? []
            if keyword == "oneOf" { try checkDisjoint(branches, schema.path + [keyword]) }
            if keyword != "allOf" {
                for (index, branch) in branches.enumerated() {
                    ways.append(try expression(branch, path: schema.path + [keyword, String(index)]))
                }
                return .choice(ways)
            }
        }
        for (index, alternative) in try alternatives(.object(schema.members), schema.path, depth: 0).enumerated() {
            ways.append(try expression(alternative, path: schema.path + ["(\(index))"]))
        }
        return .choice(ways)
    }

    /// Schemas without combinations at the top, of which one or the other must hold.
    private func alternatives(
        _ schema: JSON, _ path: [String], depth: Int
    ) throws(ConstraintError) -> [JSON] {
        guard depth < Self.mergeDepth else { throw .schema(path: path, reason: "combined too deeply") }
        guard let members = schema.objectValue else { return [schema] }
        let object = SchemaObject(members: members, path: path)
        guard members.keys.contains(where: SchemaKeywords.combining.contains) else { return [schema] }
        let asserting = members.keys.filter { SchemaKeywords.honoured.contains($0) }
        if asserting == ["$ref"] { return [schema] }
        var rest = JSONObject()
        for (keyword, value) in members.members
        where !SchemaKeywords.combining.contains(keyword) && !SchemaKeywords.annotations.contains(keyword) {
            rest[keyword] = value
        }
        var found: [JSON] = [.object(rest)]
        for (keyword, value) in members.members where SchemaKeywords.combining.contains(keyword) {
            let here = path + [keyword]
            switch keyword {
            case "$ref":
                guard let text = value.stringValue else { throw object.fault("a string is expected", at: keyword) }
                // Alone it stays a reference, which may be to itself.
                found = try combine(found, [value], here, depth: depth) { _ throws(ConstraintError) in
                    try self.resolve(text, path: here).schema
                }
            case "allOf":
                for (index, part) in try (object.schemas(keyword) ?? []).enumerated() {
                    found = try combine(found, [part], here + [String(index)], depth: depth) { $0 }
                }
            default:
                let branches = try object.schemas(keyword) ?? []
                if keyword == "oneOf" { try checkDisjoint(branches, here) }
                found = try combine(found, branches, here, depth: depth) { $0 }
            }
        }
        return found
    }

    /// Each of `found` together with each alternative of each branch.
    private func combine(
        _ found: [JSON], _ branches: [JSON], _ path: [String], depth: Int,
        _ read: (JSON) throws(ConstraintError) -> JSON
    ) throws(ConstraintError) -> [JSON] {
        var combined: [JSON] = []
        for (index, branch) in branches.enumerated() {
            let here = branches.count > 1 ? path + [String(index)] : path
            let schema = try read(branch)
            for one in found {
                let isFree = one.objectValue?.count == 0
                // A reference that stands alone need not be looked into.
                let parts = isFree ? try alternatives(schema, here, depth: depth + 1) : try inlined(schema, here, depth)
                for part in parts {
                    combined.append(isFree ? part : try merge(one, part, here))
                    guard combined.count <= 1024 else { throw .tooLarge(what: "combined schemas", limit: 1024) }
                }
            }
        }
        return combined
    }

    /// The alternatives of a schema, references resolved.
    private func inlined(_ schema: JSON, _ path: [String], _ depth: Int) throws(ConstraintError) -> [JSON] {
        var all: [JSON] = []
        for part in try alternatives(schema, path, depth: depth + 1) {
            if let reference = part["$ref"]?.stringValue {
                guard depth < Self.mergeDepth else { throw .schema(path: path, reason: "combined too deeply") }
                all += try inlined(try resolve(reference, path: path).schema, path, depth + 1)
            } else {
                all.append(part)
            }
        }
        return all
    }

    /// A schema that holds where both do.
    private func merge(_ left: JSON, _ right: JSON, _ path: [String]) throws(ConstraintError) -> JSON {
        if left.boolValue == true { return right }
        if right.boolValue == true { return left }
        guard var merged = left.objectValue, let other = right.objectValue else { return .bool(false) }
        // What is said of all others depends on what is declared beside it.
        for (rest, declared) in [("additionalProperties", "properties"), ("items", "prefixItems")]
        where (merged[rest] != nil && other[declared] != nil) || (other[rest] != nil && merged[declared] != nil) {
            throw .schema(path: path, reason: "\(declared) cannot be combined with \(rest) of another schema")
        }
        for (keyword, value) in other.members where !SchemaKeywords.annotations.contains(keyword) {
            guard let own = merged[keyword], own != value else {
                merged[keyword] = value
                continue
            }
            merged[keyword] = try merge(keyword, own, value, path)
        }
        return .object(merged)
    }

    private func merge(
        _ keyword: String, _ left: JSON, _ right: JSON, _ path: [String]
    ) throws(ConstraintError) -> JSON {
        switch keyword {
        case "properties":
            guard var merged = left.objectValue, let other = right.objectValue else { break }
            for (name, schema) in other.members {
                guard let own = merged[name], own != schema else {
                    merged[name] = schema
                    continue
                }
                merged[name] = .object(allOf(own, schema))
            }
            return .object(merged)
        case "required":
            guard let own = left.arrayValue, let other = right.arrayValue else { break }
            return .array(own + other.filter { !own.contains($0) })
        case "type":
            let (own, other) = (left.arrayValue ?? [left], right.arrayValue ?? [right])
            var both = own.filter(other.contains)
            // An integer is a number.
            for (some, rest) in [(own, other), (other, own)]
            where some.contains(.string("integer")) && rest.contains(.string("number")) {
                if !both.contains(.string("integer")) { both.append(.string("integer")) }
            }
            if !both.isEmpty { return .array(both) }
        case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
            if let own = left.doubleValue, let other = right.doubleValue { return own > other ? left : right }
        case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
            if let own = left.doubleValue, let other = right.doubleValue { return own < other ? left : right }
        case "enum":
            guard let own = left.arrayValue, let other = right.arrayValue else { break }
            let both = own.filter(other.contains)
            if !both.isEmpty { return .array(both) }
        default: break
        }
        throw .schema(path: path, reason: "the combined schemas differ in \(keyword.prefix(64))")
    }

    private func allOf(_ left: JSON, _ right: JSON) -> JSONObject {
        var object = JSONObject()
        object["allOf"] = .array([left, right])
        return object
    }

    // MARK: One of

    /// - Throws: ``ConstraintError/schema(path:reason:)`` if some value might be valid against two of the schemas.
    private func checkDisjoint(_ schemas: [JSON], _ path: [String]) throws(ConstraintError) {
        guard schemas.count <= 256 else { throw .tooLarge(what: "schemas in oneOf", limit: 256) }
        var resolved: [JSON] = []
        for schema in schemas {
            let reference = schema["$ref"]?.stringValue
            resolved.append(
                try reference.map { text throws(ConstraintError) in try resolve(text, path: path).schema } ?? schema)
        }
        for (index, left) in resolved.enumerated() {
            for (other, right) in resolved.enumerated().dropFirst(index + 1) where !areDisjoint(left, right, depth: 0) {
                throw .schema(
                    path: path,
                    reason: "a value may be valid against both schema \(index) and schema \(other): say anyOf, or tell "
                        + "them apart by type or by a required property with const")
            }
        }
    }

    /// Whether it is plain to see that no value is valid against both.
    private func areDisjoint(_ left: JSON, _ right: JSON, depth: Int) -> Bool {
        guard depth < 4, let left = left.objectValue, let right = right.objectValue else { return false }
        if let own = values(left), let other = values(right) { return !own.contains(where: other.contains) }
        if let own = types(left), let other = types(right), own.isDisjoint(with: other) { return true }
        guard types(left) == ["object"], types(right) == ["object"], let own = left["properties"]?.objectValue,
            let other = right["properties"]?.objectValue
        else { return false }
        let required = (left["required"]?.arrayValue ?? []).filter((right["required"]?.arrayValue ?? []).contains)
        return required.contains { name in
            guard let name = name.stringValue, let one = own[name], let two = other[name] else { return false }
            return areDisjoint(one, two, depth: depth + 1)
        }
    }

    private func values(_ schema: JSONObject) -> [JSON]? {
        schema["const"].map { [$0] } ?? schema["enum"]?.arrayValue
    }

    /// The types of a schema's values as far as it says; an integer counts as a number.
    private func types(_ schema: JSONObject) -> Set<String>? {
        if let values = values(schema) {
            return Set(values.map { $0.doubleValue != nil ? "number" : $0.typeName })
        }
        guard let json = schema["type"] else { return nil }
        let names = (json.arrayValue ?? [json]).compactMap(\.stringValue)
        return Set(names.map { $0 == "integer" ? "number" : $0 })
    }
}
