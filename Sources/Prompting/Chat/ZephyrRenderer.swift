// SPDX-License-Identifier: Apache-2.0

/// Zephyr: `<|role|>`, line feed, content, EOS, line feed.
///
/// Source: the template of zephyr-7b-beta and TinyLlama-1.1B-Chat-v1.0, whose line feeds after each expression are part
/// of the text. The marks are ordinary text in these vocabularies.
struct ZephyrRenderer: ChatRenderer {
    let format = ChatTemplate.Format.zephyr
    let writesBOS = false

    init?(_ template: JinjaText) {
        guard template.contains("'<|user|>\n' + message['content'] + eos_token }}\n"),
            template.contains("'<|system|>\n' + message['content'] + eos_token }}\n"),
            template.contains("'<|assistant|>\n' + message['content'] + eos_token }}\n"),
            template.contains("{{ '<|assistant|>' }}\n"), !template.contains("bos_token")
        else { return nil }
    }

    func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, controls: ChatControls, into prompt: inout RenderedPrompt
    ) throws(PromptingError) {
        for message in messages {
            prompt.append(template: "<|" + message.role.rawValue + "|>\n")
            prompt.append(content: message.content)
            prompt.append(template: controls.eos + "\n")
        }
        if addGenerationPrompt { prompt.append(template: "<|assistant|>\n") }
    }
}
