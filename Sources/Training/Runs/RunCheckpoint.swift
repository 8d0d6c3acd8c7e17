// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute

/// All that a run needs to go on as if it had never stopped: weights, the optimizer's moments, the step. The order of
/// the data and the learning rate follow from the step.
///
/// One safetensors file, so that it is there whole or not at all. `__metadata__` holds the step, the hash of the data
/// and the vocabulary of each source, and the hash of all tensors.
struct RunCheckpoint {
    static let format = "temper-run-1"

    /// Steps that are done.
    var step: Int
    /// Tokens that were predicted so far.
    var labelCount: Int
    /// The keys of the sources' data, in order.
    var dataKeys: [UInt64]
    /// Weights and moments, F32.
    var tensors: [String: Tensor]

    /// Writes the checkpoint to `path`, whole or not at all.
    func write(to path: String) throws(CheckpointError) {
        var writer = SafetensorsWriter()
        writer.metadata = [
            ("format", Self.format), ("step", String(step)), ("labels", String(labelCount)),
            ("data", dataKeys.map { String($0, radix: 16) }.joined(separator: " ")),
            ("hash", String(hash, radix: 16)),
        ]
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) { try writer.add(name, tensor) }
        try writer.write(to: path)
    }

    /// Reads the checkpoint at `path`; everything in it but the values themselves is checked, those by their hash.
    ///
    /// - Throws: ``CheckpointError``.
    init(path: String) throws(CheckpointError) {
        let name = FilePath.name(path)
        let file = try SafetensorsFile(storage: try FileStorage.load(path, mode: .read), name: name)
        let metadata = Dictionary(file.metadata.map { ($0.key, $0.value) }) { first, _ in first }
        func value(_ key: String) throws(CheckpointError) -> String {
            guard let value = metadata[key] else { throw .missingKey(file: name, key: key) }
            return value
        }
        let format = try value("format")
        guard format == Self.format else {
            throw .badValue(file: name, key: "format", expected: Self.format, found: String(format.prefix(64)))
        }
        func count(_ key: String) throws(CheckpointError) -> Int {
            let text = try value(key)
            guard let count = Int(text), count >= 0 else {
                throw .badValue(file: name, key: key, expected: "0 or more", found: String(text.prefix(64)))
            }
            return count
        }
        step = try count("step")
        labelCount = try count("labels")
        dataKeys = []
        for text in try value("data").split(separator: " ") {
            guard let key = UInt64(text, radix: 16) else {
                throw .badValue(file: name, key: "data", expected: "hexadecimal", found: String(text.prefix(64)))
            }
            dataKeys.append(key)
        }
        tensors = [:]
        for entry in file.entries { tensors[entry.name] = try file.tensor(entry) }
        let stated = try value("hash")
        guard UInt64(stated, radix: 16) == hash else {
            throw .badValue(
                file: name, key: "hash", expected: String(stated.prefix(64)), found: String(hash, radix: 16))
        }
    }

    init(step: Int, labelCount: Int, dataKeys: [UInt64], tensors: [String: Tensor]) {
        self.step = step
        self.labelCount = labelCount
        self.dataKeys = dataKeys
        self.tensors = tensors
    }

    private var hash: UInt64 {
        ContentHash.combine(
            tensors.sorted { $0.key < $1.key }.flatMap { name, tensor in
                [
                    ContentHash.hash(name),
                    ContentHash.hash(UnsafeRawBufferPointer(start: tensor.address, count: tensor.byteCount)),
                ]
            })
    }
}
