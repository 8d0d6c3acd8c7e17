// SPDX-License-Identifier: Apache-2.0

/// Mistral instruct: BOS, `[INST] `, content, ` [/INST]`, the answer, EOS. User and assistant must alternate.
///
/// Versions differ in the spaces around the marks and in what becomes of a system message: refused, or put with a blank
/// line before the first or the last user turn. All of that is read from the template. Source: the templates of
/// Mistral-7B-Instruct v0.1 to v0.3, Mixtral-8x7B-Instruct, Mistral-Nemo-Instruct, messages without tools.
struct MistralRenderer: ChatRenderer {
    private enum SystemPlace { case refused, first, last }

    let format = ChatTemplate.Format.mistral
    let writesBOS = true
    private let opening: String
    private let closing: String
    private let answerOpening: String
    private let answerClosing: String
    private let trimsAnswer: Bool
    private let systemPlace: SystemPlace

    init?(_ template: JinjaText) {
        guard !template.contains("<<SYS>>"), !template.contains("[SYSTEM_PROMPT]"), template.contains("eos_token"),
            template.starts(with: "{{ bos_token }}") || template.contains("{{- bos_token }}"),
            let opening = [" [INST] ", "[INST] ", "[INST]"].first(where: { template.contains("'\($0)' + ") }),
            let closing = [" [/INST]", "[/INST]"].first(where: { template.contains(" + '\($0)'") })
        else { return nil }
        self.opening = opening
        self.closing = closing
        answerOpening = template.contains("' ' + message['content']") ? " " : ""
        answerClosing = template.contains("eos_token + ' '") ? " " : ""
        trimsAnswer =
            template.contains("message['content']|trim + eos_token")
            || template.contains("message['content'] | trim + eos_token")
        if template.contains("loop.last and system_message is defined") {
            systemPlace = .last
        } else if template.contains("loop.first and system_message is defined") {
            systemPlace = .first
        } else {
            guard !template.contains("system_message") else { return nil }
            systemPlace = .refused
        }
    }

    func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, controls: ChatControls, into prompt: inout RenderedPrompt
    ) throws(PromptingError) {
        let (system, turns) = try alternating(messages, allowsSystem: systemPlace != .refused)
        // The template would drop the system message without a word.
        if systemPlace == .last, system != nil, turns.last?.role == .assistant {
            throw .missingMessage(index: messages.count, expected: .user, format: format)
        }
        prompt.append(template: controls.bos)
        for (index, message) in zip(turns.indices, turns) {
            guard message.role == .user else {
                prompt.append(template: answerOpening)
                prompt.append(content: trimsAnswer ? PythonStrings.strip(message.content) : message.content)
                prompt.append(template: controls.eos + answerClosing)
                continue
            }
            prompt.append(template: opening)
            let place = systemPlace == .first ? turns.startIndex : turns.endIndex - 1
            if let system, index == place {
                prompt.append(content: system)
                prompt.append(template: "\n\n")
            }
            prompt.append(content: message.content)
            prompt.append(template: closing)
        }
    }
}
