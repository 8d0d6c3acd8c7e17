// SPDX-License-Identifier: Apache-2.0

/// Comma-separated values (RFC 4180), with line feeds as well as CRLF between records.
struct DelimitedText {
    /// A fault with its place: line and column from 1, columns in Unicode scalars.
    struct Fault: Error, Equatable {
        var line: Int
        var column: Int
        var reason: String
    }

    /// A record and where each of its fields begins.
    struct Record {
        var fields: [String] = []
        var places: [(line: Int, column: Int)] = []
    }

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private var lineStart = 0

    /// A reader of a text; a byte order mark at its beginning is skipped.
    ///
    /// - Throws: a ``Fault`` at the first byte that is not UTF-8.
    init(_ bytes: [UInt8]) throws(Fault) {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        self.bytes = bytes.starts(with: mark) ? Array(bytes.dropFirst(3)) : bytes
        guard String(validating: self.bytes, as: UTF8.self) == nil else { return }
        // Lines are looked through one by one only to name the place.
        for text in self.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            guard String(validating: text, as: UTF8.self) == nil else {
                line += 1
                continue
            }
            throw Fault(line: line, column: 1, reason: "not UTF-8")
        }
    }

    private var place: (line: Int, column: Int) {
        let column = bytes[lineStart..<position].reduce(1) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        return (line, column)
    }

    private func fault(_ reason: String) -> Fault {
        let (line, column) = place
        return Fault(line: line, column: column, reason: reason)
    }

    /// The next record; nil at the end.
    mutating func next() throws(Fault) -> Record? {
        guard position < bytes.count else { return nil }
        var record = Record()
        while true {
            record.places.append(place)
            record.fields.append(try field())
            guard position < bytes.count else { return record }
            switch bytes[position] {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "\r"):
                position += 1
                guard position < bytes.count, bytes[position] == UInt8(ascii: "\n") else {
                    throw fault("a carriage return without a line feed; a field that has one is quoted")
                }
                endLine()
                return record
            default:
                endLine()
                return record
            }
        }
    }

    /// Steps over a line feed.
    private mutating func endLine() {
        position += 1
        line += 1
        lineStart = position
    }

    private mutating func field() throws(Fault) -> String {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return try plainField() }
        let opening = fault("a quoted field that is not closed")
        position += 1
        var value: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                guard position < bytes.count else { return String(decoding: value, as: UTF8.self) }
                switch bytes[position] {
                case UInt8(ascii: "\""): value.append(byte)
                case UInt8(ascii: ","), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                    return String(decoding: value, as: UTF8.self)
                default: throw fault("expected a comma or the end of the line after a closing quote")
                }
                position += 1
            } else {
                value.append(byte)
                if byte == UInt8(ascii: "\n") { endLine() } else { position += 1 }
            }
        }
        throw opening
    }

    private mutating func plainField() throws(Fault) -> String {
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: ","), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
                return String(decoding: bytes[start..<position], as: UTF8.self)
            case UInt8(ascii: "\""): throw fault("a quote inside a field that is not quoted")
            default: position += 1
            }
        }
        return String(decoding: bytes[start...], as: UTF8.self)
    }

    /// A field as it is written: quoted where it has to be.
    static func written(_ field: String) -> String {
        let isPlain = field.utf8.allSatisfy { byte in
            byte != UInt8(ascii: ",") && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\n")
                && byte != UInt8(ascii: "\r")
        }
        if isPlain { return field }
        var text = "\""
        for scalar in field.unicodeScalars {
            if scalar == "\"" { text.unicodeScalars.append(scalar) }
            text.unicodeScalars.append(scalar)
        }
        return text + "\""
    }
}
