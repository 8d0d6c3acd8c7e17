// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Testing
import Training

/// What PyTorch + transformers compute for the tiny checkpoints in Tests/Fixtures/models; see Fixtures/training/README.md.
struct TrainingGoldens: Sendable {
    /// Gradients of the mean loss of some documents.
    struct Gradients: Sendable, CustomTestStringConvertible {
        let name: String
        let batch: TrainingBatch
        let loss: Double
        /// By canonical name.
        let tensors: [String: [Float]]

        var testDescription: String { name }
    }

    /// Steps of AdamW with warm-up and clipping.
    struct Run: Sendable, CustomTestStringConvertible {
        let name: String
        let options: TrainerOptions
        let schedule: LearningRateSchedule
        /// Used in turn.
        let batches: [TrainingBatch]
        let losses: [Double]
        let norms: [Double]

        var testDescription: String { name }
    }

    static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")
    static let gradients: [Gradients] = entries("gradients").compactMap(makeGradients)
    static let runs: [Run] = entries("runs").compactMap(makeRun)

    /// The weights of a tiny checkpoint.
    static func parameters(_ name: String) throws -> TrainableParameters {
        try TrainableParameters(
            Checkpoint.open(path: fixtures.appending(path: "models/\(name)/huggingface").path))
    }

    private static func entries(_ key: String) -> [JSON] {
        guard let text = try? Data(contentsOf: fixtures.appending(path: "training/index.json")),
            let index = try? JSONParser.parse(text)
        else { return [] }
        return index[key]?.arrayValue ?? []
    }

    private static func makeGradients(_ entry: JSON) -> Gradients? {
        guard let name = entry["name"]?.stringValue, let loss = entry["loss"]?.doubleValue,
            let data = try? Data(contentsOf: fixtures.appending(path: "training/\(name).f32"))
        else { return nil }
        let values = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        var tensors: [String: [Float]] = [:]
        var start = 0
        for tensor in entry["tensors"]?.arrayValue ?? [] {
            guard let name = tensor["name"]?.stringValue else { return nil }
            let count = (tensor["shape"]?.arrayValue ?? []).reduce(1) { $0 * Int($1.integerValue ?? 0) }
            guard start + count <= values.count else { return nil }
            tensors[name] = Array(values[start..<start + count])
            start += count
        }
        return Gradients(name: name, batch: makeBatch(entry["documents"]), loss: loss, tensors: tensors)
    }

    private static func makeRun(_ entry: JSON) -> Run? {
        guard let name = entry["name"]?.stringValue, let peak = entry["peak"]?.doubleValue,
            let warmup = entry["warmup"]?.integerValue, let clip = entry["clip"]?.doubleValue,
            let decay = entry["weight_decay"]?.doubleValue
        else { return nil }
        let losses = (entry["losses"]?.arrayValue ?? []).compactMap(\.doubleValue)
        var options = TrainerOptions()
        options.optimizer.weightDecay = decay
        options.optimizer.clipNorm = clip
        guard
            let schedule = try? LearningRateSchedule(
                peak: peak, warmupSteps: Int(warmup), totalSteps: losses.count, shape: .constant)
        else { return nil }
        return Run(
            name: name, options: options, schedule: schedule,
            batches: (entry["batches"]?.arrayValue ?? []).map(makeBatch), losses: losses,
            norms: (entry["norms"]?.arrayValue ?? []).compactMap(\.doubleValue))
    }

    /// All documents, packed one after the other.
    private static func makeBatch(_ documents: JSON?) -> TrainingBatch {
        var batch = TrainingBatch()
        for (sequence, document) in (documents?.arrayValue ?? []).enumerated() {
            let parts = (document.arrayValue ?? []).map { ($0.arrayValue ?? []).compactMap(\.doubleValue) }
            guard parts.count == 2, parts[0].count == parts[1].count + 1 else { continue }
            for (index, weight) in parts[1].enumerated() {
                batch.append(
                    id: Int32(parts[0][index]), position: Int32(index), sequence: Int32(sequence),
                    target: Int32(parts[0][index + 1]), weight: Float(weight))
            }
        }
        return batch
    }
}

extension TrainingBatch {
    /// The sequences at these places, as a batch of their own.
    func selecting(_ isWanted: (Int32) -> Bool) -> TrainingBatch {
        var batch = TrainingBatch()
        for row in 0..<rowCount where isWanted(sequences[row]) {
            batch.append(
                id: ids[row], position: positions[row], sequence: sequences[row], target: targets[row],
                weight: weights[row])
        }
        return batch
    }

    /// Sequences of random ids, all labelled.
    static func random(lengths: [Int], vocabularySize: Int, seed: UInt64) -> TrainingBatch {
        var generator = SeededGenerator(seed: seed)
        var batch = TrainingBatch()
        for length in lengths {
            batch.appendDocument(
                (0...length).map { _ in Int32.random(in: 0..<Int32(vocabularySize), using: &generator) })
        }
        return batch
    }
}

/// Repeatable random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &self) } }
}

/// The greatest difference, as a part of the greatest expected magnitude.
func relativeDifference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    let difference = zip(found, expected).reduce(Float(0)) { $1.0 == $1.1 ? $0 : max($0, abs($1.0 - $1.1)) }
    guard !zip(found, expected).contains(where: { $0.isNaN || $1.isNaN }) else { return .infinity }
    return difference / expected.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
}
