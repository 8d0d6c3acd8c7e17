// SPDX-License-Identifier: Apache-2.0

/// The text of a Jinja template, made comparable: one kind of quotes, escaped line ends as such, single spaces, members
/// by subscript. Good for finding characteristic parts, not for interpreting.
struct JinjaText {
    private let bytes: [UInt8]

    init(_ source: String) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.utf8.count)
        var escaped = false
        for byte in source.utf8 {
            if escaped {
                escaped = false
                bytes.removeLast()
                bytes.append(byte == UInt8(ascii: "n") ? 0x0A : byte)
            } else if byte == UInt8(ascii: "\"") {
                bytes.append(UInt8(ascii: "'"))
            } else if byte != 0x20 || bytes.last != 0x20 {
                bytes.append(byte)
                escaped = byte == UInt8(ascii: "\\")
            }
        }
        for (member, key) in [("message.content", "message['content']"), ("message.role", "message['role']")] {
            bytes = Self.replace(Array(member.utf8), by: Array(key.utf8), in: bytes)
        }
        self.bytes = bytes
    }

    /// Whether `part` occurs.
    func contains(_ part: String) -> Bool { Self.find(Array(part.utf8), in: bytes, from: 0) != nil }

    /// Whether the template begins with `part`.
    func starts(with part: String) -> Bool { bytes.starts(with: part.utf8) }

    /// The first stretch between `opening` and `closing` that is not empty and holds none of `forbidden`.
    func literal(after opening: String, before closing: String, without forbidden: String = "'{}") -> String? {
        let opening = Array(opening.utf8)
        let closing = Array(closing.utf8)
        var position = 0
        while let start = Self.find(opening, in: bytes, from: position) {
            position = start + opening.count
            guard let end = Self.find(closing, in: bytes, from: position) else { return nil }
            let stretch = bytes[position..<end]
            if !stretch.isEmpty, !stretch.contains(where: forbidden.utf8.contains) {
                return String(decoding: stretch, as: UTF8.self)
            }
        }
        return nil
    }

    /// Whether the template sets a system message of its own where a conversation brings none.
    var setsDefaultSystemMessage: Bool {
        literal(after: "set system_message = '", before: "'", without: "") != nil
            || contains("DEFAULT_SYSTEM_MESSAGE") || contains("default_system")
    }

    private static func find(_ part: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard let first = part.first, bytes.count >= part.count else { return nil }
        var position = start
        while position <= bytes.count - part.count {
            if bytes[position] == first, bytes[position..<position + part.count].elementsEqual(part) {
                return position
            }
            position += 1
        }
        return nil
    }

    private static func replace(_ part: [UInt8], by other: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var position = 0
        while let start = find(part, in: bytes, from: position) {
            result += bytes[position..<start]
            result += other
            position = start + part.count
        }
        return result + bytes[position...]
    }
}
