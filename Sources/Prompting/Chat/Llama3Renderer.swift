// SPDX-License-Identifier: Apache-2.0

/// Llama 3: `<|start_header_id|>role<|end_header_id|>`, blank line, trimmed content, `<|eot_id|>`.
///
/// From 3.1 on, the conversation always starts with a system turn that states two dates. "Today" is the date that the
/// template names for renderers without a clock, so that a prompt does not change overnight. Source: the templates of
/// Meta-Llama-3-8B-Instruct, Llama-3.1-8B-Instruct, Llama-3.2-3B-Instruct, messages without tools.
struct Llama3Renderer: ChatRenderer {
    let format = ChatTemplate.Format.llama3
    let writesBOS = true
    /// The date of the system turn; nil before 3.1.
    private let date: String?

    init?(_ template: JinjaText) {
        let turn = "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
        guard template.contains(turn), template.contains("<|eot_id|>"), template.contains("bos_token"),
            template.contains("message['content'] | trim") || template.contains("message['content']|trim"),
            !template.setsDefaultSystemMessage
        else { return nil }
        if template.contains("Cutting Knowledge Date: December 2023\n") {
            guard let date = template.literal(after: "set date_string = '", before: "'") else { return nil }
            self.date = date
        } else {
            // Any other text in a system turn is a format we do not know.
            guard !template.contains("<|start_header_id|>system") else { return nil }
            date = nil
        }
    }

    func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, controls: ChatControls, into prompt: inout RenderedPrompt
    ) throws(PromptingError) {
        prompt.append(template: controls.bos)
        var turns = messages[...]
        if let date {
            prompt.append(template: "<|start_header_id|>system<|end_header_id|>\n\n")
            prompt.append(template: "Cutting Knowledge Date: December 2023\nToday Date: \(date)\n\n")
            if let first = turns.first, first.role == .system {
                prompt.append(content: PythonStrings.strip(first.content))
                turns.removeFirst()
            }
            prompt.append(template: "<|eot_id|>")
        }
        for message in turns {
            prompt.append(template: "<|start_header_id|>" + message.role.rawValue + "<|end_header_id|>\n\n")
            prompt.append(content: PythonStrings.strip(message.content))
            prompt.append(template: "<|eot_id|>")
        }
        if addGenerationPrompt { prompt.append(template: "<|start_header_id|>assistant<|end_header_id|>\n\n") }
    }
}
