// SPDX-License-Identifier: Apache-2.0

package import Compute
import StrictJSON

/// The contents of a safetensors file: a JSON header with a table of tensors, then their bytes without gaps.
///
/// Source: github.com/huggingface/safetensors, README "Format".
package struct SafetensorsFile: Sendable {
    /// What a file may hold at most.
    package enum Limits {
        /// Bytes of the header.
        package static let headerBytes = 16 << 20
        /// Tensors.
        package static let tensorCount = 65_536
        /// Bytes of a name.
        package static let nameBytes = 1024
        /// Dimensions of a tensor.
        package static let dimensionCount = 8
    }

    /// A row of the table, checked to lie in the file and to be as long as its shape and type ask for.
    package struct Entry: Sendable {
        /// The name in the file.
        package let name: String
        /// The type's name in the file, such as "BF16".
        package let type: String
        /// Outermost first; may be empty (a scalar) or hold zeros.
        package let shape: [Int]
        /// Where the bytes start in the file.
        package let byteOffset: Int
        /// The number of bytes.
        package let byteCount: Int
    }

    /// The file's name, for errors.
    package let name: String
    /// The table in the order of the file's bytes; names are distinct.
    package let entries: [Entry]
    /// The member `__metadata__`: texts.
    package let metadata: [(key: String, value: String)]
    private let storage: Storage

    /// Types and the bytes of an element.
    static let types: [String: Int] = [
        "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2,
        "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "C64": 8,
    ]

    /// Reads the file that `storage` holds.
    package init(storage: Storage, name: String) throws(CheckpointError) {
        var reader = ByteReader(storage.bytes, file: name)
        let length = try reader.count(limit: Limits.headerBytes, unit: 1, "header length")
        let text = UnsafeRawBufferPointer(rebasing: try reader.take(length, "header"))
        guard text.first == UInt8(ascii: "{") else {
            throw .malformed(
                file: name, byteOffset: 8, what: "header", expected: "\"{\"",
                found: text.first.map { "0x" + String($0, radix: 16) } ?? "nothing")
        }
        let members = try Self.members(text, file: name)
        let dataStart = reader.offset
        let dataBytes = reader.remaining
        var entries: [Entry] = []
        entries.reserveCapacity(members.count)
        var metadata: [(key: String, value: String)] = []
        for (key, value) in members.members {
            if key == "__metadata__" {
                metadata = try Self.metadata(value, file: name)
            } else {
                entries.append(try Self.entry(key, value, dataStart: dataStart, dataBytes: dataBytes, file: name))
            }
        }
        entries.sort { ($0.byteOffset, $0.byteCount) < ($1.byteOffset, $1.byteCount) }
        var end = dataStart
        for entry in entries {
            guard entry.byteOffset == end else {
                throw .badTensor(
                    file: name, name: entry.name, expected: "data offset \(end - dataStart), where the one before ends",
                    found: "\(entry.byteOffset - dataStart)")
            }
            end += entry.byteCount
        }
        guard end == storage.bytes.count else {
            throw .malformed(
                file: name, byteOffset: end, what: "length", expected: "the end of the file, \(end) bytes",
                found: "\(storage.bytes.count) bytes")
        }
        self.name = name
        self.entries = entries
        self.metadata = metadata
        self.storage = storage
    }

    /// The members of the header.
    private static func members(
        _ text: UnsafeRawBufferPointer, file: String
    ) throws(CheckpointError) -> JSONObject {
        // Counted before anything is made of them.
        let mark = Array(#""data_offsets""#.utf8)
        var count = 0
        for place in text.indices.dropLast(mark.count - 1) where text[place] == mark[0] {
            if text[place..<place + mark.count].elementsEqual(mark) { count += 1 }
        }
        guard count <= Limits.tensorCount else {
            throw .malformed(
                file: file, byteOffset: 8, what: "tensor count", expected: "at most \(Limits.tensorCount)",
                found: "\(count)")
        }
        let header: JSON
        do {
            // Six values a tensor, and a generous shape.
            let limits = JSONParser.Limits(depth: 4, valueCount: (Limits.tensorCount + 1) * 16)
            header = try JSONParser.parse(UnsafeRawBufferPointer(text), limits: limits)
        } catch {
            throw .badJSON(file: file, error)
        }
        guard let members = header.objectValue, members.count <= Limits.tensorCount + 1 else {
            throw .malformed(
                file: file, byteOffset: 8, what: "header",
                expected: "an object of at most \(Limits.tensorCount) tensors",
                found: header.objectValue.map { "\($0.count)" } ?? header.typeName)
        }
        return members
    }

    private static func metadata(
        _ value: JSON, file: String
    ) throws(CheckpointError) -> [(key: String, value: String)] {
        guard let object = value.objectValue else {
            throw .badValue(file: file, key: "__metadata__", expected: "an object", found: value.typeName)
        }
        var list: [(key: String, value: String)] = []
        for (key, value) in object.members {
            guard let text = value.stringValue else {
                throw .badValue(
                    file: file, key: "__metadata__.\(key.prefix(64))", expected: "a string", found: value.typeName)
            }
            list.append((key, text))
        }
        return list
    }

    private static func entry(
        _ tensorName: String, _ value: JSON, dataStart: Int, dataBytes: Int, file: String
    ) throws(CheckpointError) -> Entry {
        func bad(_ expected: String, _ found: String) -> CheckpointError {
            .badTensor(file: file, name: String(tensorName.prefix(Limits.nameBytes)), expected: expected, found: found)
        }
        guard !tensorName.isEmpty, tensorName.utf8.count <= Limits.nameBytes,
            tensorName.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            throw .badTensor(
                file: file, name: tensorName.quoted,
                expected: "a name of 1 to \(Limits.nameBytes) printable ASCII characters",
                found: "\(tensorName.utf8.count) bytes")
        }
        guard let object = value.objectValue, object.count == 3, let type = object["dtype"]?.stringValue,
            let sizes = object["shape"]?.arrayValue, let offsets = object["data_offsets"]?.arrayValue
        else { throw bad("an object of dtype, shape and data_offsets", "\(value.typeName)") }
        guard let elementBytes = types[type] else {
            throw .unsupported(
                file: file, what: "tensor \(tensorName) of type", found: type.quoted, supported: "F32, F16, BF16")
        }
        guard sizes.count <= Limits.dimensionCount else {
            throw bad("at most \(Limits.dimensionCount) dimensions", "\(sizes.count)")
        }
        var shape: [Int] = []
        var byteCount = elementBytes
        for size in sizes {
            guard case .integer(let stated) = size, let size = Int(exactly: stated), size >= 0 else {
                throw bad("sizes of 0 and more", "\(size)")
            }
            let (product, overflow) = byteCount.multipliedReportingOverflow(by: size)
            guard !overflow else { throw bad("at most 2^63 - 1 bytes", "more") }
            byteCount = product
            shape.append(size)
        }
        guard offsets.count == 2, case .integer(let first) = offsets[0], case .integer(let last) = offsets[1],
            let begin = Int(exactly: first), let end = Int(exactly: last), begin >= 0, begin <= end, end <= dataBytes
        else {
            throw bad(
                "data_offsets [begin, end] within the \(dataBytes) bytes of data",
                "\(offsets.map { $0.integerValue.map(String.init) ?? $0.typeName })")
        }
        guard end - begin == byteCount else {
            throw bad("\(byteCount) bytes for \(type) of shape \(shape)", "\(end - begin)")
        }
        return Entry(
            name: tensorName, type: type, shape: shape, byteOffset: dataStart + begin, byteCount: byteCount)
    }

    /// The tensor of a table row.
    ///
    /// Elements that do not lie at a multiple of their size are copied to where they do.
    package func tensor(_ entry: Entry) throws(CheckpointError) -> Tensor {
        let type: ElementType
        switch entry.type {
        case "F32": type = .f32
        case "F16": type = .f16
        case "BF16": type = .bf16
        default:
            throw .unsupported(
                file: name, what: "tensor \(entry.name) of type", found: entry.type, supported: "F32, F16, BF16")
        }
        let isAligned = entry.byteOffset % type.blockBytes == 0
        let place = isAligned ? storage : copy(entry)
        let offset = isAligned ? entry.byteOffset : 0
        guard let tensor = Tensor(storage: place, byteOffset: offset, type: type, shape: entry.shape) else {
            throw .badTensor(
                file: name, name: entry.name, expected: "one or more dimensions, none of size 0",
                found: "shape \(entry.shape)")
        }
        return tensor
    }

    private func copy(_ entry: Entry) -> Storage {
        Storage(byteCount: entry.byteCount) { memory in
            memory.copyMemory(
                from: UnsafeRawBufferPointer(
                    rebasing: storage.bytes[entry.byteOffset..<entry.byteOffset + entry.byteCount]))
        }
    }
}
