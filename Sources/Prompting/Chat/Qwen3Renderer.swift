// SPDX-License-Identifier: Apache-2.0

/// Qwen 3: ChatML without a system message of its own. Thoughts (`<think>…</think>`) are dropped from the assistant's
/// earlier turns; turns after the last question keep theirs, and the conversation's last has an empty one if it has none.
///
/// Source: the template of Qwen3 (0.6B to 235B), messages without tools, thinking not switched off.
struct Qwen3Renderer: ChatRenderer {
    let format = ChatTemplate.Format.qwen3
    let writesBOS = false

    init?(_ template: JinjaText) {
        guard template.contains("<|im_start|>"), template.contains("enable_thinking"),
            template.contains("last_query_index"), !template.contains("bos_token")
        else { return nil }
    }

    func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, controls: ChatControls, into prompt: inout RenderedPrompt
    ) throws(PromptingError) {
        let lastQuery = messages.lastIndex { $0.role == .user && !isToolResponse($0.content) } ?? messages.count - 1
        for (index, message) in messages.enumerated() {
            prompt.append(template: "<|im_start|>" + message.role.rawValue + "\n")
            if message.role == .assistant {
                appendAnswer(
                    message.content, isAfterQuery: index > lastQuery, isLast: index == messages.count - 1, to: &prompt)
            } else {
                prompt.append(content: message.content)
            }
            prompt.append(template: "<|im_end|>\n")
        }
        if addGenerationPrompt { prompt.append(template: "<|im_start|>assistant\n") }
    }

    private func appendAnswer(_ text: String, isAfterQuery: Bool, isLast: Bool, to prompt: inout RenderedPrompt) {
        let parts = PythonStrings.split(text, at: "</think>")
        var answer = text
        var thoughts = ""
        if parts.count > 1 {
            answer = PythonStrings.stripLineFeeds(parts[parts.count - 1], left: true, right: false)
            let before = PythonStrings.stripLineFeeds(parts[0], left: false, right: true)
            thoughts = PythonStrings.split(before, at: "<think>").last ?? ""
            thoughts = PythonStrings.stripLineFeeds(thoughts, left: true, right: false)
        }
        if isAfterQuery, isLast || !thoughts.isEmpty {
            prompt.append(template: "<think>\n")
            prompt.append(content: PythonStrings.stripLineFeeds(thoughts, left: true, right: true))
            prompt.append(template: "\n</think>\n\n")
            answer = PythonStrings.stripLineFeeds(answer, left: true, right: false)
        }
        prompt.append(content: answer)
    }

    private func isToolResponse(_ text: String) -> Bool {
        text.utf8.starts(with: "<tool_response>".utf8)
            && text.utf8.reversed().starts(with: "</tool_response>".utf8.reversed())
    }
}
