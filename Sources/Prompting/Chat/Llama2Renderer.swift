// SPDX-License-Identifier: Apache-2.0

/// Llama 2 chat: BOS, `[INST] `, content, ` [/INST]`, then a space, the answer, a space, EOS. A system message goes into
/// the first user turn between `<<SYS>>` and `<</SYS>>`. Contents are trimmed.
///
/// Source: the template of Llama-2-7b-chat-hf. User and assistant must alternate.
struct Llama2Renderer: ChatRenderer {
    let format = ChatTemplate.Format.llama2
    let writesBOS = true
    private let trimsSystem: Bool

    init?(_ template: JinjaText) {
        guard template.contains("'<<SYS>>\n' + "), template.contains("'\n<</SYS>>\n\n'"),
            template.contains("bos_token + '[INST] ' + content.strip() + ' [/INST]'"),
            template.contains("' ' + content.strip() + ' ' + eos_token"), !template.setsDefaultSystemMessage
        else { return nil }
        trimsSystem = template.contains("'<<SYS>>\n' + messages[0]['content'].strip()")
    }

    func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, controls: ChatControls, into prompt: inout RenderedPrompt
    ) throws(PromptingError) {
        var (system, turns) = try alternating(messages, allowsSystem: true)
        for message in turns {
            guard message.role == .user else {
                prompt.append(template: " ")
                prompt.append(content: PythonStrings.strip(message.content))
                prompt.append(template: " " + controls.eos)
                continue
            }
            prompt.append(template: controls.bos + "[INST] ")
            if let text = system {
                // What is trimmed is both together, so that the user's text keeps the space before it.
                prompt.append(template: "<<SYS>>\n")
                prompt.append(content: trimsSystem ? PythonStrings.strip(text) : text)
                let content = PythonStrings.stripRight(message.content)
                prompt.append(template: content.isEmpty ? "\n<</SYS>>" : "\n<</SYS>>\n\n")
                prompt.append(content: content)
                system = nil
            } else {
                prompt.append(content: PythonStrings.strip(message.content))
            }
            prompt.append(template: " [/INST]")
        }
    }
}
