// SPDX-License-Identifier: Apache-2.0

/// Writes JSON (RFC 8259) straight into bytes; commas are placed by the writer.
///
///     var writer = JSONWriter()
///     writer.object { object in
///         object.member("n", 1)
///         object.member("text", "hi")
///     }
///     writer.bytes  // {"n":1,"text":"hi"}
///
/// A writer never makes an invalid text: strings are escaped, and a number that is not finite becomes null.
public struct JSONWriter: Sendable {
    /// The text written so far.
    public private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// An empty writer.
    public init(reservingCapacity capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    /// Writes an object whose members the closure writes with ``member(_:_:)-(_,String)`` and its kin.
    public mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
        try container("{", "}", members)
    }

    /// Writes an array whose elements the closure writes with ``value(_:)-(String)`` and its kin.
    public mutating func array(_ elements: (inout JSONWriter) throws -> Void) rethrows {
        try container("[", "]", elements)
    }

    private mutating func container(
        _ open: UnicodeScalar, _ close: UnicodeScalar, _ content: (inout JSONWriter) throws -> Void
    ) rethrows {
        separate()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        try content(&self)
        bytes.append(UInt8(ascii: close))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    /// Writes a member's name; its value must follow.
    public mutating func key(_ name: String) {
        separate()
        appendString(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string.
    public mutating func value(_ text: String) {
        separate()
        appendString(text)
    }

    /// Writes an integer.
    public mutating func value(_ number: some BinaryInteger) {
        separate()
        bytes.append(contentsOf: String(number).utf8)
    }

    /// Writes a number in its shortest form that reads back equal; null if it is not finite.
    public mutating func value(_ number: Double) {
        separate()
        bytes.append(contentsOf: (number.isFinite ? number.description : "null").utf8)
    }

    /// Writes a number in its shortest form that reads back equal; null if it is not finite.
    public mutating func value(_ number: Float) {
        separate()
        bytes.append(contentsOf: (number.isFinite ? number.description : "null").utf8)
    }

    /// Writes `true` or `false`.
    public mutating func value(_ flag: Bool) {
        separate()
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    }

    /// Writes `null`.
    public mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// Writes any JSON value.
    public mutating func value(_ json: JSON) {
        switch json {
        case .null: null()
        case .bool(let flag): value(flag)
        case .integer(let number): value(number)
        case .number(let number): value(number)
        case .string(let text): value(text)
        case .array(let elements):
            array { for element in elements { $0.value(element) } }
        case .object(let object):
            self.object { for (key, element) in object.members { $0.member(key, element) } }
        }
    }

    /// Writes what another writer has written: values in an array, members in an object, a value after ``key(_:)``.
    package mutating func raw(_ json: [UInt8]) {
        guard !json.isEmpty else { return }
        separate()
        bytes.append(contentsOf: json)
    }

    /// Writes a member with a string, or null for nil.
    public mutating func member(_ name: String, _ text: String?) {
        key(name)
        if let text { value(text) } else { null() }
    }

    /// Writes a member with an integer, or null for nil.
    public mutating func member(_ name: String, _ number: (some BinaryInteger)?) {
        key(name)
        if let number { value(number) } else { null() }
    }

    /// Writes a member with a number, or null for nil.
    public mutating func member(_ name: String, _ number: Double?) {
        key(name)
        if let number { value(number) } else { null() }
    }

    /// Writes a member with a number, or null for nil.
    public mutating func member(_ name: String, _ number: Float?) {
        key(name)
        if let number { value(number) } else { null() }
    }

    /// Writes a member with a boolean.
    public mutating func member(_ name: String, _ flag: Bool) {
        key(name)
        value(flag)
    }

    /// Writes a member with any JSON value.
    public mutating func member(_ name: String, _ json: JSON) {
        key(name)
        value(json)
    }

    /// Writes a member with an object.
    public mutating func member(_ name: String, object members: (inout JSONWriter) throws -> Void) rethrows {
        key(name)
        try object(members)
    }

    /// Writes a member with an array.
    public mutating func member(_ name: String, array elements: (inout JSONWriter) throws -> Void) rethrows {
        key(name)
        try array(elements)
    }

    /// Writes a member with an array of integers.
    public mutating func member(_ name: String, _ numbers: some Sequence<some BinaryInteger>) {
        member(name) { for number in numbers { $0.value(number) } }
    }

    /// Writes a member with an array of strings.
    public mutating func member(_ name: String, _ texts: some Sequence<String>) {
        member(name) { for text in texts { $0.value(text) } }
    }

    private mutating func member(_ name: String, _ elements: (inout JSONWriter) -> Void) {
        key(name)
        array(elements)
    }

    private mutating func appendString(_ text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var start = 0
            for index in utf8.indices where Self.isEscaped(utf8[index]) {
                bytes.append(contentsOf: utf8[start..<index])
                appendEscape(utf8[index])
                start = index + 1
            }
            bytes.append(contentsOf: utf8[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    @inline(__always)
    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F
    }

    private mutating func appendEscape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0..<0x20, 0x7F:
            bytes.append(contentsOf: "u00".utf8)
            let digits = String(byte, radix: 16)
            if digits.utf8.count == 1 { bytes.append(UInt8(ascii: "0")) }
            bytes.append(contentsOf: digits.utf8)
        default: bytes.append(byte)
        }
    }
}
