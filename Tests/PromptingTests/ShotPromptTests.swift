// SPDX-License-Identifier: Apache-2.0

import Prompting
import Testing

@Suite struct ShotPromptTests {
    static let request = ShotRequest(
        instruction: "Translate.",
        examples: [ShotExample(input: "yes", output: "ja"), ShotExample(input: "no", output: "nein")],
        query: "maybe")

    @Test(
        "built-in templates",
        arguments: [
            ("qa", "Translate.\n\nQ: yes\nA: ja\n\nQ: no\nA: nein\n\nQ: maybe\nA:", "Q: maybe\nA:"),
            (
                "input_output",
                "Translate.\n\nInput: yes\nOutput: ja\n\nInput: no\nOutput: nein\n\nInput: maybe\nOutput:",
                "Input: maybe\nOutput:"
            ),
            (
                "question",
                "Translate.\n\nQuestion: yes\nAnswer: ja\n\nQuestion: no\nAnswer: nein\n\nQuestion: maybe\nAnswer:",
                "Question: maybe\nAnswer:"
            ),
            ("arrow", "Translate.\nyes -> ja\nno -> nein\nmaybe ->", "maybe ->"),
            (
                "label",
                "Translate.\n\nText: yes\nLabel: ja\n\nText: no\nLabel: nein\n\nText: maybe\nLabel:",
                "Text: maybe\nLabel:"
            ),
            ("plain", "Translate.\n\nyes\nja\n\nno\nnein\n\nmaybe\n", "maybe\n"),
        ])
    func builtIn(_ name: String, _ shots: String, _ zeroShot: String) throws {
        let template = try ShotTemplate(named: name)
        #expect(try ShotPrompt(Self.request, template: template).text == shots)
        #expect(try ShotPrompt(ShotRequest(query: "maybe"), template: template).text == zeroShot)
    }

    @Test func knowsItsBuiltInTemplates() {
        let known = ["qa", "question", "input_output", "arrow", "label", "plain"]
        #expect(ShotTemplate.builtIn.map(\.name) == known)
        #expect(throws: PromptingError.unknownShotTemplate(name: "QA", known: known)) { try ShotTemplate(named: "QA") }
    }

