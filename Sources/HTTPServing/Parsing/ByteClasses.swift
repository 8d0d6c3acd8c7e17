// SPDX-License-Identifier: Apache-2.0

/// The character classes of RFC 9110 and RFC 3986, one bit each, looked up by byte.
struct ByteClasses: OptionSet, Sendable {
    let rawValue: UInt8

    /// RFC 9110, section 5.6.2: tchar.
    static let token = ByteClasses(rawValue: 1)
    /// What a request line may hold: visible US-ASCII and SP.
    static let requestLine = ByteClasses(rawValue: 2)
    /// What a field line may hold: visible US-ASCII, SP, HTAB and obs-text (RFC 9110, section 5.5).
    static let fieldLine = ByteClasses(rawValue: 4)
    /// RFC 3986, section 3.3: pchar and "/", percent signs included.
    static let path = ByteClasses(rawValue: 8)
    /// RFC 3986, section 3.4: query, plus what browsers send unescaped (the WHATWG query set).
    static let query = ByteClasses(rawValue: 16)
    /// A registered name without percent-encoding and sub-delims: unreserved.
    static let hostName = ByteClasses(rawValue: 32)

    /// The classes of each byte.
    static let table: [ByteClasses] = (0..<256).map { value in
        let byte = UInt8(truncatingIfNeeded: value)
        var classes: ByteClasses = []
        let isAlphanumeric = byte.isASCIIDigit || byte.isASCIILetter
        let isVisible = byte > 0x20 && byte < 0x7F
        if isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte) { classes.insert(.token) }
        if isVisible || byte == 0x20 { classes.insert(.requestLine) }
        if isVisible || byte == 0x20 || byte == 0x09 || byte >= 0x80 { classes.insert(.fieldLine) }
        if isAlphanumeric || "-._~!$&'()*+,;=:@/%".utf8.contains(byte) { classes.insert(.path) }
        if isVisible && !"#\"<>".utf8.contains(byte) { classes.insert(.query) }
        if isAlphanumeric || "-._~".utf8.contains(byte) { classes.insert(.hostName) }
        return classes
    }
}

extension UInt8 {
    static let horizontalTab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20

    var isASCIIDigit: Bool { self >= 0x30 && self <= 0x39 }
    var isASCIILetter: Bool { (self | 0x20) >= 0x61 && (self | 0x20) <= 0x7A }
    var isBlank: Bool { self == .space || self == .horizontalTab }

    /// The value of a hexadecimal digit.
    var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }

    /// Whether the byte belongs to all the given classes.
    func isIn(_ classes: ByteClasses) -> Bool { ByteClasses.table[Int(self)].isSuperset(of: classes) }
}

extension Collection<UInt8> {
    /// Whether all bytes belong to the class; true if there are none.
    func allIn(_ classes: ByteClasses) -> Bool { allSatisfy { $0.isIn(classes) } }

    /// Whether this is the given lowercase US-ASCII text, without regard to case.
    func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        return lowercase.withUTF8Buffer { text in
            zip(self, text).allSatisfy { byte, expected in
                byte == expected || (byte >= 0x41 && byte <= 0x5A && byte | 0x20 == expected)
            }
        }
    }
}

extension BidirectionalCollection<UInt8> {
    /// Without the spaces and tabs at both ends (RFC 9110, section 5.6.3: OWS).
    var trimmed: SubSequence {
        var start = startIndex
        var end = endIndex
        while start < end, self[start].isBlank { start = index(after: start) }
        while start < end, self[index(before: end)].isBlank { end = index(before: end) }
        return self[start..<end]
    }

    /// The elements of a comma-separated list (RFC 9110, section 5.6.1), trimmed; empty ones are left out.
    var listElements: [SubSequence] {
        split(separator: UInt8(ascii: ",")).map { $0[$0.startIndex...].trimmed }.filter { !$0.isEmpty }
    }
}
