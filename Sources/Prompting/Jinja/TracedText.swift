// SPDX-License-Identifier: Apache-2.0

/// A text as a template sees it, which knows which of its bytes somebody else wrote.
///
/// Positions are UTF-8 offsets. Whatever is not in ``foreign`` comes from the template itself or from the names of its
/// control tokens. Operations keep the origin byte by byte; one that cannot makes all of its result foreign.
struct TracedText: Sendable {
    /// A stretch that came from outside.
    struct Stretch: Sendable, Equatable {
        var range: Range<Int>
        /// The message it came from, counted from 0; nil: a variable, or a mixture.
        var message: Int?
    }

    /// UTF-8, always whole characters.
    private(set) var bytes: [UInt8]
    /// Ascending, disjoint, none empty.
    private(set) var foreign: [Stretch]

    static let empty = TracedText(bytes: [])

    /// Text of the template.
    init(_ text: String) { self.init(bytes: Array(text.utf8)) }

    /// Text of the template.
    init(bytes: [UInt8]) {
        self.bytes = bytes
        foreign = []
    }

    /// Text that comes from a message.
    init(_ text: String, message: Int?) { self.init(foreign: Array(text.utf8), message: message) }

    /// Text from outside.
    init(foreign bytes: [UInt8], message: Int? = nil) {
        self.bytes = bytes
        foreign = bytes.isEmpty ? [] : [Stretch(range: 0..<bytes.count, message: message)]
    }

    var isEmpty: Bool { bytes.isEmpty }
    var isForeign: Bool { !foreign.isEmpty }
    var string: String { String(decoding: bytes, as: UTF8.self) }

    /// The one message that all foreign parts come from.
    var soleMessage: Int? {
        guard let first = foreign.first?.message, foreign.allSatisfy({ $0.message == first }) else { return nil }
        return first
    }

    /// `text` made of this one by an operation that loses track: foreign if any of this was.
    func rewritten(_ text: String) -> TracedText { rewritten(bytes: Array(text.utf8)) }

    /// As ``rewritten(_:)`` for UTF-8.
    func rewritten(bytes: [UInt8]) -> TracedText {
        isForeign ? TracedText(foreign: bytes, message: soleMessage) : TracedText(bytes: bytes)
    }

    mutating func append(_ other: TracedText) {
        let base = bytes.count
        bytes += other.bytes
        for stretch in other.foreign {
            let moved = stretch.range.lowerBound + base..<stretch.range.upperBound + base
            if let last = foreign.last, last.range.upperBound == moved.lowerBound, last.message == stretch.message {
                foreign[foreign.count - 1].range = last.range.lowerBound..<moved.upperBound
            } else {
                foreign.append(Stretch(range: moved, message: stretch.message))
            }
        }
    }

    /// The bytes of `range`, which begins and ends between characters.
    subscript(_ range: Range<Int>) -> TracedText {
        if range == 0..<bytes.count { return self }
        var part = TracedText(bytes: Array(bytes[range]))
        for stretch in foreign[firstStretch(after: range.lowerBound)...] {
            guard stretch.range.lowerBound < range.upperBound else { break }
            let clipped = stretch.range.clamped(to: range)
            guard !clipped.isEmpty else { continue }
            part.foreign.append(
                Stretch(
                    range: clipped.lowerBound - range.lowerBound..<clipped.upperBound - range.lowerBound,
                    message: stretch.message))
        }
        return part
    }

    /// The index of the first stretch that ends after `place`.
    private func firstStretch(after place: Int) -> Int {
        var low = 0
        var high = foreign.count
        while low < high {
            let middle = (low + high) / 2
            if foreign[middle].range.upperBound <= place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Each stretch of one origin changed by itself, which is the whole text changed for changes that look at single
    /// characters.
    func mapStretches(_ change: (String) -> String) -> TracedText {
        guard isForeign else { return TracedText(change(string)) }
        var result = TracedText.empty
        var position = 0
        func text(_ range: Range<Int>) -> String { change(String(decoding: bytes[range], as: UTF8.self)) }
        for stretch in foreign {
            if position < stretch.range.lowerBound {
                result.append(TracedText(text(position..<stretch.range.lowerBound)))
            }
            result.append(TracedText(text(stretch.range), message: stretch.message))
            position = stretch.range.upperBound
        }
        if position < bytes.count { result.append(TracedText(text(position..<bytes.count))) }
        return result
    }

    // MARK: Characters

    /// The number of Unicode scalars, Python's `len`.
    var scalarCount: Int { bytes.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) } }

    /// Where each scalar starts, and the end.
    var scalarOffsets: [Int] {
        var offsets: [Int] = []
        offsets.reserveCapacity(bytes.count + 1)
        for (offset, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 { offsets.append(offset) }
        offsets.append(bytes.count)
        return offsets
    }

    // MARK: Searching

    /// The first place of `part` in `range`. Linear in the length of the text.
    func find(_ part: TracedText, in range: Range<Int>) -> Int? {
        BytePattern.find(part.bytes, in: bytes, range)
    }

    /// The last place of `part` in `range`.
    func findLast(_ part: TracedText, in range: Range<Int>) -> Int? {
        guard !part.isEmpty else { return range.upperBound }
        let reversed = Array(bytes[range].reversed())
        guard let place = BytePattern.find(part.bytes.reversed(), in: reversed, 0..<reversed.count) else { return nil }
        return range.upperBound - place - part.bytes.count
    }

    func contains(_ part: TracedText) -> Bool { find(part, in: 0..<bytes.count) != nil }

    /// Where `part` occurs, from the left, without overlap, at most `limit` times. `part` is not empty.
    func occurrences(of part: TracedText, limit: Int = .max) -> [Int] {
        var places: [Int] = []
        var start = 0
        while places.count < limit, let place = find(part, in: start..<bytes.count) {
            places.append(place)
            start = place + part.bytes.count
        }
        return places
    }

    func hasPrefix(_ part: TracedText) -> Bool { bytes.starts(with: part.bytes) }

    func hasSuffix(_ part: TracedText) -> Bool {
        bytes.count >= part.bytes.count && bytes[(bytes.count - part.bytes.count)...].elementsEqual(part.bytes)
    }

    // MARK: Ends

    /// Without the scalars at the chosen ends that `isStripped` names.
    func stripped(left: Bool, right: Bool, _ isStripped: (Unicode.Scalar) -> Bool) -> TracedText {
        let scalars = string.unicodeScalars
        var start = scalars.startIndex
        var end = scalars.endIndex
        if left { while start < end, isStripped(scalars[start]) { start = scalars.index(after: start) } }
        if right {
            while start < end {
                let before = scalars.index(before: end)
                guard isStripped(scalars[before]) else { break }
                end = before
            }
        }
        let lower = scalars.utf8Offset(of: start)
        return self[lower..<lower + scalars[start..<end].utf8Count]
    }
}

extension String.UnicodeScalarView {
    fileprivate func utf8Offset(of index: Index) -> Int { self[startIndex..<index].utf8Count }
}

extension Substring.UnicodeScalarView {
    fileprivate var utf8Count: Int { Substring(self).utf8.count }
}
