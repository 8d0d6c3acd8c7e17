// SPDX-License-Identifier: Apache-2.0

/// A conversation as the text that the model continues, with the parts that the template wrote.
public struct RenderedPrompt: Sendable, Equatable {
    /// The text, BOS and other control tokens spelt out.
    public private(set) var text = ""
    /// The parts of ``text`` that come from the template, as ascending ranges of UTF-8 offsets. Only there is the
    /// spelling of a control token that token; everywhere else it is what somebody wrote.
    public private(set) var trusted: [Range<Int>] = []

    /// Appends text of the template.
    mutating func append(template: String) {
        let start = text.utf8.count
        text += template
        let end = text.utf8.count
        guard start < end else { return }
        if let last = trusted.last, last.upperBound == start {
            trusted[trusted.count - 1] = last.lowerBound..<end
        } else {
            trusted.append(start..<end)
        }
    }

    /// Appends text of a message.
    mutating func append(content: some StringProtocol) { text += content }
}
