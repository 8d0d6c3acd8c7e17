// SPDX-License-Identifier: Apache-2.0

import Compute

extension GGUFFile {
    private struct Entry {
        let name: String
        let type: ElementType
        let shape: [Int]
        let offset: Int
        let byteCount: Int
    }

    /// Reads the tensor table and checks that every tensor lies in the data section and that none overlap.
    static func tensors(
        _ reader: inout ByteReader, count: Int, alignment: Int, storage: Storage
    ) throws(CheckpointError) -> [String: Tensor] {
        var entries: [Entry] = []
        entries.reserveCapacity(count)
        for index in 0..<count { entries.append(try entry(&reader, index, alignment: alignment)) }

        var tensors: [String: Tensor] = [:]
        guard count > 0 else { return tensors }
        let dataStart = (reader.offset + alignment - 1) / alignment * alignment
        guard dataStart <= reader.bytes.count else {
            throw .malformed(
                file: reader.file, byteOffset: reader.offset, what: "data section",
                expected: "a start at byte \(dataStart)", found: "a file of \(reader.bytes.count) bytes")
        }
        let dataBytes = reader.bytes.count - dataStart
        var end = 0
        for entry in entries.sorted(by: { $0.offset < $1.offset }) {
            guard entry.offset >= end else {
                throw .badTensor(
                    file: reader.file, name: entry.name, expected: "a place of its own",
                    found: "data offset \(entry.offset) inside another tensor, which ends at \(end)")
            }
            guard entry.offset <= dataBytes, entry.byteCount <= dataBytes - entry.offset,
                let tensor = Tensor(
                    storage: storage, byteOffset: dataStart + entry.offset, type: entry.type, shape: entry.shape)
            else {
                throw .badTensor(
                    file: reader.file, name: entry.name,
                    expected: "\(entry.byteCount) bytes at data offset \(entry.offset)",
                    found: "a data section of \(dataBytes) bytes")
            }
            end = entry.offset + entry.byteCount
            guard tensors.updateValue(tensor, forKey: entry.name) == nil else {
                throw .badTensor(
                    file: reader.file, name: entry.name, expected: "a name not seen before", found: "a second tensor")
            }
        }
        return tensors
    }

    private static func entry(
        _ reader: inout ByteReader, _ index: Int, alignment: Int
    ) throws(CheckpointError) -> Entry {
        let start = reader.offset
        let name = try reader.string(limit: Limits.tensorNameBytes, "name of tensor \(index)")
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .malformed(
                file: reader.file, byteOffset: start, what: "name of tensor \(index)",
                expected: "printable ASCII", found: name.quoted)
        }
        let dimensionStart = reader.offset
        let dimensionCount = try reader.integer(as: UInt32.self, "dimension count of \(name)")
        guard dimensionCount >= 1, dimensionCount <= UInt32(Limits.dimensionCount) else {
            throw .malformed(
                file: reader.file, byteOffset: dimensionStart, what: "dimension count of \(name)",
                expected: "1 to \(Limits.dimensionCount)", found: "\(dimensionCount)")
        }
        // The file has the innermost dimension first.
        var shape: [Int] = []
        var elementCount = 1
        for _ in 0..<dimensionCount {
            let sizeStart = reader.offset
            let stated = try reader.integer(as: UInt64.self, "dimension of \(name)")
            guard let size = Int(exactly: stated), size > 0 else {
                throw .malformed(
                    file: reader.file, byteOffset: sizeStart, what: "dimension of \(name)",
                    expected: "a positive size", found: "\(stated)")
            }
            let (product, overflow) = elementCount.multipliedReportingOverflow(by: size)
            guard !overflow else {
                throw .malformed(
                    file: reader.file, byteOffset: sizeStart, what: "number of elements of \(name)",
                    expected: "at most 2^63 - 1", found: "more")
            }
            elementCount = product
            shape.insert(size, at: 0)
        }
        let typeStart = reader.offset
        let type = try elementType(try reader.integer(as: UInt32.self, "type of \(name)"), name, reader.file, typeStart)
        guard let row = shape.last, row % type.blockSize == 0,
            let byteCount = type.byteCount(elementCount: elementCount)
        else {
            throw .badTensor(
                file: reader.file, name: name,
                expected: "rows of whole blocks of \(type.blockSize) (\(type.name)) and at most 2^63 - 1 bytes",
                found: "shape \(shape)")
        }
        let offsetStart = reader.offset
        let stated = try reader.integer(as: UInt64.self, "offset of \(name)")
        guard let offset = Int(exactly: stated), offset % alignment == 0,
            !offset.addingReportingOverflow(byteCount).overflow
        else {
            throw .malformed(
                file: reader.file, byteOffset: offsetStart, what: "offset of \(name)",
                expected: "a multiple of the alignment \(alignment)", found: "\(stated)")
        }
        return Entry(name: name, type: type, shape: shape, offset: offset, byteCount: byteCount)
    }

    private static func elementType(
        _ raw: UInt32, _ name: String, _ file: String, _ offset: Int
    ) throws(CheckpointError) -> ElementType {
        if let type = ElementType(rawValue: raw) { return type }
        let supported = ElementType.allCases.map(\.name).joined(separator: ", ")
        guard let known = otherTypes[raw] else {
            throw .malformed(
                file: file, byteOffset: offset, what: "type of \(name)", expected: "one of \(supported)",
                found: "\(raw)")
        }
        throw .unsupported(file: file, what: "tensor \(name) of type", found: known, supported: supported)
    }

    /// Names of the types of the GGUF specification that we do not compute with.
    private static let otherTypes: [UInt32: String] = [
        9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S",
        22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0",
        35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
    ]
}
