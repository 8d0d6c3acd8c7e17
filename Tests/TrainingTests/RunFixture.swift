// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import StrictJSON
import Training

/// A trainer for tests of the run loop that learns for real, in microseconds: the logits are a row of a table, chosen by
/// the token before. The weights that it was given, as far as files are made of them, stay as they are.
final class BigramTrainer: StepTrainer {
    let parameters: TrainableParameters
    private let size: Int
    private var table: [Float]
    private var gradient: [Float]
    private var sum = LossSum()
    private var steps = 0
    /// The step in which the loss is not a number.
    private let breaksAt: Int?

    init(_ parameters: TrainableParameters, breaksAt: Int?) {
        self.parameters = parameters
        self.breaksAt = breaksAt
        // What the optimizer remembers is saved: two moments of as many elements as there are weights.
        size = Int(Double(parameters.elementCount).squareRoot())
        table = [Float](repeating: 0, count: parameters.elementCount)
        gradient = table
    }

    static func factory(breaksAt: Int? = nil) -> TrainerFactory {
        TrainerFactory(
            memory: { config, _, longestSequence, _ throws(TrainingError) in
                TrainingMemory(
                    parameterCount: TrainableParameters(config, seed: 0).parameterCount,
                    activations: longestSequence * config.vocabularySize * 4)
            },
            make: { parameters, _, _ throws(TrainingError) in BigramTrainer(parameters, breaksAt: breaksAt) })
    }

    func accumulate(_ batch: TrainingBatch) throws(TrainingError) -> LossSum {
        if steps + 1 == breaksAt { throw .notFinite(nil) }
        let loss = pass(batch, learns: true)
        sum += loss
        return loss
    }

    func evaluate(_ batch: TrainingBatch) throws(TrainingError) -> LossSum { pass(batch, learns: false) }

    private func pass(_ batch: TrainingBatch, learns: Bool) -> LossSum {
        var sum = LossSum()
        for row in 0..<batch.rowCount where batch.weights[row] != 0 {
            let start = Int(batch.ids[row]) % size * size
            let target = Int(batch.targets[row]) % size
            let largest = table[start..<start + size].max() ?? 0
            let shares = table[start..<start + size].map { exp($0 - largest) }
            let total = shares.reduce(0, +)
            sum.loss -= Double(table[start + target] - largest - log(total))
            sum.weight += 1
            sum.labelledCount += 1
            guard learns else { continue }
            for column in 0..<size { gradient[start + column] += shares[column] / total }
            gradient[start + target] -= 1
        }
        return sum
    }

    func step(learningRate: Double) throws(TrainingError) -> StepReport {
        let scale = Float(learningRate / sum.weight)
        let norm = Double(gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()) / sum.weight
        for index in table.indices { table[index] -= scale * gradient[index] }
        gradient = [Float](repeating: 0, count: gradient.count)
        sum = LossSum()
        steps += 1
        return StepReport(gradientNorm: norm)
    }

    func findNonFinite(_ batch: TrainingBatch) throws(TrainingError) -> NonFiniteOrigin? {
        .activation(operation: "table", block: 0, row: 3)
    }

    // The gaps between tensors are not saved, so the table must not need them.
    var optimizerState: OptimizerState {
        OptimizerState(stepCount: steps, firstMoments: table, secondMoments: table.map { -$0 })
    }

    func restore(_ state: OptimizerState) throws(TrainingError) {
        guard state.secondMoments == state.firstMoments.map({ -$0 }) else {
            throw .badState(tensor: "moments", expected: "each other's negatives", found: "others")
        }
        table = state.firstMoments
        steps = state.stepCount
    }
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
            "optimizer": JSON(members: ["learning_rate": .number(10)]),
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

    /// A session in the folder `out` over ``BigramTrainer``.
    func session(
        _ out: String, _ changes: KeyValuePairs<String, JSON?> = [:], resumes: Bool = false, threads: Int = 1,
        availableBytes: Int? = nil, breaksAt: Int? = nil, report: @escaping (RunEvent) -> Void = { _ in }
    ) throws -> TrainingSession {
        let recipe = try data.folder.write("recipe.json", json: json(changes))
        return try TrainingSession(
            recipe: recipe, folder: path(out), resumes: resumes, threadCount: threads, availableBytes: availableBytes,
            factory: BigramTrainer.factory(breaksAt: breaksAt), report: report)
    }

    /// The bytes of a file below `out`.
    func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name)))) }

    func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
    }
}
