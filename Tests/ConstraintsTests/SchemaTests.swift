// SPDX-License-Identifier: Apache-2.0

import Constraints
import StrictJSON
import Testing

@Suite("Schemas")
struct SchemaTests {
    struct Case: Sendable {
        var schema: String
        var accept: [String]
        var reject: [String]
    }

    static let cases = [
        Case(
            schema: "{}",
            accept: [
                "1", "-0.5e+10", "\"a\"", "{}", "[1, {\"a\":null}]", "{\"a\": {\"b\":[]}}", "\"\\ud83d\\ude00\\n\"",
            ],
            reject: ["", "01", "1.", "+1", "\"\n\"", "\"\\x\"", "\"\\ud800\"", "[1,]", "{a:1}", "nul", "1e999"]),
        Case(schema: "true", accept: ["null"], reject: ["n"]),
        Case(schema: "{\"type\":\"object\"}", accept: ["{}", "{\"a\":1}"], reject: ["[]", "1"]),
        Case(
            schema: "{\"properties\":{\"a\":{},\"b\":{\"type\":\"null\"}},\"required\":[\"b\",\"c\"]}",
            accept: ["{\"a\":1,\"b\":null,\"c\":2}", "{\"b\":null,\"c\":[]}"],
            reject: ["{}", "{\"b\":null}", "{\"c\":1,\"b\":null}", "{\"b\":null,\"c\":1,\"d\":1}", "{\"a\":1,}"]),
        Case(
            schema:
                "{\"properties\":{\"a\":{\"type\":\"integer\"},\"ab\":{}},\"additionalProperties\":{\"type\":\"boolean\"}}",
            accept: ["{}", "{\"a\":1,\"x\":true,\"\":false}", "{\"abc\":true,\"b\":true}"],
            reject: [
                "{\"x\":1}", "{\"a\":true}", "{\"x\":true,\"a\":1}", "{\"\\u0061\":true}", "{\"x\":true,\"ab\":true}",
            ]),
        Case(
            schema: "{\"additionalProperties\":{\"type\":\"null\"},\"minProperties\":1,\"maxProperties\":2}",
            accept: ["{\"a\":null}", "{\"a\":null,\"b\":null}"], reject: ["{}", "{\"a\":null,\"b\":null,\"c\":null}"]),
        Case(
            schema: "{\"allOf\":[{\"type\":\"integer\",\"minimum\":3},{\"maximum\":5}]}", accept: ["3", "5"],
            reject: ["2", "6", "3.5"]),
        Case(
            schema: "{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"additionalProperties\":false,"
                + "\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
            accept: ["{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":1}"], reject: ["{}", "{\"c\":1}"]),
        Case(
            schema:
                "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"null\"},\"maxItems\":1},"
                + "{\"properties\":{\"k\":{\"const\":1}},\"required\":[\"k\"],\"type\":\"object\"},"
                + "{\"properties\":{\"k\":{\"const\":2}},\"required\":[\"k\"],\"type\":\"object\"}]}",
            accept: ["\"\"", "[]", "[null]", "{\"k\":1}", "{\"k\":2}"], reject: ["1", "{\"k\":3}", "[null,null]"]),
        Case(
            schema: "{\"$ref\":\"#/$defs/a~1b\",\"$defs\":{\"a/b\":{\"anyOf\":[{\"type\":\"null\"},"
                + "{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}]}}}",
            accept: ["null", "[]", "[[null,[]],null]"], reject: ["[1]", "["]),
        Case(
            schema:
                "{\"$ref\":\"#/definitions/n\",\"maximum\":7,\"definitions\":{\"n\":{\"type\":\"integer\",\"minimum\":5}}}",
            accept: ["5", "7"], reject: ["4", "8", "\"5\""]),
        Case(
            schema: "{\"type\":\"number\",\"minimum\":-0.25,\"exclusiveMaximum\":10.5}",
            accept: ["-0.25", "-0.1", "0", "0.0", "9.999", "10.4999", "10", "10.0"],
            reject: ["-0.26", "-1", "10.5", "10.50", "11", "00", "1e0", ".5", "10.51"]),
        Case(
            schema: "{\"type\":\"integer\",\"exclusiveMinimum\":-105,\"maximum\":1010}",
            accept: ["-104", "-99", "-1", "0", "999", "1000", "1010"],
            reject: ["-105", "1011", "2000", "-1000", "01", "-0"]),
        Case(
            schema: "{\"type\":\"integer\",\"minimum\":100}", accept: ["100", "999999999999999"],
            reject: ["99", "-100"]),
        Case(
            schema: "{\"type\":\"string\",\"pattern\":\"b\\n\"}", accept: ["\"ab\\nc\""], reject: ["\"ab\"", "\"abn\""]),
        Case(
            schema: "{\"type\":\"string\",\"pattern\":\"^[a-z]*$\",\"minLength\":2,\"maxLength\":3}",
            accept: ["\"ab\"", "\"abc\""], reject: ["\"a\"", "\"abcd\""]),
        Case(
            schema: "{\"type\":\"string\",\"pattern\":\"a.*b|^c\",\"minLength\":3,\"maxLength\":5}",
            accept: ["\"xaxbx\"", "\"c\\\"\\\"\"", "\"cccc\"", "\"ab\\u0001\""],
            reject: ["\"ab\"", "\"a\\nb\"", "\"c\"", "\"xaxxbx\"", "\"xcx\"", "\"abc\\u0041\"", "\"cccccc\""]),
        Case(
            schema: "{\"type\":\"integer\",\"multipleOf\":7}", accept: ["0", "7", "-14", "700000007"],
            reject: ["1", "8", "-13", "70.0", "07", "-0"]),
        Case(
            schema: "{\"type\":\"integer\",\"multipleOf\":1000,\"minimum\":-5000,\"exclusiveMaximum\":12000}",
            accept: ["-5000", "0", "1000", "11000"], reject: ["-6000", "12000", "500", "100", "1001"]),
        Case(
            schema: "{\"type\":\"number\",\"multipleOf\":0.25,\"minimum\":-1,\"maximum\":100}",
            accept: ["-1", "-0.25", "0.5", "0.50", "99.75", "100", "100.0", "100.00"],
            reject: ["0.1", "0.26", "100.25", "-1.25", "0.500", "0.", "1e1"]),
        Case(
            schema: "{\"type\":\"string\",\"format\":\"date\"}",
            accept: ["\"2000-02-29\"", "\"2024-02-29\"", "\"2023-12-31\""],
            reject: [
                "\"1900-02-29\"", "\"2023-02-29\"", "\"0000-01-01\"", "\"2023-04-31\"", "\"2023-13-01\"",
                "\"2023-1-1\"",
            ]),
        Case(
            schema: "{\"type\":\"string\",\"minLength\":2,\"maxLength\":2}", accept: ["\"é日\"", "\"\\u00e9\\n\""],
            reject: ["\"a\"", "\"abc\""]),
        Case(
            schema: "{\"enum\":[1,\"a\",[1,2]],\"type\":[\"string\",\"array\"]}", accept: ["\"a\"", "[1, 2]"],
            reject: ["1"]),
        Case(
            schema:
                "{\"prefixItems\":[{\"type\":\"null\"},{\"type\":\"boolean\"}],\"items\":{\"type\":\"integer\"},\"maxItems\":3}",
            accept: ["[null,true]", "[null,true,1]"], reject: ["[]", "[null]", "[null,true,1,2]", "[true,null]"]),
        Case(schema: "{\"type\":\"array\",\"maxItems\":0}", accept: ["[]", "[ ]"], reject: ["[1]"]),
        Case(
            schema: "{\"title\":\"t\",\"x-order\":1,\"description\":\"d\",\"default\":1,\"type\":\"boolean\"}",
            accept: ["true"], reject: ["1"]),
    ]

