// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Training

/// A model for tests of the run loop that learns for real, in microseconds: the logits are a row of a table, chosen by
/// the token before. Its weights, as far as files of it are asked for, are those it was made with.
final class BigramModel: TrainableModel {
    let config: ModelConfig
    let weights: [String: Tensor]
    private let size: Int
    private var table: [Float]
    private var gradient: [Float]
    private var first: [Float]
    private var second: [Float]
    /// The step from which the loss is not a number.
    var breaksAt: Int?
    private var steps = 0

    init(_ config: ModelConfig, _ weights: [String: Tensor]) {
        self.config = config
        self.weights = weights
        size = config.vocabularySize
        table = [Float](repeating: 0, count: size * size)
        gradient = table
        first = table
        second = table
    }

    func accumulate(_ batch: SequenceBatch, labelCount: Int) -> Double {
        if let breaksAt, steps + 1 >= breaksAt { return .nan }
        return pass(batch, scale: 1 / Float(labelCount))
    }

    func loss(_ batch: SequenceBatch) -> Double { pass(batch, scale: nil) }

    private func pass(_ batch: SequenceBatch, scale: Float?) -> Double {
        var sum = 0.0
        for (id, label) in zip(batch.ids, batch.labels) where label != SequenceBatch.ignored {
            let row = Int(id) * size
            let largest = table[row..<row + size].max() ?? 0
            let weights = table[row..<row + size].map { exp($0 - largest) }
            let total = weights.reduce(0, +)
            sum -= Double(table[row + Int(label)] - largest - log(total))
            guard let scale else { continue }
            for column in 0..<size { gradient[row + column] += scale * weights[column] / total }
            gradient[row + Int(label)] -= scale
        }
        return sum
    }

    func gradientNorm() -> Double { Double(gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()) }

    func update(step: Int, learningRate: Double, norm: Double, clip: Double?) {
        let scale = Float(clip.map { norm > $0 ? $0 / norm : 1 } ?? 1)
        let (correction1, correction2) = (1 - pow(0.9, Float(step)), 1 - pow(0.95, Float(step)))
        for index in table.indices {
            let slope = gradient[index] * scale
            first[index] = 0.9 * first[index] + 0.1 * slope
            second[index] = 0.95 * second[index] + 0.05 * slope * slope
            table[index] -=
                Float(learningRate) * first[index] / correction1
                / ((second[index] / correction2).squareRoot() + 1e-8)
            gradient[index] = 0
        }
        steps = step
    }

    var state: [String: Tensor] {
        ["table": table, "first": first, "second": second].compactMapValues { values in
            let storage = Storage(byteCount: values.count * 4) { memory in
                values.withUnsafeBytes { memory.copyMemory(from: $0) }
            }
            return Tensor(storage: storage, byteOffset: 0, type: .f32, shape: [size, size])
        }
    }

    func restore(_ state: [String: Tensor]) throws(CheckpointError) {
        func values(_ name: String) throws(CheckpointError) -> [Float] {
            guard let tensor = state[name], tensor.shape == [size, size] else {
                throw .missingTensor(file: "checkpoint", name: name, shape: [size, size])
            }
            return (0..<size * size).map { tensor.address.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
        table = try values("table")
        first = try values("first")
        second = try values("second")
    }

    func firstNonFinite(_ batch: SequenceBatch) -> String { "blk.0" }
}

/// A recipe and all that it names, in a folder.
struct RunFixture {
    let data: DataFixture
    var fields: [String: JSON]

    init(documents: Int = 120) throws {
        data = try DataFixture()
        try data.stories(documents)
        try makeVocabulary(size: 300).write(toFolder: data.folder.file("vocabulary"))
        fields = [
            "name": .string("tiny"), "tokenizer": .string("vocabulary"),
            "model": JSON(members: [
                "family": .string("llama"), "width": .integer(16), "layers": .integer(1), "heads": .integer(2),
                "feed_forward": .integer(32), "context": .integer(32),
            ]),
            "data": JSON(members: [
                "sources": .array([JSON(members: ["path": .string("stories.txt")])]), "validation": .number(0.1),
            ]),
            "train": JSON(members: [
                "steps": .integer(24), "batch_tokens": .integer(128), "accumulation": .integer(2), "seed": .integer(3),
            ]),
            "optimizer": JSON(members: ["learning_rate": .number(0.05)]),
            "evaluation": JSON(members: ["every": .integer(8), "sequences": .integer(8)]),
            "checkpoint": JSON(members: ["every": .integer(5), "keep": .integer(2)]),
        ]
    }

    /// The recipe's JSON; a member named as in `train.steps` replaces one.
    func json(_ changes: KeyValuePairs<String, JSON?> = [:]) -> JSON {
        var fields = fields
        for (path, value) in changes {
            let parts = path.split(separator: ".").map(String.init)
            guard parts.count == 2 else {
                fields[path] = value
                continue
            }
            var section = JSONObject()
            for (key, old) in fields[parts[0]]?.objectValue?.members ?? JSONObject().members where key != parts[1] {
                section[key] = old
            }
            section[parts[1]] = value
            fields[parts[0]] = .object(section)
        }
        var object = JSONObject()
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) { object[key] = value }
        return .object(object)
    }

    func path(_ name: String) -> String { data.folder.file(name) }

    /// A session in the folder `out` over ``BigramModel``.
    func session(
        _ out: String, _ changes: KeyValuePairs<String, JSON?> = [:], resumes: Bool = false, threads: Int = 1,
        availableBytes: Int? = nil, breaksAt: Int? = nil, report: @escaping (RunEvent) -> Void = { _ in }
    ) throws -> TrainingSession {
        let recipe = try data.folder.write("recipe.json", json: json(changes))
        return try TrainingSession(
            recipe: recipe, folder: path(out), resumes: resumes, threadCount: threads, availableBytes: availableBytes,
            makeModel: { config, weights, _, _ in
                let model = BigramModel(config, weights)
                model.breaksAt = breaksAt
                return model
            }, report: report)
    }

    /// The bytes of a file below `out`.
    func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name)))) }

    func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
    }
}
