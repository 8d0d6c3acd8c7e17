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

    /// Weights and moments of an entry have its name after one of these.
    private static let prefixes = ["weight/", "first/", "second/"]

    /// Writes the state of `trainer` to `path`, whole or not at all.
    static func write(
        _ trainer: Trainer, step: Int, labelCount: Int, dataKeys: [UInt64], to path: String
    ) throws(CheckpointError) {
        let state = trainer.optimizerState
        var failure: CheckpointError?
        trainer.parameters.withValues { weights in
            state.firstMoments.withUnsafeBufferPointer { first in
                state.secondMoments.withUnsafeBufferPointer { second in
                    var tensors: [String: Tensor] = [:]
                    for (prefix, values) in zip(prefixes, [weights, first, second]) {
                        // Read only until the file is written.
                        let storage = Storage(bytes: UnsafeRawBufferPointer(values)) { _ in }
                        for entry in trainer.parameters.entries {
                            tensors[prefix + entry.name] = Tensor(
                                storage: storage, byteOffset: entry.elements.lowerBound * 4, type: .f32,
                                shape: entry.shape)
                        }
                    }
                    let checkpoint = RunCheckpoint(
                        step: step, labelCount: labelCount, dataKeys: dataKeys, tensors: tensors)
                    do throws(CheckpointError) { try checkpoint.write(to: path) } catch { failure = error }
                }
            }
        }
        if let failure { throw failure }
    }

    private func write(to path: String) throws(CheckpointError) {
        var writer = SafetensorsWriter()
        writer.metadata = [
            ("format", Self.format), ("step", String(step)), ("labels", String(labelCount)),
            ("data", dataKeys.map { String($0, radix: 16) }.joined(separator: " ")),
            ("hash", String(hash, radix: 16)),
        ]
        for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) { try writer.add(name, tensor) }
        try writer.write(to: path)
    }

    /// Puts weights and optimizer of `trainer` into this state.
    ///
    /// - Throws: ``TrainingError/badState(tensor:expected:found:)`` if the state is of a model of other sizes.
    func restore(_ trainer: Trainer) throws(TrainingError) {
        let parameters = trainer.parameters
        guard tensors.count == Self.prefixes.count * parameters.entries.count else {
            throw .badState(
                tensor: "all", expected: "\(Self.prefixes.count * parameters.entries.count) tensors",
                found: "\(tensors.count)")
        }
        var moments = [[Float]](repeating: [Float](repeating: 0, count: parameters.elementCount), count: 2)
        for entry in parameters.entries {
            try parameters.replace(entry.name, with: floats(Self.prefixes[0] + entry.name, entry.shape))
            for index in 0..<2 {
                moments[index].replaceSubrange(
                    entry.elements, with: try floats(Self.prefixes[index + 1] + entry.name, entry.shape))
            }
        }
        try trainer.restore(OptimizerState(stepCount: step, firstMoments: moments[0], secondMoments: moments[1]))
    }

    private func floats(_ name: String, _ shape: [Int]) throws(TrainingError) -> [Float] {
        guard let tensor = tensors[name], tensor.type == .f32, tensor.shape == shape else {
            throw .badState(
                tensor: name, expected: "F32 of shape \(shape)",
                found: tensors[name].map { "\($0.type.name) of shape \($0.shape)" } ?? "none")
        }
        return [Float](unsafeUninitializedCapacity: tensor.elementCount) { floats, count in
            UnsafeMutableRawBufferPointer(floats).copyMemory(
                from: UnsafeRawBufferPointer(start: tensor.address, count: tensor.byteCount))
            count = tensor.elementCount
        }
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

    private init(step: Int, labelCount: Int, dataKeys: [UInt64], tensors: [String: Tensor]) {
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