    @Test("say which JSON texts are written", arguments: cases)
    func writes(_ item: Case) throws {
        let constraint = try TokenConstraint(.jsonSchema(JSONParser.parse(item.schema.utf8)))
        for text in item.accept { #expect(try constraint.accepts(text), "\(text)") }
        for text in item.reject { #expect(try !constraint.accepts(text), "\(text)") }
    }

    static let faults: [(String, String, String)] = [
        (
            "{\"type\":\"object\",\"patternProperties\":{}}", "patternProperties",
            "the keyword patternProperties is not supported"
        ),
        ("{\"properties\":{\"a\":{\"minLenght\":1}}}", "properties.a.minLenght", "minLenght"),
        ("{\"not\":{}}", "not", "not"), ("{\"if\":{}}", "if", "if"),
        ("{\"type\":\"strin\"}", "type", "a type or a list"),
        ("{\"type\":[]}", "type", "matches nothing"), ("{\"type\":\"string\",\"format\":\"uri\"}", "format", "uri"),
        ("{\"type\":\"string\",\"pattern\":\"(\"}", "pattern", "nothing closes"),
        ("{\"enum\":[]}", "enum", "an array of values"),
        ("{\"enum\":[1],\"type\":\"string\"}", "type", "no value"),
        ("{\"enum\":[1],\"minimum\":0}", "minimum", "beside enum"),
        ("{\"minLength\":-1}", "minLength", "at least 0"),
        ("{\"minLength\":2,\"maxLength\":1}", "minLength", "more than"),
        ("{\"maxLength\":9999999}", "maxLength", "1000000"), ("{\"required\":[1]}", "required", "names"),
        ("{\"minimum\":\"a\"}", "minimum", "a number"), ("{\"minimum\":2,\"maximum\":1}", "", "within the bounds"),
        ("{\"type\":\"integer\",\"multipleOf\":0.5}", "multipleOf", "it must be one, too"),
        ("{\"type\":\"number\",\"multipleOf\":0}", "multipleOf", "above 0"),
        ("{\"uniqueItems\":true}", "uniqueItems", "uniqueItems"),
        ("{\"items\":[{}]}", "items", "prefixItems"), ("{\"$ref\":\"http://x\"}", "$ref", "within the schema"),
        ("{\"$ref\":\"#/$defs/a\"}", "$ref", "nothing is at"), ("{\"anyOf\":[]}", "anyOf", "an array of schemas"),
        ("{\"anyOf\":[1]}", "anyOf.0", "an object or a boolean"),
        ("{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", "oneOf", "both schema 0 and schema 1"),
        ("{\"allOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "allOf.1", "differ in type"),
        ("{\"properties\":{\"a\":{}},\"maxProperties\":0}", "maxProperties", "fewer than"),
        ("{\"pattern\":\"a.*b\",\"maxLength\":9000}", "pattern", "more than 8192"),
        ("{\"prefixItems\":[{}],\"items\":false,\"minItems\":2}", "minItems", "more than there are"),
    ]

    @Test("that cannot be honoured are refused at the keyword", arguments: faults)
    func refuses(_ schema: String, _ path: String, _ reason: String) throws {
        let json = try JSONParser.parse(schema.utf8)
        let error = #expect(throws: ConstraintError.self) {
            try TokenConstraint(ConstraintSource.jsonSchema(json), Vocabularies.bytes)
        }
        guard case .schema(let found, let words)? = error else {
            Issue.record("\(error.map { "\($0)" } ?? "none")")
            return
        }
        #expect(found.joined(separator: ".") == path)
        #expect(words.contains(reason), "\(words)")
    }

    static let others: [(String, ConstraintError)] = [
        ("false", .matchesNothing), ("{\"$ref\":\"#\"}", .matchesNothing),
        ("{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", .leftRecursion(rule: "#")),
        ("{\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", .matchesNothing),
    ]

    @Test("that are empty or go round in a circle are refused", arguments: others)
    func refusesCircles(_ schema: String, _ expected: ConstraintError) throws {
        let json = try JSONParser.parse(schema.utf8)
        #expect(throws: expected) { try TokenConstraint(ConstraintSource.jsonSchema(json), Vocabularies.bytes) }
    }
}
