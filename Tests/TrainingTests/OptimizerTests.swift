// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Foundation
import Testing
import Training

@Suite("AdamW")
struct OptimizerTests {
    @Test(
        "moves every weight as the formula says, and decays matrices only", arguments: ["llama-tied", "gpt2"],
        [false, true])
    func formula(_ name: String, _ decaysEmbeddings: Bool) throws {
        var options = TrainerOptions()
        options.optimizer.weightDecay = 0.5
        options.optimizer.decaysEmbeddings = decaysEmbeddings
        options.optimizer.clipNorm = 0.25
        let parameters = try TrainingGoldens.parameters(name)
        let trainer = try Trainer(parameters, options: options, pool: WorkerPool(threadCount: 2))
        let (rate, beta1, beta2) = (0.01, options.optimizer.beta1, options.optimizer.beta2)
        var first: [String: [Double]] = [:]
        var second: [String: [Double]] = [:]
        for step in 1...2 {
            let batch = TrainingBatch.random(lengths: [12], vocabularySize: 96, seed: UInt64(step))
            let sum = try trainer.accumulate(batch)
            var before: [String: [Float]] = [:]
            var gradients: [String: [Double]] = [:]
            for entry in parameters.entries {
                before[entry.name] = parameters[entry.name]
                gradients[entry.name] = try #require(trainer.gradientSum(entry.name)).map { Double($0) / sum.weight }
            }
            let norm = gradients.values.reduce(0) { $1.reduce($0) { $0 + $1 * $1 } }.squareRoot()
            let report = try trainer.step(learningRate: rate)
            #expect(abs(report.gradientNorm - norm) < 1e-9 * norm)
            #expect(abs(report.clipFactor - 0.25 / (norm + 1e-6)) < 1e-9)
            for entry in parameters.entries {
                let isEmbedding = ["token_embd.weight", "position_embd.weight"].contains(entry.name)
                let decays = entry.shape.count > 1 && (!isEmbedding || decaysEmbeddings)
                let found = try #require(parameters[entry.name])
                let weights = try #require(before[entry.name])
                let slopes = try #require(gradients[entry.name]).map { $0 * report.clipFactor }
                var m = first[entry.name] ?? [Double](repeating: 0, count: found.count)
                var v = second[entry.name] ?? m
                for index in found.indices {
                    m[index] = beta1 * m[index] + (1 - beta1) * slopes[index]
                    v[index] = beta2 * v[index] + (1 - beta2) * slopes[index] * slopes[index]
                    let mean = m[index] / (1 - pow(beta1, Double(step)))
                    let root = (v[index] / (1 - pow(beta2, Double(step)))).squareRoot()
                    let kept = Double(weights[index]) * (decays ? 1 - rate * 0.5 : 1)
                    let expected = kept - rate * mean / (root + 1e-8)
                    // Where a gradient is hardly more than rounding noise, its direction is too.
                    let tolerance = abs(slopes[index]) < 1e-6 ? 2 * rate : 1e-6 + 1e-6 * abs(expected)
                    #expect(abs(Double(found[index]) - expected) < tolerance, "\(entry.name) \(index), step \(step)")
                }
                (first[entry.name], second[entry.name]) = (m, v)
            }
        }
    }

    @Test("leaves weights readable by a writer and a reader of checkpoints")
    func writing() throws {
        let parameters = try TrainingGoldens.parameters("qwen3")
        let trainer = try Trainer(parameters, options: TrainerOptions(), pool: WorkerPool(threadCount: 1))
        _ = try trainer.accumulate(.random(lengths: [9], vocabularySize: 96, seed: 1))
        _ = try trainer.step(learningRate: 0.1)
        let folder = FileManager.default.temporaryDirectory.appending(path: "training-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try parameters.makeCheckpoint(tokenizer: nil).writeHuggingFace(toFolder: folder.path)
        let back = try TrainableParameters(Checkpoint.open(path: folder.path))
        #expect(back.bits == parameters.bits)
        #expect(try TrainingGoldens.parameters("qwen3").bits != parameters.bits)
    }
}
