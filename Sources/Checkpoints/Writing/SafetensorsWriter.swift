// SPDX-License-Identifier: Apache-2.0

public import Compute
import StrictJSON

/// Writes a safetensors file: tensors without gaps, the header padded so that data starts at a multiple of 8.
public struct SafetensorsWriter: Sendable {
    /// Texts under `__metadata__`; Hugging Face's tools ask for `format`.
    public var metadata: [(key: String, value: String)] = [("format", "pt")]
    /// Tensors, widest elements first as the reference writer orders them.
    public private(set) var tensors: [(name: String, tensor: Tensor)] = []

    /// A writer of an empty file.
    public init() {}

    /// Adds a tensor.
    ///
    /// - Throws: ``CheckpointError`` for a block type, which the format does not know.
    public mutating func add(_ name: String, _ tensor: Tensor) throws(CheckpointError) {
        guard tensor.type.blockSize == 1 else {
            throw .unsupported(
                file: "safetensors", what: "tensor \(name) of type", found: tensor.type.name,
                supported: "F32, F16, BF16")
        }
        tensors.append((name, tensor))
    }

    /// Writes the file at `path`, whole or not at all.
    public func write(to path: String) throws(CheckpointError) {
        let ordered = ordered
        let header = try header(ordered, file: FilePath.name(path))
        try AtomicFile.write(path) { sink throws(CheckpointError) in try emit(header, ordered, to: sink) }
    }

    /// The bytes of the file.
    package func serialized() throws(CheckpointError) -> [UInt8] {
        var bytes: [UInt8] = []
        let ordered = ordered
        try emit(try header(ordered, file: "safetensors"), ordered) { part throws(CheckpointError) in
            bytes.append(contentsOf: part)
        }
        return bytes
    }

    private typealias Named = (name: String, tensor: Tensor)

    private var ordered: [Named] {
        tensors.sorted { ($1.tensor.type.blockBytes, $0.name) < ($0.tensor.type.blockBytes, $1.name) }
    }

    private func emit(_ header: [UInt8], _ ordered: [Named], to sink: AtomicFile.Sink) throws(CheckpointError) {
        try GGUFWriter.emit(header, to: sink)
        for (_, tensor) in ordered {
            try sink(UnsafeRawBufferPointer(start: tensor.address, count: tensor.byteCount))
        }
    }

    private func header(_ ordered: [Named], file: String) throws(CheckpointError) -> [UInt8] {
        var names: Set<String> = ["__metadata__"]
        var offset = 0
        for (name, _) in ordered where !names.insert(name).inserted || name.isEmpty {
            throw .badTensor(file: file, name: name.quoted, expected: "a new name", found: "one that is taken")
        }
        var writer = JSONWriter()
        writer.object { object in
            object.member("__metadata__", object: { for (key, value) in metadata { $0.member(key, value) } })
            for (name, tensor) in ordered {
                let end = offset + tensor.byteCount
                object.member(
                    name,
                    object: {
                        $0.member("dtype", tensor.type.name)
                        $0.member("shape", tensor.shape)
                        $0.member("data_offsets", [offset, end])
                    })
                offset = end
            }
        }
        var text = writer.bytes
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        guard text.count <= SafetensorsFile.Limits.headerBytes else {
            throw .malformed(
                file: file, byteOffset: nil, what: "header",
                expected: "at most \(SafetensorsFile.Limits.headerBytes) bytes", found: "\(text.count)")
        }
        var builder = ByteBuilder()
        builder.append(UInt64(text.count))
        return builder.bytes + text
    }
}