    @Test func inlineTemplate() throws {
        let template = try ShotTemplate(
            instruction: "### {instruction} ###", example: "{{{input}}} => {output};", query: "{input}{input} =>",
            separator: "\n{{}}\n")
        let prompt = try ShotPrompt(Self.request, template: template)
        #expect(
            prompt.text
                == "### Translate. ###\n{}\n{yes} => ja;\n{}\n{no} => nein;\n{}\nmaybemaybe =>")
    }

    @Test func derivesTheQueryFromTheExample() throws {
        let template = try ShotTemplate(example: "Text: {input}\nLabel:  {output}!", separator: "\n")
        let prompt = try ShotPrompt(Self.request, template: template)
        #expect(prompt.text == "Translate.\nText: yes\nLabel:  ja!\nText: no\nLabel:  nein!\nText: maybe\nLabel:")
        #expect(throws: PromptingError.self) { try ShotTemplate(example: "{output} <- {input}") }
    }

    @Test func valuesAreNotTemplates() throws {
        let request = ShotRequest(
            instruction: "{input}", examples: [ShotExample(input: "{output}", output: "}}{{")], query: "{nope} {")
        let text = try ShotPrompt(request, template: ShotTemplate(named: "qa")).text
        #expect(text == "{input}\n\nQ: {output}\nA: }}{{\n\nQ: {nope} {\nA:")
    }

    @Test func spansSayWhatIsWhere() throws {
        let request = ShotRequest(
            instruction: "Übersetze 👩‍👩‍👧.", examples: [ShotExample(input: "é", output: "e\u{301}")], query: "世界")
        let prompt = try ShotPrompt(request, template: ShotTemplate(named: "qa"))
        #expect(prompt.spans.map(\.kind) == [.instruction, .example(0), .query, .cue])
        let scalars = Array(prompt.text.unicodeScalars)
        let bytes = Array(prompt.text.utf8)
        let expected = ["Übersetze 👩‍👩‍👧.", "Q: é\nA: e\u{301}", "Q: 世界", "\nA:"]
        for (span, text) in zip(prompt.spans, expected) {
            #expect(Array(String(decoding: bytes[span.bytes], as: UTF8.self).utf8) == Array(text.utf8))
            #expect(scalars[span.characters].elementsEqual(text.unicodeScalars))
        }
        let tight = try ShotTemplate(example: "{input}{output}", query: "{input}")
        #expect(try ShotPrompt(request, template: tight).spans.map(\.kind) == [.instruction, .example(0), .query])
    }

    @Test(
        "a bad template is refused with the place",
        arguments: [
            (
                "{input} {output} {x}",
                PromptingError.unknownSlot(
                    part: "template.example", slot: "x", offset: 17, allowed: ["input", "output"])
            ),
            (
                "{instruction}{input}{output}",
                .unknownSlot(
                    part: "template.example", slot: "instruction", offset: 0, allowed: ["input", "output"])
            ),
            (
                "é{ input}{output}",
                .unknownSlot(
                    part: "template.example", slot: " input", offset: 2, allowed: ["input", "output"])
            ),
            ("{}", .unknownSlot(part: "template.example", slot: "", offset: 0, allowed: ["input", "output"])),
            ("{input}", .missingSlot(part: "template.example", slot: "output")),
            ("", .missingSlot(part: "template.example", slot: "input")),
            ("{{input}} {output}", .missingSlot(part: "template.example", slot: "input")),
            ("{input} {output} }", .strayBrace(part: "template.example", offset: 17)),
            ("{input} {output} {", .strayBrace(part: "template.example", offset: 17)),
            ("{input {output}", .strayBrace(part: "template.example", offset: 0)),
            ("{input}}}{output", .strayBrace(part: "template.example", offset: 9)),
        ])
    func refusesBadTemplates(_ example: String, _ error: PromptingError) {
        #expect(throws: error) { try ShotTemplate(example: example) }
        #expect(!error.description.isEmpty)
    }

    @Test func everyPartIsChecked() {
        let good = "{input} {output}"
        #expect(throws: PromptingError.missingSlot(part: "template.instruction", slot: "instruction")) {
            try ShotTemplate(instruction: "Do it.", example: good)
        }
        #expect(throws: PromptingError.missingSlot(part: "template.query", slot: "input")) {
            try ShotTemplate(example: good, query: "now")
        }
        #expect(
            throws: PromptingError.unknownSlot(
                part: "template.query", slot: "output", offset: 7, allowed: ["input"])
        ) {
            try ShotTemplate(example: good, query: "{input}{output}")
        }
        #expect(
            throws: PromptingError.unknownSlot(
                part: "template.separator", slot: "input", offset: 0, allowed: [])
        ) {
            try ShotTemplate(example: good, separator: "{input}")
        }
        let limit = 1 << 16
        #expect(throws: PromptingError.templateTooLong(part: "template.separator", limit: limit, found: limit + 1)) {
            try ShotTemplate(example: good, separator: String(repeating: "-", count: limit + 1))
        }
    }

    @Test func limitsComeBeforeTheText() throws {
        let template = try ShotTemplate(named: "qa")
        let three = ShotRequest(examples: Array(repeating: ShotExample(input: "a", output: "b"), count: 3), query: "q")
        let length = try ShotPrompt(three, template: template).text.utf8.count
        #expect(throws: PromptingError.tooManyExamples(limit: 2, found: 3)) {
            try ShotPrompt(three, template: template, limits: .init(exampleCount: 2))
        }
        #expect(throws: PromptingError.tooManyExamples(limit: 2, found: 3)) {
            try ShotPrompt.messages(from: three, limits: .init(exampleCount: 2))
        }
        #expect(throws: PromptingError.promptTooLong(limit: length - 1, found: length)) {
            try ShotPrompt(three, template: template, limits: .init(promptBytes: length - 1))
        }
        #expect(try ShotPrompt(three, template: template, limits: .init(promptBytes: length)).text.utf8.count == length)
        // A slot may stand more than once: 65,536 bytes of template and 1 MiB of input would make 9 GiB.
        let greedy = try ShotTemplate(example: "{input}{output}", query: String(repeating: "{input}", count: 9362))
        let large = ShotRequest(query: String(repeating: "x", count: 1 << 20))
        #expect(throws: PromptingError.promptTooLong(limit: 8 << 20, found: 9362 << 20)) {
            try ShotPrompt(large, template: greedy)
        }
    }

    @Test func becomesAConversation() throws {
        let messages = try ShotPrompt.messages(from: Self.request)
        #expect(messages.map(\.role) == [.system, .user, .assistant, .user, .assistant, .user])
        #expect(messages.map(\.content) == ["Translate.", "yes", "ja", "no", "nein", "maybe"])
        #expect(try ShotPrompt.messages(from: ShotRequest(query: "q")) == [ChatMessage(role: .user, content: "q")])
    }
}
