// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// `field-name ":" OWS field-value OWS` (RFC 9112, section 5). No obs-fold, no blank before the colon.
struct FieldLine: Sendable {
    var field: HTTPField

    /// `line` holds only the bytes allowed in a field line.
    init(_ line: ArraySlice<UInt8>) throws(HTTPRejection) {
        if let first = line.first, first.isBlank {
            throw .badRequest("folded_field", "A field line begins with a blank.")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw .badRequest("invalid_field", "A field line has no colon.")
        }
        let name = line[..<colon]
        guard !name.isEmpty, name.allIn(.token),
            let fieldName = HTTPField.Name(String(decoding: name, as: UTF8.self))
        else { throw .badRequest("invalid_field", "The name of a field is not a token.") }
        field = HTTPField(name: fieldName, value: line[(colon + 1)...].trimmed)
    }
}

/// `chunk-size *( BWS ";" BWS name [ BWS "=" BWS value ] )` (RFC 9112, section 7.1).
struct ChunkLine: Sendable {
    /// The number of bytes of the chunk.
    var size: Int
    /// The number of bytes of the line after the size.
    var extensionBytes: Int

    /// `line` holds only the bytes allowed in a field line.
    init(_ line: ArraySlice<UInt8>) throws(HTTPRejection) {
        let end = line.firstIndex { $0.hexValue == nil } ?? line.endIndex
        guard end > line.startIndex else {
            throw .badRequest("invalid_chunk", "A chunk size is not a hexadecimal number.")
        }
        size = 0
        for digit in line[..<end] {
            let (product, overflows) = size.multipliedReportingOverflow(by: 16)
            guard !overflows, let value = digit.hexValue else {
                throw .badRequest("invalid_chunk", "A chunk size is out of range.")
            }
            // The product's low four bits are zero, so the sum cannot overflow.
            size = product + Int(value)
        }
        extensionBytes = line.endIndex - end
        guard Self.areExtensions(line[end...]) else {
            throw .badRequest("invalid_chunk", "A chunk size is followed by something other than extensions.")
        }
    }

    private static func areExtensions(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            rest = rest.drop(while: \.isBlank)
            guard rest.popFirst() == UInt8(ascii: ";") else { return false }
            rest = rest.drop(while: \.isBlank)
            let name = rest.prefix { $0.isIn(.token) }
            guard !name.isEmpty else { return false }
            rest = rest[name.endIndex...]
            let afterName = rest.drop(while: \.isBlank)
            guard afterName.first == UInt8(ascii: "=") else { continue }
            rest = afterName.dropFirst().drop(while: \.isBlank)
            guard let valueEnd = endOfValue(rest) else { return false }
            rest = rest[valueEnd...]
        }
        return true
    }

    /// The end of the token or quoted-string (RFC 9110, section 5.6.4) that `bytes` begin with.
    private static func endOfValue(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.first == UInt8(ascii: "\"") else {
            let token = bytes.prefix { $0.isIn(.token) }
            return token.isEmpty ? nil : token.endIndex
        }
        var index = bytes.startIndex + 1
        while index < bytes.endIndex {
            switch bytes[index] {
            case UInt8(ascii: "\""): return index + 1
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }
}
