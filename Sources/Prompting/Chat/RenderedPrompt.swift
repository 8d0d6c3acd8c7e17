// SPDX-License-Identifier: Apache-2.0

/// A conversation as the text that the model continues, with the parts that the template wrote and those of each message.
public struct RenderedPrompt: Sendable, Equatable {
    /// A stretch of the text that came from outside the template.
    public struct Stretch: Sendable, Equatable {
        /// Its place, in UTF-8 bytes.
        public var bytes: Range<Int>
        /// The message whose content it is, counted from 0; nil: a variable of the request, or a mixture.
        public var message: Int?
    }

    /// The text, BOS and other control tokens spelt out.
    public private(set) var text: String
    /// The parts of ``text`` that do not come from the template, in order.
    public private(set) var stretches: [Stretch]

    /// The parts of ``text`` that come from the template, as ascending ranges of UTF-8 offsets. Only there is the
    /// spelling of a control token that token; everywhere else it is what somebody wrote.
    public var trusted: [Range<Int>] {
        var ranges: [Range<Int>] = []
        var position = 0
        for stretch in stretches {
            if position < stretch.bytes.lowerBound { ranges.append(position..<stretch.bytes.lowerBound) }
            position = stretch.bytes.upperBound
        }
        if position < text.utf8.count { ranges.append(position..<text.utf8.count) }
        return ranges
    }

    /// Where the content of a message stands, from its first byte to its last; nil: nowhere.
    public func place(ofMessage index: Int) -> Range<Int>? {
        let own = stretches.filter { $0.message == index }
        guard let first = own.first, let last = own.last else { return nil }
        return first.bytes.lowerBound..<last.bytes.upperBound
    }

    /// Leaves off what the template writes after the last content.
    public mutating func dropEnding() {
        let end = stretches.last?.bytes.upperBound ?? 0
        text = String(decoding: text.utf8.prefix(end), as: UTF8.self)
    }

    init(_ text: TracedText) {
        self.text = text.string
        stretches = text.foreign.map { Stretch(bytes: $0.range, message: $0.message) }
    }
}
