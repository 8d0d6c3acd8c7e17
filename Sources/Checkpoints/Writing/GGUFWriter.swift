// SPDX-License-Identifier: Apache-2.0

public import Compute

/// Writes GGUF version 3, little-endian, tensors at multiples of 32 bytes.
///
///     var writer = GGUFWriter()
///     writer.set("general.architecture", .string("llama"))
///     writer.add("token_embd.weight", tensor)
///     try writer.write(to: "model.gguf")
public struct GGUFWriter: Sendable {
    /// Where tensors start in the data section.
    public static let alignment = 32

    /// Metadata in the order of the file.
    public private(set) var metadata: [(key: String, value: GGUFValue)] = []
    /// Tensors in the order of the file.
    public private(set) var tensors: [(name: String, tensor: Tensor)] = []

    /// A writer of an empty file.
    public init() {}

    /// Sets a metadata value; a key that is there keeps its place.
    public mutating func set(_ key: String, _ value: GGUFValue) {
        if let index = metadata.firstIndex(where: { $0.key == key }) {
            metadata[index].value = value
        } else {
            metadata.append((key, value))
        }
    }

    /// Adds a tensor.
    public mutating func add(_ name: String, _ tensor: Tensor) {
        tensors.append((name, tensor))
    }

    /// Writes the file at `path`, whole or not at all.
    ///
    /// - Throws: ``CheckpointError`` for a name or shape that the format cannot hold, and of the file system.
    public func write(to path: String) throws(CheckpointError) {
        let header = try header(file: FilePath.name(path))
        try AtomicFile.write(path) { sink throws(CheckpointError) in try emit(header, to: sink) }
    }

    /// The bytes of the file.
    package func serialized() throws(CheckpointError) -> [UInt8] {
        var bytes: [UInt8] = []
        try emit(try header(file: "GGUF")) { part throws(CheckpointError) in bytes.append(contentsOf: part) }
        return bytes
    }

    private func emit(_ header: [UInt8], to sink: AtomicFile.Sink) throws(CheckpointError) {
        try Self.emit(header, to: sink)
        for (_, tensor) in tensors {
            try sink(UnsafeRawBufferPointer(start: tensor.address, count: tensor.byteCount))
            let padding = (Self.alignment - tensor.byteCount % Self.alignment) % Self.alignment
            try Self.emit([UInt8](repeating: 0, count: padding), to: sink)
        }
    }

    static func emit(_ bytes: [UInt8], to sink: AtomicFile.Sink) throws(CheckpointError) {
        var failure: CheckpointError?
        bytes.withUnsafeBytes { raw in
            do throws(CheckpointError) { try sink(raw) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func header(file: String) throws(CheckpointError) -> [UInt8] {
        var names: Set<String> = []
        var builder = ByteBuilder()
        builder.append(UInt32(0x4655_4747))
        builder.append(UInt32(3))
        builder.append(UInt64(tensors.count))
        builder.append(UInt64(metadata.count))
        for (key, value) in metadata {
            guard !key.isEmpty, key.utf8.count <= GGUFFile.Limits.keyBytes else {
                throw .badValue(
                    file: file, key: key.quoted, expected: "1 to \(GGUFFile.Limits.keyBytes) bytes",
                    found: "\(key.utf8.count)")
            }
            builder.append(string: key)
            value.append(to: &builder)
        }
        var offset = 0
        for (name, tensor) in tensors {
            guard !name.isEmpty, name.utf8.count <= GGUFFile.Limits.tensorNameBytes,
                tensor.shape.count <= GGUFFile.Limits.dimensionCount, names.insert(name).inserted
            else {
                throw .badTensor(
                    file: file, name: name.quoted,
                    expected: "a new name of 1 to \(GGUFFile.Limits.tensorNameBytes) bytes and at most "
                        + "\(GGUFFile.Limits.dimensionCount) dimensions",
                    found: "\(name.utf8.count) bytes, shape \(tensor.shape)")
            }
            builder.append(string: name)
            builder.append(UInt32(tensor.shape.count))
            builder.append(tensor.shape.reversed().map(UInt64.init))
            builder.append(tensor.type.rawValue)
            builder.append(UInt64(offset))
            // Tensors are in memory, so a sum of their sizes does not overflow.
            offset += (tensor.byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
        }
        builder.pad(to: Self.alignment)
        return builder.bytes
    }
}

extension GGUFValue {
    /// Appends the type and the value.
    func append(to builder: inout ByteBuilder) {
        builder.append(typeNumber)
        switch self {
        case .uint8(let value): builder.append(value)
        case .int8(let value): builder.append(value)
        case .uint16(let value): builder.append(value)
        case .int16(let value): builder.append(value)
        case .uint32(let value): builder.append(value)
        case .int32(let value): builder.append(value)
        case .float32(let value): builder.append(value.bitPattern)
        case .bool(let value): builder.append(UInt8(value ? 1 : 0))
        case .string(let value): builder.append(string: value)
        case .array(let value): value.append(to: &builder)
        case .uint64(let value): builder.append(value)
        case .int64(let value): builder.append(value)
        case .float64(let value): builder.append(value.bitPattern)
        }
    }

    private var typeNumber: UInt32 {
        switch self {
        case .uint8: 0
        case .int8: 1
        case .uint16: 2
        case .int16: 3
        case .uint32: 4
        case .int32: 5
        case .float32: 6
        case .bool: 7
        case .string: 8
        case .array: 9
        case .uint64: 10
        case .int64: 11
        case .float64: 12
        }
    }
}

extension GGUFArray {
    /// Appends the element type, the count and the elements.
    func append(to builder: inout ByteBuilder) {
        func head(_ type: UInt32) {
            builder.append(type)
            builder.append(UInt64(count))
        }
        switch self {
        case .uint8(let values):
            head(0)
            builder.append(values)
        case .int8(let values):
            head(1)
            builder.append(values)
        case .uint16(let values):
            head(2)
            builder.append(values)
        case .int16(let values):
            head(3)
            builder.append(values)
        case .uint32(let values):
            head(4)
            builder.append(values)
        case .int32(let values):
            head(5)
            builder.append(values)
        case .float32(let values):
            head(6)
            builder.append(values.map(\.bitPattern))
        case .bool(let values):
            head(7)
            builder.append(values.map { UInt8($0 ? 1 : 0) })
        case .string(let values):
            head(8)
            for value in values { builder.append(string: value) }
        case .uint64(let values):
            head(10)
            builder.append(values)
        case .int64(let values):
            head(11)
            builder.append(values)
        case .float64(let values):
            head(12)
            builder.append(values.map(\.bitPattern))
        }
    }
}
