// SPDX-License-Identifier: Apache-2.0

import Prompting
import StrictJSON

// n-shot prompts.
extension RequestFields {
    static let instruction = Field<String?>.string(
        "instruction", Allowed(min: 1, max: 1_048_576, counting: "bytes"),
        endpoints: .prompted,
        meaning: "What to do. Stands before the examples; in a chat it is the system message.")

    static let exampleCount = Allowed(min: 0, max: 1024, counting: "examples")

    static let examples = Field<[ShotExample]>(
        "examples", type: "array of objects", allowed: exampleCount, default: [], defaultText: "[]",
        endpoints: .prompted, members: ShotFields.exampleMembers.map(\.declaration),
        meaning: "Solved examples of the task, in the order in which they are shown; in a chat each is a turn of the "
            + "user and one of the assistant."
    ) { (json, path, reading) throws(APIError) in
        var examples: [ShotExample] = []
        for (index, element) in try Read.array(json, path, exampleCount, of: "examples").enumerated() {
            let elementPath = JSONPath.element(path, index)
            let values = try Read.members(element, elementPath, ShotFields.exampleMembers, &reading)
            guard let input = values[ShotFields.input] else {
                throw .missing(param: JSONPath.member(elementPath, "input"))
            }
            guard let output = values[ShotFields.output] else {
                throw .missing(param: JSONPath.member(elementPath, "output"))
            }
            examples.append(ShotExample(input: input, output: output))
        }
        return examples
    }

    static let template = Field<ShotTemplateInput?>(
        "template", type: "string or object",
        allowed: Allowed(values: ShotTemplate.builtIn.map { .string($0.name) }), default: nil, defaultText: nil,
        endpoints: .texts, members: ShotFields.templateMembers.map(\.declaration),
        meaning: "How instruction, examples and the prompt, which is the query, become one text: a name, or an object "
            + "of texts with slots in braces. Absent: qa where there is an instruction or an example, else none."
    ) { (json, path, reading) throws(APIError) in
        try ShotFields.readTemplate(json, path, &reading)
    }
}

/// A template as a request gives it.
package enum ShotTemplateInput: Sendable, Equatable {
    /// A built-in one.
    case named(String)
    /// One of the request's own; nil parts are as ``ShotTemplate`` has them.
    case written(instruction: String?, example: String, query: String?, separator: String?)
}

/// The members of examples and templates.
enum ShotFields {
    static let input = Field<String?>.string("input", meaning: "What is asked.")
    static let output = Field<String?>.string("output", meaning: "What is answered.")
    static let exampleMembers = [AnyField(input), AnyField(output)]

    static let instruction = Field<String?>.string(
        "instruction", meaning: "Holds {instruction}; absent: the instruction alone.")
    static let example = Field<String?>.string("example", meaning: "Holds {input} and {output}.")
    static let query = Field<String?>.string(
        "query", meaning: "Holds {input}; absent: the example's text before {output}, without white space at its end.")
    static let separator = Field<String?>.string(
        "separator", meaning: "Stands between instruction, examples and query; absent: an empty line.")
    static let templateMembers = [AnyField(instruction), AnyField(example), AnyField(query), AnyField(separator)]

    /// Reads a template: a name, or an object of its parts.
    static func readTemplate(
        _ json: JSON, _ path: String, _ reading: inout FieldReading
    ) throws(APIError) -> ShotTemplateInput {
        if let name = json.stringValue { return .named(name) }
        guard json.objectValue != nil else {
            throw .wrongType(param: path, expected: "string or object", found: json.typeName)
        }
        let values = try Read.members(json, path, templateMembers, &reading)
        guard let example = values[example] else { throw .missing(param: JSONPath.member(path, "example")) }
        return .written(
            instruction: values[instruction], example: example, query: values[query], separator: values[separator])
    }

    /// The template in effect; nil if the request is no n-shot prompt.
    static func template(_ values: FieldValues) throws(APIError) -> ShotTemplate? {
        let input = values[RequestFields.template]
        guard input != nil || values.has(RequestFields.instruction) || values.has(RequestFields.examples) else {
            return nil
        }
        return try (input ?? .named("qa")).template(path: "template")
    }
}

extension ShotTemplateInput {
    /// The template; `path` names it in errors.
    func template(path: String) throws(APIError) -> ShotTemplate {
        do throws(PromptingError) {
            switch self {
            case .named(let name): return try ShotTemplate(named: name)
            case .written(let instruction, let example, let query, let separator):
                return try ShotTemplate(
                    instruction: instruction ?? "{instruction}", example: example, query: query,
                    separator: separator ?? "\n\n")
            }
        } catch {
            throw APIError(error, param: path, templatePath: path)
        }
    }
}
