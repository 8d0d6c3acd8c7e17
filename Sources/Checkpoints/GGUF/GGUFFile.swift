// SPDX-License-Identifier: Apache-2.0

package import Compute

/// The contents of a GGUF file: metadata and tensors, under the names the file gives them.
///
/// Source: the GGUF specification, versions 2 and 3 (github.com/ggml-org/ggml, docs/gguf.md).
package struct GGUFFile: Sendable {
    /// What a file may hold at most.
    package enum Limits {
        /// Metadata entries.
        package static let keyCount = 65_536
        /// Tensors.
        package static let tensorCount = 65_536
        /// Bytes of a key (the specification's own limit).
        package static let keyBytes = 65_535
        /// Bytes of a tensor name (the specification's own limit).
        package static let tensorNameBytes = 64
        /// Bytes of a string value; a token piece or a chat template.
        package static let stringBytes = 4 << 20
        /// Elements of an array.
        package static let arrayCount = 1 << 24
        /// The largest alignment.
        package static let alignment = 65_536
        /// Dimensions of a tensor.
        package static let dimensionCount = 4
    }

    /// The file's name, for errors.
    package let name: String
    /// 2 or 3.
    package let version: Int
    /// Metadata in the order of the file; keys are distinct.
    package let metadata: [(key: String, value: GGUFValue)]
    /// Tensors by name.
    package let tensors: [String: Tensor]
    private let values: [String: Int]

    /// The metadata value of `key`.
    package subscript(key: String) -> GGUFValue? { values[key].map { metadata[$0].value } }

    /// Reads the file that `storage` holds.
    package init(storage: Storage, name: String) throws(CheckpointError) {
        self.name = name
        var reader = ByteReader(storage.bytes, file: name)
        version = try Self.version(&reader)
        // The least a tensor takes: name length, dimension count, one dimension, type, offset.
        let tensorCount = try reader.count(limit: Limits.tensorCount, unit: 32, "tensor count")
        // The least an entry takes: key length, type, one byte.
        let keyCount = try reader.count(limit: Limits.keyCount, unit: 13, "metadata count")

        var metadata: [(key: String, value: GGUFValue)] = []
        metadata.reserveCapacity(keyCount)
        var values: [String: Int] = [:]
        for index in 0..<keyCount {
            let start = reader.offset
            let key = try reader.string(limit: Limits.keyBytes, "metadata key \(index)")
            guard !key.isEmpty, !key.utf8.contains(0) else {
                throw .malformed(
                    file: name, byteOffset: start, what: "metadata key \(index)", expected: "a name without NUL",
                    found: key.quoted)
            }
            guard values.updateValue(index, forKey: key) == nil else {
                throw .malformed(
                    file: name, byteOffset: start, what: "metadata key \(index)", expected: "a key not seen before",
                    found: key.quoted)
            }
            metadata.append((key, try Self.value(&reader, key)))
        }
        self.metadata = metadata
        self.values = values

        let alignment = try Self.alignment(values["general.alignment"].map { metadata[$0].value }, name)
        tensors = try Self.tensors(&reader, count: tensorCount, alignment: alignment, storage: storage)
    }

    // MARK: Header

    private static func version(_ reader: inout ByteReader) throws(CheckpointError) -> Int {
        let magic = try reader.integer(as: UInt32.self, "magic")
        guard magic == 0x4655_4747 else {
            throw .malformed(
                file: reader.file, byteOffset: 0, what: "magic", expected: "\"GGUF\"",
                found: "0x" + String(magic, radix: 16))
        }
        let version = try reader.integer(as: UInt32.self, "version")
        switch version {
        case 2, 3: return Int(version)
        case 1:
            throw .refused(
                file: reader.file, format: "GGUF version 1", advice: "convert the model anew to version 3")
        case _ where version != 0 && version & 0xFFFF == 0:
            throw .refused(
                file: reader.file, format: "big-endian GGUF",
                advice: "convert the model for little-endian machines (gguf_convert_endian.py)")
        default:
            throw .unsupported(file: reader.file, what: "GGUF version", found: "\(version)", supported: "2, 3")
        }
    }

    private static func alignment(_ value: GGUFValue?, _ file: String) throws(CheckpointError) -> Int {
        guard let value else { return 32 }
        guard case .uint32(let stated) = value, stated >= 8, stated <= UInt32(Limits.alignment),
            stated & (stated - 1) == 0
        else {
            throw .badValue(
                file: file, key: "general.alignment",
                expected: "a UINT32 that is a power of two from 8 to \(Limits.alignment)",
                found: "\(value.typeName) \(value)")
        }
        return Int(stated)
    }

    // MARK: Metadata

    private static func value(_ reader: inout ByteReader, _ key: String) throws(CheckpointError) -> GGUFValue {
        let start = reader.offset
        let type = try reader.integer(as: UInt32.self, "type of \(key)")
        switch type {
        case 0: return .uint8(try reader.integer(key))
        case 1: return .int8(try reader.integer(key))
        case 2: return .uint16(try reader.integer(key))
        case 3: return .int16(try reader.integer(key))
        case 4: return .uint32(try reader.integer(key))
        case 5: return .int32(try reader.integer(key))
        case 6: return .float32(try reader.float(key))
        case 7: return .bool(try bool(&reader, key))
        case 8: return .string(try reader.string(limit: Limits.stringBytes, key))
        case 9: return .array(try array(&reader, key))
        case 10: return .uint64(try reader.integer(key))
        case 11: return .int64(try reader.integer(key))
        case 12: return .float64(Double(bitPattern: try reader.integer(key)))
        default:
            throw .malformed(
                file: reader.file, byteOffset: start, what: "type of \(key)", expected: "0 to 12", found: "\(type)")
        }
    }

    private static func bool(_ reader: inout ByteReader, _ key: String) throws(CheckpointError) -> Bool {
        let start = reader.offset
        let byte = try reader.integer(as: UInt8.self, key)
        guard byte <= 1 else {
            throw .malformed(
                file: reader.file, byteOffset: start, what: key, expected: "0 or 1 for a boolean", found: "\(byte)")
        }
        return byte == 1
    }

    private static func array(_ reader: inout ByteReader, _ key: String) throws(CheckpointError) -> GGUFArray {
        let start = reader.offset
        let type = try reader.integer(as: UInt32.self, "element type of \(key)")
        switch type {
        case 0: return .uint8(try integers(&reader, key))
        case 1: return .int8(try integers(&reader, key))
        case 2: return .uint16(try integers(&reader, key))
        case 3: return .int16(try integers(&reader, key))
        case 4: return .uint32(try integers(&reader, key))
        case 5: return .int32(try integers(&reader, key))
        case 6: return .float32((try integers(&reader, key)).map(Float.init(bitPattern:)))
        case 7:
            let count = try reader.count(limit: Limits.arrayCount, unit: 1, "length of \(key)")
            var flags: [Bool] = []
            flags.reserveCapacity(count)
            for _ in 0..<count { flags.append(try bool(&reader, key)) }
            return .bool(flags)
        case 8:
            let count = try reader.count(limit: Limits.arrayCount, unit: 8, "length of \(key)")
            var texts: [String] = []
            texts.reserveCapacity(count)
            for index in 0..<count {
                texts.append(try reader.string(limit: Limits.stringBytes, "\(key)[\(index)]"))
            }
            return .string(texts)
        case 9:
            throw .unsupported(
                file: reader.file, what: "\(key): array of arrays", found: "at byte \(start)", supported: "flat arrays")
        case 10: return .uint64(try integers(&reader, key))
        case 11: return .int64(try integers(&reader, key))
        case 12: return .float64((try integers(&reader, key)).map(Double.init(bitPattern:)))
        default:
            throw .malformed(
                file: reader.file, byteOffset: start, what: "element type of \(key)", expected: "0 to 12",
                found: "\(type)")
        }
    }

    private static func integers<Integer: FixedWidthInteger>(
        _ reader: inout ByteReader, _ key: String
    ) throws(CheckpointError) -> [Integer] {
        let size = MemoryLayout<Integer>.size
        let count = try reader.count(limit: Limits.arrayCount, unit: size, "length of \(key)")
        let bytes = UnsafeRawBufferPointer(rebasing: try reader.take(count * size, key))
        return (0..<count).map {
            Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * size, as: Integer.self))
        }
    }
}
