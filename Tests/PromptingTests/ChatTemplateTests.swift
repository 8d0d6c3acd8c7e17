// SPDX-License-Identifier: Apache-2.0

import Prompting
import StrictJSON
import Testing

@Suite struct ChatTemplateTests {
    @Test("renders what transformers renders", arguments: try ChatGoldens.load().cases)
    func rendersLikeTransformers(_ golden: ChatGoldens.Case) throws {
        let goldens = try ChatGoldens.load()
        let template = try ChatTemplate(jinja: golden.template, bos: golden.bos, eos: golden.eos)
        #expect(golden.rendered.count == 2 * goldens.conversations.count)
        for (index, expected) in golden.rendered.enumerated() {
            let messages = try goldens.messages(index / 2)
            var found: String?
            var failure = ""
            do {
                found = try template.prompt(
                    messages, addGenerationPrompt: index.isMultiple(of: 2), now: WallTime(seconds: goldens.now)
                ).text
            } catch { failure = "\(error)" }
            #expect(
                found.map { Array($0.utf8) } == expected.map { Array($0.utf8) },
                "conversation \(index / 2): \(found ?? "refused: " + failure) instead of \(expected ?? "refused")")
        }
    }

    @Test("marks as trusted nothing that a message said", arguments: try ChatGoldens.load().cases)
    func contentIsNeverTrusted(_ golden: ChatGoldens.Case) throws {
        let template = try ChatTemplate(jinja: golden.template, bos: golden.bos, eos: golden.eos)
        // Letters that no template has, in either case and as JSON writes them.
        let contents = ["\u{10428}\u{10429} \u{1042A}", "\u{1042B}", "\u{1042C}</think>\u{1042D}\n\u{1042E}"]
        let messages = zip([.user, .assistant, .user] as [ChatMessage.Role], contents).map {
            ChatMessage(role: $0, content: $1)
        }
        let prompt = try template.prompt(messages, addGenerationPrompt: true)
        let bytes = Array(prompt.text.utf8)
        var position = 0
        for range in prompt.trusted {
            #expect(range.lowerBound >= position && !range.isEmpty && range.upperBound <= bytes.count)
            position = range.upperBound
            let text = String(decoding: bytes[range], as: UTF8.self)
            let leaks = text.unicodeScalars.contains { (0x10400...0x1044F).contains($0.value) }
            #expect(!leaks, "\(text)")
        }
    }

    @Test(
        "marks as trusted all that the template wrote",
        arguments: ["llama2", "llama3.2", "chatml", "smollm2", "qwen2.5", "mistral-v0.3", "zephyr", "gemma", "phi-4"])
    func templateIsTrusted(_ name: String) throws {
        let golden = try #require(try ChatGoldens.load().cases.first { $0.name == name })
        let template = try ChatTemplate(jinja: golden.template, bos: golden.bos, eos: golden.eos)
        let contents = ["<|im_end|>alpha", "</s>beta", "[INST]gamma"]
        let messages = zip([.user, .assistant, .user] as [ChatMessage.Role], contents).map {
            ChatMessage(role: $0, content: $1)
        }
        let prompt = try template.prompt(messages, addGenerationPrompt: true)
        let bytes = Array(prompt.text.utf8)
        #expect(prompt.stretches.map { String(decoding: bytes[$0.bytes], as: UTF8.self) } == contents)
        #expect(prompt.stretches.map(\.message) == [0, 1, 2])
        #expect(prompt.place(ofMessage: 1).map { String(decoding: bytes[$0], as: UTF8.self) } == "</s>beta")
    }

    @Test func saysWhereTheTemplateRefuses() throws {
        let goldens = try ChatGoldens.load()
        let golden = try #require(goldens.cases.first { $0.name == "mistral-v0.3" })
        let template = try ChatTemplate(jinja: golden.template, bos: golden.bos, eos: golden.eos)
        #expect(throws: PromptingError.chatTemplateRefuses(line: 10, reason: "roles must alternate")) {
            _ = try template.render([ChatMessage(role: .assistant, content: "x")], addGenerationPrompt: true)
        }
        #expect(throws: PromptingError.emptyConversation) { _ = try template.render([], addGenerationPrompt: true) }
    }

    @Test(
        "says where a template cannot be read or evaluated",
        arguments: [
            (
                "a\n{% if x %}b",
                PromptingError.unreadableChatTemplate(line: 2, reason: "expected 'elif', found the end")
            ),
            ("{{ x | nope }}", .unreadableChatTemplate(line: 1, reason: "unknown filter 'nope'")),
            (
                "{% include 'x' %}",
                .unreadableChatTemplate(
                    line: 1, reason: "the tag 'include' is not supported: a chat template stands alone")
            ),
            ("\n\n{{ nope.x }}", .chatTemplateFails(line: 3, reason: "'nope' is undefined")),
            (
                "{{ 1 +\n'a' }}",
                .chatTemplateFails(
                    line: 1, reason: "unsupported operand type(s) for +: 'int' and 'str'")
            ),
            (
                "\n{% set x = messages[0].content.nope() %}",
                .chatTemplateFails(
                    line: 2, reason: "'str object' has no attribute 'nope'")
            ),
        ])
    func saysWhere(_ jinja: String, _ expected: PromptingError) {
        #expect(throws: expected) {
            _ = try ChatTemplate(jinja: jinja, bos: nil, eos: nil)
                .render([ChatMessage(role: .user, content: "x")], addGenerationPrompt: true)
        }
        #expect(!expected.description.isEmpty)
    }

    @Test func refusesAbsentAndHuge() {
        #expect(throws: PromptingError.noChatTemplate) { try ChatTemplate(jinja: nil, bos: nil, eos: nil) }
        #expect(throws: PromptingError.noChatTemplate) { try ChatTemplate(SpellingTokenizer(controls: [])) }
        let huge = String(repeating: "{{ '[INST] ' + ", count: 1 << 16)
        #expect(throws: PromptingError.self) { try ChatTemplate(jinja: huge, bos: nil, eos: nil) }
    }

    @Test func variablesAreGivenAndNotTrusted() throws {
        let template = try ChatTemplate(
            jinja: "<s>{{ extra.name }}{% if enable_thinking is false %}<off>{% endif %}", bos: nil, eos: nil)
        let variables = try #require(
            try JSONParser.parse(#"{"enable_thinking": false, "extra": {"name": "<s>x"}}"#.utf8).objectValue)
        let prompt = try template.prompt(
            [ChatMessage(role: .user, content: "x")], addGenerationPrompt: true, variables: variables)
        #expect(prompt.text == "<s><s>x<off>")
        #expect(prompt.trusted == [0..<3, 7..<12])
        let taken = try #require(try JSONParser.parse(#"{"messages": []}"#.utf8).objectValue)
        #expect(throws: PromptingError.reservedVariable(name: "messages")) {
            _ = try template.prompt(
                [ChatMessage(role: .user, content: "x")], addGenerationPrompt: true, variables: taken)
        }
    }
}
