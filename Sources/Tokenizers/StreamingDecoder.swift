// SPDX-License-Identifier: Apache-2.0

/// Turns tokens into text one by one. The pieces, put together, equal the decoding of the whole; none ends inside a
/// character, so up to three bytes wait for the next token.
public struct StreamingDecoder: Sendable {
    private let tokenizer: any Tokenizer
    private let showsSpecial: Bool
    private var stripsSpace: Bool
    /// The start of a UTF-8 sequence whose rest has not come; at most three bytes.
    private var pending: [UInt8] = []

    /// A decoder at the start of an output.
    ///
    /// - Parameters:
    ///   - tokenizer: whose tokens will come.
    ///   - continuesText: the tokens continue a text (a completion continues its prompt), so a leading space belongs to
    ///     the output. Otherwise they are a text of their own, and the space that encoding puts before it is dropped.
    ///   - showsSpecial: spell control tokens out; otherwise they vanish.
    public init(tokenizer: any Tokenizer, continuesText: Bool, showsSpecial: Bool = false) {
        self.tokenizer = tokenizer
        self.showsSpecial = showsSpecial
        stripsSpace = tokenizer.stripsLeadingSpace && !continuesText
    }

    /// The text that is complete with token `id`; often empty.
    public mutating func append(_ id: Int32) -> String {
        if showsSpecial, tokenizer.isControl(id) {
            append(bytes: Array((tokenizer.piece(of: id) ?? "").utf8))
        } else {
            append(bytes: tokenizer.bytes(of: id))
        }
    }

    /// The text that is complete with these bytes.
    public mutating func append(bytes: [UInt8]) -> String {
        guard !bytes.isEmpty else { return "" }
        pending.append(contentsOf: bytes)
        if stripsSpace {
            if pending.first == UInt8(ascii: " ") { pending.removeFirst() }
            stripsSpace = false
        }
        let held = Self.incompleteSuffix(pending)
        let text = String(decoding: pending.dropLast(held), as: UTF8.self)
        pending.removeFirst(pending.count - held)
        return text
    }

    /// What still waits, as U+FFFD if it is not a character. The decoder is then as new, but continues the text.
    public mutating func finish() -> String {
        defer { pending.removeAll() }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end are the beginning of a well-formed sequence that more bytes could complete.
    ///
    /// Source: The Unicode Standard, table 3-7.
    private static func incompleteSuffix(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let first = bytes[bytes.count - length]
            guard first & 0xC0 != 0x80 else { continue }
            let needed =
                switch first {
                case 0xC2...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF4: 4
                default: 1
                }
            guard needed > length else { return 0 }
            guard length > 1 else { return length }
            let second = bytes[bytes.count - length + 1]
            let isPossible =
                switch first {
                case 0xE0: second >= 0xA0
                case 0xED: second <= 0x9F
                case 0xF0: second >= 0x90
                case 0xF4: second <= 0x8F
                default: true
                }
            return isPossible ? length : 0
        }
        return 0
    }
}
