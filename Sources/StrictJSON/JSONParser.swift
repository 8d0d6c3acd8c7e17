// SPDX-License-Identifier: Apache-2.0

/// Why a text is not acceptable JSON, and at which byte.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong.
    public enum Reason: Sendable, Equatable {
        /// The text ends inside a value.
        case unexpectedEnd
        /// This byte cannot stand here.
        case unexpectedByte(UInt8)
        /// The text is not UTF-8 (RFC 8259 section 8.1), or starts with a byte order mark.
        case notUTF8
        /// A control character stands unescaped in a string (section 7).
        case controlCharacter
        /// An escape sequence is malformed or is half of a surrogate pair.
        case badEscape
        /// A number is malformed or not finite as a double.
        case badNumber
        /// An object has this key twice (section 4: names ought to be unique).
        case duplicateKey(String)
        /// Arrays and objects are nested deeper than this.
        case tooDeep(limit: Int)
        /// The text holds more values than this.
        case tooManyValues(limit: Int)
        /// Something other than white space follows the value.
        case trailingBytes
    }

    /// What is wrong.
    public let reason: Reason
    /// Offset from the start of the text, in bytes.
    public let byteOffset: Int

    /// An error of the given parts.
    package init(reason: Reason, byteOffset: Int) {
        self.reason = reason
        self.byteOffset = byteOffset
    }

    /// The reason and the place in words.
    public var description: String {
        let what =
            switch reason {
            case .unexpectedEnd: "the text ends inside a value"
            case .unexpectedByte(let byte):
                byte >= 0x20 && byte < 0x7F
                    ? "unexpected character '\(Character(UnicodeScalar(byte)))'"
                    : "unexpected byte 0x\(String(byte, radix: 16))"
            case .notUTF8: "the text is not UTF-8"
            case .controlCharacter: "unescaped control character in a string"
            case .badEscape: "malformed escape sequence"
            case .badNumber: "malformed or too large number"
            case .duplicateKey(let key): "duplicate key \"\(key.prefix(64))\""
            case .tooDeep(let limit): "nested deeper than \(limit) levels"
            case .tooManyValues(let limit): "more than \(limit) values"
            case .trailingBytes: "unexpected bytes after the value"
            }
        return "invalid JSON at byte \(byteOffset): \(what)"
    }
}

/// A strict reader of JSON texts (RFC 8259): UTF-8 only, no duplicate keys, no extensions, bounded depth and size.
///
/// Time is linear in the length of the text.
public struct JSONParser {
    /// What a text may hold at most.
    public struct Limits: Sendable {
        /// Levels of nested arrays and objects.
        public var depth: Int
        /// Values of all kinds, together.
        public var valueCount: Int

        /// Limits of the given sizes.
        public init(depth: Int, valueCount: Int) {
            self.depth = depth
            self.valueCount = valueCount
        }

        /// Limits for a request body.
        public static let request = Limits(depth: 64, valueCount: 4_000_000)
        /// Limits for a file that comes with a checkpoint, such as a tokenizer.
        public static let file = Limits(depth: 128, valueCount: 16_000_000)
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: Limits
    private var position = 0
    private var depth = 0
    private var valueCount = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>, limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Reads one JSON text.
    ///
    /// - Throws: ``JSONError`` with the place of the first fault.
    public static func parse(_ text: some Sequence<UInt8>, limits: Limits = .request) throws(JSONError) -> JSON {
        let result: Result<JSON, JSONError>? = text.withContiguousStorageIfAvailable { parseResult($0, limits) }
        if let result { return try result.get() }
        let copy = ContiguousArray(text)
        return try copy.withUnsafeBufferPointer { parseResult($0, limits) }.get()
    }

    private static func parseResult(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: Limits) -> Result<JSON, JSONError> {
        var parser = JSONParser(bytes, limits: limits)
        do throws(JSONError) {
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw parser.error(.notUTF8) }
            parser.skipWhitespace()
            let value = try parser.value()
            parser.skipWhitespace()
            guard parser.position == bytes.count else { throw parser.error(.trailingBytes) }
            return .success(value)
        } catch {
            return .failure(error)
        }
    }

