// SPDX-License-Identifier: Apache-2.0

/// ChatML: `<|im_start|>role`, line feed, content, `<|im_end|>`, line feed.
///
/// Templates of this family differ in the system message that they write where the conversation does not start with
/// one; it is read from the template. Source: the templates of Qwen2-Instruct, Qwen2.5-Instruct, SmolLM2-Instruct.
struct ChatMLRenderer: ChatRenderer {
    let format = ChatTemplate.Format.chatML
    let writesBOS: Bool
    private let defaultSystem: String?

    init?(_ template: JinjaText) {
        let turn = "'<|im_start|>' + message['role'] + '\n' + "
        guard
            template.contains(turn + "message['content'] + '<|im_end|>")
                || template.contains(turn + "content + '<|im_end|>")
        else { return nil }
        // Thoughts, trimmed content and system messages kept in a variable are other formats.
        guard !template.contains("think"), !template.contains("trim"), !template.contains("strip("),
            !template.setsDefaultSystemMessage
        else { return nil }
        writesBOS = template.starts(with: "{{ bos_token }}") || template.starts(with: "{{- bos_token }}")
        guard writesBOS || !template.contains("bos_token") else { return nil }
        defaultSystem = template.literal(after: "<|im_start|>system\n", before: "<|im_end|>")
    }

    func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, controls: ChatControls, into prompt: inout RenderedPrompt
    ) throws(PromptingError) {
        if writesBOS { prompt.append(template: controls.bos) }
        if let defaultSystem, messages.first?.role != .system {
            prompt.append(template: "<|im_start|>system\n" + defaultSystem + "<|im_end|>\n")
        }
        for message in messages {
            prompt.append(template: "<|im_start|>" + message.role.rawValue + "\n")
            prompt.append(content: message.content)
            prompt.append(template: "<|im_end|>\n")
        }
        if addGenerationPrompt { prompt.append(template: "<|im_start|>assistant\n") }
    }
}
