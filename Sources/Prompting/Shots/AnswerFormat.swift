// SPDX-License-Identifier: Apache-2.0

/// How the outputs of examples are written: with their reasoning or without, and with the same beginning.
public struct AnswerFormat: Sendable, Equatable {
    private let rationale: TemplatePart?
    private let cue: String?

    /// Outputs as they are.
    public init() {
        rationale = nil
        cue = nil
    }

    /// - Parameters:
    ///   - rationale: how reasoning and output are written where an example has the former, with the slots `{rationale}`
    ///     and `{output}`; nil: without the reasoning.
    ///   - cue: what every answer begins with; a space comes after it unless it ends in white space.
    ///   - name: what the former is called in error texts.
    /// - Throws: ``PromptingError`` for unknown and missing slots, stray braces, and a text that is too long.
    public init(rationale: String?, cue: String? = nil, name: String = "rationale_format") throws(PromptingError) {
        self.rationale = try rationale.map { source throws(PromptingError) in
            try TemplatePart(
                source, name: name, slots: ["rationale", "output"], required: ["rationale", "output"])
        }
        self.cue = cue
    }

    /// What is written for an example's output.
    public func text(of example: ShotExample) -> String {
        var text = example.output
        if let rationale, let reasoning = example.rationale {
            text = rationale.text(["rationale": reasoning, "output": example.output])
        }
        guard let cue, let last = cue.unicodeScalars.last else { return text }
        return PythonText.isSpace(last) ? cue + text : "\(cue) \(text)"
    }

    /// What a query's answer is begun with; white space at its end is left to the model.
    var openingCue: String? {
        guard let cue, !cue.isEmpty else { return nil }
        return TracedText(cue).stripped(left: false, right: true, PythonText.isSpace).string
    }
}
