// SPDX-License-Identifier: Apache-2.0

public import Tokenizers

/// Where each token of a prompt stands in the prompt's text, in UTF-8 bytes.
///
/// A start token that the text does not spell out stands nowhere: its range is empty. Where a vocabulary normalizes, so
/// that tokens spell another text than the one given, ranges are by length and may be off by as much.
public struct TokenAlignment: Sendable {
    /// A range per token, in order.
    public let ranges: [Range<Int>]

    /// Follows `ids` through `text`.
    ///
    /// - Parameter spellsControl: whether the text spells control tokens out.
    public init(_ ids: [Int32], in text: String, by tokenizer: any Tokenizer, spellsControl: Bool) {
        let bytes = Array(text.utf8)
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(ids.count)
        var position = 0
        func isNext(_ part: some Collection<UInt8>) -> Bool { bytes[position...].starts(with: part) }
        for id in ids {
            let start = position
            if tokenizer.isControl(id) {
                let spelling = (tokenizer.piece(of: id) ?? "").utf8
                if spellsControl, isNext(spelling) { position += spelling.count }
            } else {
                let spelling = tokenizer.bytes(of: id)
                if isNext(spelling) {
                    position += spelling.count
                } else if spelling.first == UInt8(ascii: " "), isNext(spelling.dropFirst()) {
                    // The space that encoding puts before a text.
                    position += spelling.count - 1
                } else {
                    position = min(position + spelling.count, bytes.count)
                }
            }
            ranges.append(start..<position)
        }
        self.ranges = ranges
    }

    /// The tokens that have a byte in `bytes`, as a range of places; empty, at the place where they would be, if none has.
    public func tokens(in bytes: Range<Int>) -> Range<Int> {
        let first = partition { ranges[$0].upperBound > bytes.lowerBound }
        let end = partition { ranges[$0].lowerBound >= bytes.upperBound }
        return first..<max(first, end)
    }

    /// The first place that `holds` is true of, for a condition that stays true.
    private func partition(_ holds: (Int) -> Bool) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