    private func error(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, byteOffset: position) }

    private func unexpected() -> JSONError {
        position < bytes.count ? error(.unexpectedByte(bytes[position])) : error(.unexpectedEnd)
    }

    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(JSONError) -> JSON {
        valueCount += 1
        guard valueCount <= limits.valueCount else { throw error(.tooManyValues(limit: limits.valueCount)) }
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw unexpected()
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for index in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[index]) else { throw unexpected() }
        }
        return value
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= limits.depth else { throw error(.tooDeep(limit: limits.depth)) }
        position += 1
        skipWhitespace()
    }

    private mutating func array() throws(JSONError) -> JSON {
        try enter()
        defer { depth -= 1 }
        var elements: [JSON] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value())
            skipWhitespace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw unexpected() }
            skipWhitespace()
        }
    }

    private mutating func object() throws(JSONError) -> JSON {
        try enter()
        defer { depth -= 1 }
        var members = JSONObject()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw unexpected() }
            let keyOffset = position
            let key = try string()
            skipWhitespace()
            guard take(UInt8(ascii: ":")) else { throw unexpected() }
            skipWhitespace()
            guard members.append(key, try value()) else {
                throw JSONError(reason: .duplicateKey(key), byteOffset: keyOffset)
            }
            skipWhitespace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw unexpected() }
            skipWhitespace()
        }
    }

    // MARK: Numbers

    private mutating func digits() throws(JSONError) {
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        let start = position
        while position < bytes.count, bytes[position] &- 0x30 < 10 { position += 1 }
        guard position > start else { throw error(.badNumber) }
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        _ = take(UInt8(ascii: "-"))
        let first = position
        try digits()
        if bytes[first] == 0x30, position > first + 1 { throw error(.badNumber) }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try digits()
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        if isInteger, position - first <= 18 {
            var value: Int64 = 0
            for byte in bytes[first..<position] { value = value * 10 + Int64(byte - 0x30) }
            return .integer(first > start ? -value : value)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else {
            throw JSONError(reason: .badNumber, byteOffset: start)
        }
        return .number(value)
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        // Most strings hold no escape: validate and copy in one go.
        let bytes = bytes
        var end = start
        while end < bytes.count, Self.isPlain(bytes[end]) { end += 1 }
        position = end
        guard end < bytes.count else { throw error(.unexpectedEnd) }
        switch bytes[end] {
        case UInt8(ascii: "\""):
            let text = try Self.text(of: UnsafeBufferPointer(rebasing: bytes[start..<end]), from: start)
            position = end + 1
            return text
        case UInt8(ascii: "\\"): return try escapedString(from: start)
        default: throw error(.controlCharacter)
        }
    }

    /// The text of bytes that must be UTF-8. (A decoder that repairs is the fast one; what it repaired is not UTF-8.)
    private static func text(
        of content: UnsafeBufferPointer<UInt8>, from start: Int
    ) throws(JSONError) -> String {
        var text = String(decoding: content, as: UTF8.self)
        let isSame = text.withUTF8 { $0.count == content.count && $0.elementsEqual(content) }
        guard isSame else { throw JSONError(reason: .notUTF8, byteOffset: start) }
        return text
    }

    /// Whether a byte stands for itself inside a string.
    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var buffer = [UInt8](bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                let text = buffer.withUnsafeBufferPointer { content in
                    Result { () throws(JSONError) in try Self.text(of: content, from: start) }
                }
                position += 1
                return try text.get()
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &buffer)
            case 0..<0x20:
                throw error(.controlCharacter)
            default:
                let start = position
                while position < bytes.count, Self.isPlain(bytes[position]) { position += 1 }
                buffer.append(contentsOf: bytes[start..<position])
            }
        }
        throw error(.unexpectedEnd)
    }

    private mutating func escape(into buffer: inout [UInt8]) throws(JSONError) {
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
        case UInt8(ascii: "b"): buffer.append(0x08)
        case UInt8(ascii: "f"): buffer.append(0x0C)
        case UInt8(ascii: "n"): buffer.append(0x0A)
        case UInt8(ascii: "r"): buffer.append(0x0D)
        case UInt8(ascii: "t"): buffer.append(0x09)
        case UInt8(ascii: "u"):
            var code = UInt32(try hexadecimal())
            if code >= 0xD800, code < 0xDC00 {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw error(.badEscape) }
                let low = UInt32(try hexadecimal())
                guard low >= 0xDC00, low < 0xE000 else { throw error(.badEscape) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = UnicodeScalar(code) else { throw error(.badEscape) }
            buffer.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default:
            position -= 1
            throw error(.badEscape)
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt16 {
        var code: UInt16 = 0
        for _ in 0..<4 {
            guard position < bytes.count else { throw error(.unexpectedEnd) }
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw error(.badEscape)
            }
            code = code << 4 | UInt16(digit)
            position += 1
        }
        return code
    }
}
