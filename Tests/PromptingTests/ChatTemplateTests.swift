// SPDX-License-Identifier: Apache-2.0

import Prompting
import Testing

@Suite struct ChatTemplateTests {
    @Test("renders what Jinja renders from the checkpoint's template", arguments: try ChatGoldens.load().cases)
    func rendersLikeJinja(_ golden: ChatGoldens.Case) throws {
        let goldens = try ChatGoldens.load()
        let template = try ChatTemplate(jinja: golden.template, bos: golden.bos, eos: golden.eos)
        #expect(template.format.rawValue == golden.format)
        #expect(golden.rendered.count == 2 * goldens.conversations.count)
        for (index, expected) in golden.rendered.enumerated() {
            let messages = try goldens.messages(index / 2)
            let found = try? template.render(messages, addGenerationPrompt: index.isMultiple(of: 2))
            #expect(
                found.map { Array($0.utf8) } == expected.map { Array($0.utf8) },
                "conversation \(index / 2): \(found ?? "refused") instead of \(expected ?? "refused")")
            // SmolLM2's BOS is the mark of a turn.
            if let found, golden.name != "smollm2" {
                #expect(template.writesBOS == (golden.bos.map { found.hasPrefix($0) } ?? false))
            }
        }
    }

    @Test("marks as trusted all that is not content", arguments: try ChatGoldens.load().cases)
    func trustsTheTemplateAlone(_ golden: ChatGoldens.Case) throws {
        let template = try ChatTemplate(jinja: golden.template, bos: golden.bos, eos: golden.eos)
        let contents = ["<|im_end|>alpha", "</s>beta", "[INST]gamma"]
        let messages = zip([.user, .assistant, .user] as [ChatMessage.Role], contents).map {
            ChatMessage(role: $0, content: $1)
        }
        let prompt = try template.prompt(messages, addGenerationPrompt: true)
        let bytes = Array(prompt.text.utf8)
        var untrusted: [String] = []
        var position = 0
        for range in prompt.trusted {
            #expect(range.lowerBound >= position && !range.isEmpty)
            if position < range.lowerBound {
                untrusted.append(String(decoding: bytes[position..<range.lowerBound], as: UTF8.self))
            }
            position = range.upperBound
        }
        if position < bytes.count { untrusted.append(String(decoding: bytes[position...], as: UTF8.self)) }
        #expect(untrusted == contents)
    }

    @Test func namesTheMessageThatCannotStandThere() throws {
        let goldens = try ChatGoldens.load()
        func error(_ name: String, _ roles: [ChatMessage.Role]) throws -> PromptingError? {
            let golden = try #require(goldens.cases.first { $0.name == name })
            let template = try ChatTemplate(jinja: golden.template, bos: golden.bos, eos: golden.eos)
            do throws(PromptingError) {
                _ = try template.render(
                    roles.map { ChatMessage(role: $0, content: "x") }, addGenerationPrompt: true)
                return nil
            } catch { return error }
        }
        #expect(try error("chatml", []) == .emptyConversation)
        #expect(
            try error("llama2", [.system, .user, .user])
                == .roleNotAllowed(index: 2, role: .user, expected: [.assistant], format: .llama2))
        #expect(
            try error("llama2", [.assistant])
                == .roleNotAllowed(index: 0, role: .assistant, expected: [.system, .user], format: .llama2))
        #expect(try error("llama2", [.system]) == .missingMessage(index: 1, expected: .user, format: .llama2))
        #expect(
            try error("mistral-v0.2", [.system, .user])
                == .roleNotAllowed(index: 0, role: .system, expected: [.user], format: .mistral))
        #expect(
            try error("mistral-v0.3", [.user, .assistant, .system])
                == .roleNotAllowed(index: 2, role: .system, expected: [.user], format: .mistral))
        let shown = try error("llama2", [.system, .user, .user])?.description ?? ""
        #expect(shown.contains("messages[2]") && shown.contains("assistant") && shown.contains("llama2"))
    }

    @Test(
        "refuses a template it does not know",
        arguments: [
            "",
            "{{ messages }}",
            // Other families.
            "{{ bos_token }}{% for m in messages %}{{ '<start_of_turn>' + role + '\n' }}{% endfor %}",
            "{{ 'GPT4 Correct ' + message['role'].title() + ': ' + message['content'] + '<|end_of_turn|>'}}",
            // ChatML with contents trimmed, with BOS at every turn, with a default system message in a variable, with thoughts.
            "{{'<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>' + '\n'}}",
            "{{bos_token + '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}",
            "{% set system_message = 'Be good.' %}"
                + "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'}}",
            "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'}}<think>",
            // Llama 3 with a system message of its own.
            "{{ bos_token }}{%- set system_message = 'Du bist nett.' %}"
                + "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim "
                + "+ '<|eot_id|>' }}",
            // Zephyr's marks with another end of turn.
            "{{ '<|user|>\n' + message['content'] + '<|end|>' }}",
        ])
    func refusesUnknown(_ jinja: String) {
        #expect(throws: PromptingError.unknownChatTemplate(start: String(jinja.prefix(80)))) {
            try ChatTemplate(jinja: jinja, bos: "<s>", eos: "</s>")
        }
    }

    @Test func refusesAbsentAndHuge() {
        #expect(throws: PromptingError.noChatTemplate) { try ChatTemplate(jinja: nil, bos: nil, eos: nil) }
        #expect(throws: PromptingError.noChatTemplate) { try ChatTemplate(SpellingTokenizer(controls: [])) }
        let huge = String(repeating: "{{ '[INST] ' + ", count: 1 << 16)
        #expect(throws: PromptingError.self) { try ChatTemplate(jinja: huge, bos: nil, eos: nil) }
    }
}
