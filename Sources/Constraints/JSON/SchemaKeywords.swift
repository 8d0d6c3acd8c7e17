// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// The keywords of JSON Schema (2020-12) by what is done with them.
enum SchemaKeywords {
    /// Keywords that say nothing of what is valid.
    static let annotations: Set<String> = [
        "title", "description", "default", "examples", "$schema", "$comment", "$id", "$defs", "definitions",
        "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding",
    ]
    /// Keywords that refer to other schemas or combine them.
    static let combining: Set<String> = ["$ref", "anyOf", "oneOf", "allOf"]
    static let object: Set<String> = [
        "properties", "required", "additionalProperties", "minProperties", "maxProperties",
    ]
    static let array: Set<String> = ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]
    static let string: Set<String> = ["minLength", "maxLength", "pattern", "format"]
    static let number: Set<String> = [
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    ]
    /// Keywords that are honoured.
    static let honoured = combining.union(object).union(array).union(string).union(number)
        .union(["type", "enum", "const"])

    /// Whether a schema may hold the keyword.
    static func isKnown(_ keyword: String) -> Bool {
        honoured.contains(keyword) || annotations.contains(keyword) || keyword.hasPrefix("x-")
    }
}

/// A type of JSON Schema.
enum SchemaType: String, CaseIterable {
    case null, boolean, object, array, number, integer, string

    /// The types that a keyword is about.
    init?(about keyword: String) {
        if SchemaKeywords.object.contains(keyword) {
            self = .object
        } else if SchemaKeywords.array.contains(keyword) {
            self = .array
        } else if SchemaKeywords.string.contains(keyword) {
            self = .string
        } else if SchemaKeywords.number.contains(keyword) {
            self = .number
        } else {
            return nil
        }
    }

    /// Whether a value is of the type. As in JSON Schema 1.0 is an integer.
    func contains(_ json: JSON) -> Bool {
        switch self {
        case .null: json.isNull
        case .boolean: json.boolValue != nil
        case .object: json.objectValue != nil
        case .array: json.arrayValue != nil
        case .number: json.doubleValue != nil
        case .integer: json.doubleValue.map { $0.rounded() == $0 } ?? false
        case .string: json.stringValue != nil
        }
    }
}

/// A schema that is an object, at its place.
struct SchemaObject {
    let members: JSONObject
    /// From the root, for error texts.
    let path: [String]

    subscript(_ keyword: String) -> JSON? { members[keyword] }

    func fault(_ reason: String, at keyword: String? = nil) -> ConstraintError {
        .schema(path: keyword.map { path + [$0] } ?? path, reason: reason)
    }

    /// A count that is not negative; nil where it is not given.
    func count(_ keyword: String) throws(ConstraintError) -> Int? {
        guard let json = self[keyword] else { return nil }
        guard let value = json.integerValue, value >= 0 else {
            throw fault("an integer of at least 0 is expected", at: keyword)
        }
        guard value <= ConstraintLimits.repetitions else {
            throw fault("at most \(ConstraintLimits.repetitions) is supported", at: keyword)
        }
        return Int(value)
    }

    /// Two counts of which the first is not the larger.
    func counts(_ least: String, _ most: String) throws(ConstraintError) -> (min: Int, max: Int?) {
        let (min, max) = (try count(least) ?? 0, try count(most))
        if let max, max < min { throw fault("\(least) is more than \(most)", at: least) }
        return (min, max)
    }

    /// A list of schemas, at least one.
    func schemas(_ keyword: String) throws(ConstraintError) -> [JSON]? {
        guard let json = self[keyword] else { return nil }
        guard let list = json.arrayValue, !list.isEmpty else {
            throw fault("an array of schemas is expected", at: keyword)
        }
        return list
    }

    /// The types that `type` names, or that the other keywords are about; nil: any.
    func types() throws(ConstraintError) -> [SchemaType]? {
        guard let json = self["type"] else {
            let about = Set(members.keys.compactMap { SchemaType(about: $0) })
            return about.isEmpty ? nil : SchemaType.allCases.filter(about.contains)
        }
        var types: [SchemaType] = []
        for name in json.arrayValue ?? [json] {
            guard let type = name.stringValue.flatMap({ SchemaType(rawValue: $0) }) else {
                let names = SchemaType.allCases.map(\.rawValue).joined(separator: ", ")
                throw fault("a type or a list of types is expected: \(names)", at: "type")
            }
            if !types.contains(type) { types.append(type) }
        }
        guard !types.isEmpty else { throw fault("a list without a type matches nothing", at: "type") }
        return types
    }
}
