// SPDX-License-Identifier: Apache-2.0

/// A text with slots in braces, such as `Q: {input}`; `{{` and `}}` stand for literal braces.
package struct TemplatePart: Sendable, Equatable {
    /// A stretch of a part.
    package enum Piece: Sendable, Equatable {
        /// Text as it stands.
        case literal(String)
        /// The place of a value.
        case slot(String)
    }

    /// The stretches in order; no two literals in a row.
    package let pieces: [Piece]

    /// How long the source of a part may be, in bytes.
    package static let byteLimit = 1 << 16

    /// Reads a part.
    ///
    /// - Parameters:
    ///   - name: what the part is called in error texts.
    ///   - slots: the slots it may have.
    ///   - required: the slots it must have.
    package init(
        _ source: String, name: String, slots: [String], required: [String] = []
    ) throws(PromptingError) {
        let bytes = Array(source.utf8)
        guard bytes.count <= Self.byteLimit else {
            throw .templateTooLong(part: name, limit: Self.byteLimit, found: bytes.count)
        }
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        func flush() {
            if !literal.isEmpty { pieces.append(.literal(String(decoding: literal, as: UTF8.self))) }
            literal = []
        }
        let open = UInt8(ascii: "{")
        let close = UInt8(ascii: "}")
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == open || byte == close else {
                literal.append(byte)
                position += 1
                continue
            }
            if position + 1 < bytes.count, bytes[position + 1] == byte {
                literal.append(byte)
                position += 2
                continue
            }
            guard byte == open,
                let end = bytes[(position + 1)...].firstIndex(where: { $0 == open || $0 == close }), bytes[end] == close
            else { throw .strayBrace(part: name, offset: position) }
            let slot = String(decoding: bytes[position + 1..<end], as: UTF8.self)
            guard slots.contains(slot) else {
                throw .unknownSlot(part: name, slot: slot, offset: position, allowed: slots)
            }
            flush()
            pieces.append(.slot(slot))
            position = end + 1
        }
        flush()
        for slot in required where !pieces.contains(.slot(slot)) {
            throw .missingSlot(part: name, slot: slot)
        }
        self.pieces = pieces
    }

    /// A part of the given stretches.
    package init(pieces: [Piece]) { self.pieces = pieces }

    /// The stretches before the first slot of this name, without white space at the end.
    package func before(slot: String) -> TemplatePart {
        var kept = Array(pieces.prefix { $0 != .slot(slot) })
        if case .literal(let text)? = kept.last {
            let stripped = TracedText(text).stripped(left: false, right: true, PythonText.isSpace).string
            kept[kept.count - 1] = .literal(stripped)
        }
        return TemplatePart(pieces: kept)
    }

    /// The white space that ends the text before the first slot of this name.
    func whiteSpace(before slot: String) -> String {
        guard case .literal(let text)? = pieces.prefix(while: { $0 != .slot(slot) }).last else { return "" }
        let kept = TracedText(text).stripped(left: false, right: true, PythonText.isSpace).bytes.count
        return String(decoding: text.utf8.dropFirst(kept), as: UTF8.self)
    }

    /// The text with values in the slots.
    func text(_ values: [String: String]) -> String {
        var text = ""
        for piece in pieces {
            switch piece {
            case .literal(let literal): text += literal
            case .slot(let name): text += values[name] ?? ""
            }
        }
        return text
    }
}
