// SPDX-License-Identifier: Apache-2.0

import Prompting
import StrictJSON

// The bodies of `/v1/example-sets/{id}`.
extension RequestFields {
    static let setExamples = Field<[ShotExample]?>(
        "examples", type: "array of objects", allowed: ExampleSetFields.exampleCount, default: nil, defaultText: nil,
        endpoints: [.putExampleSet], members: ExampleFields.members.map(\.declaration), meaning: "The examples."
    ) { (json, path, reading) throws(APIError) in
        try ExampleFields.readAll(json, path, ExampleSetFields.exampleCount, &reading)
    }

    static let setDescription = Field<String?>.string(
        "description", Allowed(min: 0, max: 65_536, counting: "bytes"), endpoints: .exampleSets,
        meaning: "What the set is, for people.")

    static let setInstruction = Field<String?>.string(
        "instruction", Allowed(min: 0, max: 1_048_576, counting: "bytes"), endpoints: .exampleSets,
        meaning: "What to do, for requests that say nothing else; empty: none.")

    static let setTemplate = Field<ShotTemplateInput?>(
        "template", type: "string or object",
        allowed: Allowed(values: ShotTemplate.builtIn.map { .string($0.name) }), default: nil, defaultText: nil,
        endpoints: .exampleSets, members: ShotFields.templateMembers.map(\.declaration),
        meaning: "How a prompt is written, for requests that say nothing else."
    ) { (json, path, reading) throws(APIError) in
        let input = try ShotFields.readTemplate(json, path, &reading)
        _ = try input.template(path: path)
        return input
    }

    static let appendedExamples = Field<[ShotExample]?>(
        "append", type: "array of objects", allowed: ExampleSetFields.exampleCount, default: nil, defaultText: nil,
        endpoints: [.patchExampleSet], members: ExampleFields.members.map(\.declaration),
        meaning: "Examples to put at the end."
    ) { (json, path, reading) throws(APIError) in
        try ExampleFields.readAll(json, path, ExampleSetFields.exampleCount, &reading)
    }

    static let removedExamples = Field<[Int]?>(
        "remove", type: "array of integers", allowed: ExampleSetFields.exampleCount, default: nil, defaultText: nil,
        endpoints: [.patchExampleSet],
        meaning: "Indices of examples to take out, as they are before anything is appended."
    ) { (json, path, _) throws(APIError) in
        var indices: [Int] = []
        for (index, element) in try Read.array(json, path, ExampleSetFields.exampleCount, of: "integers").enumerated() {
            indices.append(
                try Read.integer(
                    element, JSONPath.element(path, index), Allowed(min: 0, max: ExampleSetFields.exampleCount.max)))
        }
        return indices
    }
}

/// How contents of example sets are read.
enum ExampleSetFields {
    static let exampleCount = Allowed(min: 0, max: 65_536, counting: "examples")

    /// The contents that the body of PUT describes.
    static func read(_ object: JSONObject, _ reading: inout FieldReading) throws(APIError) -> ExampleSetContent {
        let values = try RequestSchema.read(object, for: .putExampleSet, &reading)
        guard let examples = values[RequestFields.setExamples] else { throw .missing(param: "examples") }
        var content = ExampleSetContent(examples: examples)
        content.description = values[RequestFields.setDescription]
        content.instruction = values[RequestFields.setInstruction].flatMap { $0.isEmpty ? nil : $0 }
        content.template = values[RequestFields.setTemplate]
        return content
    }

    /// `content` changed as the body of PATCH says.
    static func patch(
        _ content: ExampleSetContent, _ object: JSONObject, _ reading: inout FieldReading
    ) throws(APIError) -> ExampleSetContent {
        let values = try RequestSchema.read(object, for: .patchExampleSet, &reading)
        var content = content
        if values.has(RequestFields.setDescription) { content.description = values[RequestFields.setDescription] }
        if let instruction = values[RequestFields.setInstruction] {
            content.instruction = instruction.isEmpty ? nil : instruction
        }
        if values.has(RequestFields.setTemplate) { content.template = values[RequestFields.setTemplate] }
        if let indices = values[RequestFields.removedExamples] {
            let count = content.examples.count
            for (place, index) in indices.enumerated() where index >= count {
                throw .notAllowed(
                    param: JSONPath.element("remove", place), found: String(index),
                    allowed: Allowed(min: 0, max: Double(count - 1)))
            }
            let removed = Set(indices)
            content.examples = content.examples.enumerated().filter { !removed.contains($0.offset) }.map(\.element)
        }
        content.examples += values[RequestFields.appendedExamples] ?? []
        guard exampleCount.contains(Double(content.examples.count)) else {
            throw .notAllowed(param: "append", found: "\(content.examples.count) examples", allowed: exampleCount)
        }
        return content
    }

    /// Whether `id` can name a set.
    static func isID(_ id: String) -> Bool {
        (1...64).contains(id.utf8.count) && id != "." && id != ".."
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
