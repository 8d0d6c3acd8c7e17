// SPDX-License-Identifier: Apache-2.0

/// Reads little-endian fields in order from bytes that may be hostile: every length is checked against what is left
/// before it is used.
struct ByteReader {
    /// All bytes of the file.
    let bytes: UnsafeRawBufferPointer
    /// The file's name, for errors.
    let file: String
    /// Where the next field starts.
    private(set) var offset = 0

    /// The number of bytes not read yet.
    var remaining: Int { bytes.count - offset }

    init(_ bytes: UnsafeRawBufferPointer, file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// Takes the next `count` bytes.
    mutating func take(_ count: Int, _ what: @autoclosure () -> String) throws(CheckpointError) -> Slice<
        UnsafeRawBufferPointer
    > {
        guard count >= 0, count <= remaining else {
            throw .malformed(
                file: file, byteOffset: offset, what: what(), expected: "\(count) bytes",
                found: "\(remaining) until the end of the file")
        }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    /// Takes the next integer.
    mutating func integer<Integer: FixedWidthInteger>(
        as type: Integer.Type = Integer.self, _ what: @autoclosure () -> String
    ) throws(CheckpointError) -> Integer {
        let start = offset
        _ = try take(MemoryLayout<Integer>.size, what())
        return Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Integer.self))
    }

    /// Takes the next binary32.
    mutating func float(_ what: @autoclosure () -> String) throws(CheckpointError) -> Float {
        Float(bitPattern: try integer(as: UInt32.self, what()))
    }

    /// Takes the next 64-bit count and checks it against a limit and, at `unit` bytes each, against the bytes left.
    mutating func count(
        limit: Int, unit: Int, _ what: @autoclosure () -> String
    ) throws(CheckpointError) -> Int {
        let start = offset
        let stated = try integer(as: UInt64.self, what())
        guard let count = Int(exactly: stated), count <= limit else {
            throw .malformed(
                file: file, byteOffset: start, what: what(), expected: "at most \(limit)", found: "\(stated)")
        }
        guard count <= remaining / max(unit, 1) else {
            throw .malformed(
                file: file, byteOffset: start, what: what(),
                expected: "at most the \(remaining) bytes until the end of the file", found: "\(count) × \(unit) bytes")
        }
        return count
    }

    /// Takes a string: a 64-bit length and that many bytes of UTF-8.
    mutating func string(
        limit: Int, _ what: @autoclosure () -> String
    ) throws(CheckpointError) -> String {
        let length = try count(limit: limit, unit: 1, what() + " length")
        let start = offset
        let text = try take(length, what())
        guard let string = String(validating: UnsafeRawBufferPointer(rebasing: text), as: UTF8.self) else {
            throw .malformed(file: file, byteOffset: start, what: what(), expected: "UTF-8", found: "other bytes")
        }
        return string
    }
}
