// SPDX-License-Identifier: Apache-2.0

import Constraints
package import StrictJSON

/// What `response_format` asks for.
package enum ResponseFormat: Sendable {
    /// Any text.
    case text
    /// A JSON object.
    case jsonObject
    /// A JSON text that is valid against a schema.
    case jsonSchema(JSON)
}

// What the text may be.
extension RequestFields {
    static let choiceTextCount = Allowed(min: 1, max: 1024, counting: "strings")
    static let choiceTextLength = Allowed(min: 1, max: 4096, counting: "bytes")
    private static let expressionLength = Allowed(
        min: 1, max: Double(ConstraintLimits.textBytes), counting: "bytes")

    static let textChoices = Field<[String]?>(
        "choice", aliases: ["guided_choice"], type: "array of strings", allowed: choiceTextCount, default: nil,
        defaultText: nil, endpoints: .generation, meaning: "The text is one of these; of 1 to 4096 bytes each."
    ) { (json, path, _) throws(APIError) in
        var texts: [String] = []
        for (index, element) in try Read.array(json, path, choiceTextCount, of: "strings").enumerated() {
            texts.append(try Read.string(element, JSONPath.element(path, index), choiceTextLength))
        }
        return texts
    }

    static let regex = Field<String?>.string(
        "regex", aliases: ["guided_regex"], expressionLength, endpoints: .generation,
        meaning:
            "The text is one that this regular expression matches from start to end. Classes \\d \\w \\s are ASCII; "
            + "backreferences, lookaround and word boundaries are refused.")

    static let jsonObject = Field<Bool>.boolean(
        "json_object", default: false, endpoints: .generation, meaning: "The text is a JSON object.")

    static let jsonSchema = Field<JSON?>(
        "json_schema", aliases: ["guided_json"], type: "object or boolean", default: nil, defaultText: nil,
        endpoints: .generation,
        meaning: "The text is a JSON value that is valid against this JSON Schema; properties come in its order. "
            + "Keywords that cannot be honoured are refused by name: see docs/constraints.md."
    ) { (json, path, _) throws(APIError) in
        try schema(json, path)
    }

    static let grammar = Field<String?>.string(
        "grammar", aliases: ["guided_grammar"],
        Allowed(min: 0, max: Double(ConstraintLimits.textBytes), counting: "bytes"), endpoints: .generation,
        meaning: "The text is one that this grammar, in llama.cpp's notation GBNF, generates from its rule root. An "
            + "empty string is none.")

    static let responseFormat = Field<ResponseFormat?>(
        "response_format", type: "object", default: nil, defaultText: "{\"type\":\"text\"}",
        endpoints: .generation, members: ResponseFormatFields.members.map(\.declaration),
        meaning: "OpenAI's way to say json_object and json_schema."
    ) { (json, path, reading) throws(APIError) in
        let values = try Read.members(json, path, ResponseFormatFields.members, &reading)
        let definition = values[ResponseFormatFields.definition]
        switch values[ResponseFormatFields.kind] {
        case nil: throw .missing(param: JSONPath.member(path, "type"))
        case "json_schema":
            guard let definition else { throw .missing(param: JSONPath.member(path, "json_schema")) }
            return .jsonSchema(definition)
        case let kind:
            guard definition == nil else {
                throw .invalidValue(
                    param: JSONPath.member(path, "json_schema"), reason: "only with \"type\": \"json_schema\"")
            }
            return kind == "text" ? .text : .jsonObject
        }
    }

    fileprivate static func schema(_ json: JSON, _ path: String) throws(APIError) -> JSON {
        guard json.objectValue != nil || json.boolValue != nil else {
            throw .wrongType(param: path, expected: "object or boolean", found: json.typeName)
        }
        return json
    }
}

/// The members of `response_format`.
private enum ResponseFormatFields {
    private static let kinds = ["text", "json_object", "json_schema"]

    static let kind = Field<String?>.string(
        "type", Allowed(values: kinds.map { .string($0) }), meaning: "What the text is; required.")

    static let definition = Field<JSON?>(
        "json_schema", type: "object", default: nil, defaultText: nil, members: definitionMembers.map(\.declaration),
        meaning: "The schema; with type json_schema."
    ) { (json, path, reading) throws(APIError) in
        let values = try Read.members(json, path, definitionMembers, &reading)
        guard let schema = values[schema] else { throw .missing(param: JSONPath.member(path, "schema")) }
        return schema
    }

    private static let schema = Field<JSON?>(
        "schema", type: "object or boolean", default: nil, defaultText: nil, meaning: "As json_schema; required."
    ) { (json, path, _) throws(APIError) in
        try RequestFields.schema(json, path)
    }
    private static let name = Field<String?>.string(
        "name", Allowed(min: 1, max: 64, counting: "bytes"), meaning: "A name; without effect.")
    private static let description = Field<String?>.string("description", meaning: "What it is for; without effect.")
    private static let isStrict = Field<Bool>.boolean(
        "strict", default: true, meaning: "Without effect: the schema is always kept to.")
    private static let definitionMembers = [
        AnyField(schema), AnyField(name), AnyField(description), AnyField(isStrict),
    ]

    static let members = [AnyField(kind), AnyField(definition)]
}
