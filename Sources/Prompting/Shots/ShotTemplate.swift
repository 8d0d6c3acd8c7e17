// SPDX-License-Identifier: Apache-2.0

/// How an instruction, examples and a query are written down as one text.
///
/// Instruction, examples and query each become a block; blocks are joined by the separator. Without examples the same
/// template gives the zero-shot prompt.
public struct ShotTemplate: Sendable, Equatable {
    let instruction: TemplatePart
    let example: TemplatePart
    let query: TemplatePart
    let separator: TemplatePart

    /// A template written in a request.
    ///
    /// - Parameters:
    ///   - instruction: has the slot `{instruction}`; not used when there is no instruction.
    ///   - example: has the slots `{input}` and `{output}`.
    ///   - query: has the slot `{input}`; nil: the example's text before `{output}`, without white space at its end (a
    ///     model writes the space before its answer itself).
    ///   - separator: stands between blocks; no slots, braces doubled like elsewhere.
    /// - Throws: ``PromptingError`` for unknown and missing slots, stray braces, parts that are too long.
    public init(
        instruction: String = "{instruction}", example: String, query: String? = nil, separator: String = "\n\n"
    ) throws(PromptingError) {
        self.instruction = try TemplatePart(
            instruction, name: "template.instruction", slots: ["instruction"], required: ["instruction"])
        let example = try TemplatePart(
            example, name: "template.example", slots: ["input", "output"], required: ["input", "output"])
        self.example = example
        if let query {
            self.query = try TemplatePart(query, name: "template.query", slots: ["input"], required: ["input"])
        } else {
            let derived = example.before(slot: "output")
            guard derived.pieces.contains(.slot("input")) else {
                throw .missingSlot(part: "template.example before {output}", slot: "input")
            }
            self.query = derived
        }
        self.separator = try TemplatePart(separator, name: "template.separator", slots: [])
    }

    private init(input: String, output: String, separator: String = "\n\n") {
        let slot = TemplatePart.Piece.slot("input")
        let head: [TemplatePart.Piece] = input.isEmpty ? [slot] : [.literal(input), slot]
        instruction = TemplatePart(pieces: [.slot("instruction")])
        example = TemplatePart(pieces: head + [.literal(output == "\n" ? output : output + " "), .slot("output")])
        query = TemplatePart(pieces: head + [.literal(output)])
        self.separator = TemplatePart(pieces: [.literal(separator)])
    }

    /// The built-in templates by name.
    public static let builtIn: [(name: String, template: ShotTemplate)] = [
        ("qa", ShotTemplate(input: "Q: ", output: "\nA:")),
        ("question", ShotTemplate(input: "Question: ", output: "\nAnswer:")),
        ("input_output", ShotTemplate(input: "Input: ", output: "\nOutput:")),
        ("arrow", ShotTemplate(input: "", output: " ->", separator: "\n")),
        ("label", ShotTemplate(input: "Text: ", output: "\nLabel:")),
        ("plain", ShotTemplate(input: "", output: "\n")),
    ]

    /// The white space that a model writes between the end of a query and its answer: what stands before `{output}` in
    /// an example, unless the query ends in white space of its own.
    public var gap: String {
        if case .literal(let end)? = query.pieces.last, let last = end.unicodeScalars.last, PythonText.isSpace(last) {
            return ""
        }
        return example.whiteSpace(before: "output")
    }

    /// What comes after the query so that the answer begins as every answer does.
    func opening(of answers: AnswerFormat) -> [TemplatePart.Piece] {
        guard let cue = answers.openingCue else { return [] }
        return [.literal(gap + cue)]
    }

    /// A built-in template.
    ///
    /// - Throws: ``PromptingError/unknownShotTemplate(name:known:)``.
    public init(named name: String) throws(PromptingError) {
        guard let found = Self.builtIn.first(where: { $0.name == name }) else {
            throw .unknownShotTemplate(name: name, known: Self.builtIn.map(\.name))
        }
        self = found.template
    }
}
