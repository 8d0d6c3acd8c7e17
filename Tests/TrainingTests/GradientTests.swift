// SPDX-License-Identifier: Apache-2.0

import Compute
import Testing
import Training

@Suite("Gradients of tiny models")
struct GradientTests {
    @Test("equal those of PyTorch, with masked tokens and packed documents", arguments: TrainingGoldens.gradients)
    func equalPyTorch(_ golden: TrainingGoldens.Gradients) throws {
        let trainer = try Trainer(
            TrainingGoldens.parameters(golden.name), options: TrainerOptions(), pool: WorkerPool(threadCount: 2))
        let sum = try trainer.accumulate(golden.batch)
        #expect(abs(sum.mean - golden.loss) < 1e-5 * golden.loss)
        #expect(Set(trainer.parameters.entries.map(\.name)) == Set(golden.tensors.keys))
        for (name, expected) in golden.tensors {
            let found = try #require(trainer.gradientSum(name)).map { $0 / Float(sum.weight) }
            let difference = relativeDifference(found, expected)
            #expect(difference < 1e-4, "\(name): off by \(difference) of the largest")
        }
    }

    @Test("are there for every family")
    func coverFamilies() {
        let names = Set(TrainingGoldens.gradients.map(\.name))
        #expect(
            names.isSuperset(of: [
                "llama", "llama-tied", "llama-rope-llama3", "llama-rope-linear", "llama-rope-yarn", "mistral", "qwen2",
                "qwen3", "gpt2",
            ]))
    }

    @Test("of a packed batch are those of its documents one by one", arguments: TrainingGoldens.gradients)
    func packing(_ golden: TrainingGoldens.Gradients) throws {
        let parameters = try TrainingGoldens.parameters(golden.name)
        let pool = WorkerPool(threadCount: 1)
        let packed = try Trainer(parameters, options: TrainerOptions(), pool: pool)
        let single = try Trainer(parameters, options: TrainerOptions(), pool: pool)
        let sum = try packed.accumulate(golden.batch)
        var parts = LossSum()
        for sequence in Set(golden.batch.sequences).sorted() {
            parts += try single.accumulate(golden.batch.selecting { $0 == sequence })
        }
        #expect(abs(sum.loss - parts.loss) < 1e-5 * sum.loss)
        #expect(sum.weight == parts.weight && sum.correctCount == parts.correctCount)
        for entry in parameters.entries {
            let difference = relativeDifference(
                try #require(single.gradientSum(entry.name)), try #require(packed.gradientSum(entry.name)))
            #expect(difference < 1e-5, "\(entry.name)")
        }
    }

    @Test("agree with differences of the loss along random directions", arguments: ["llama", "qwen3", "gpt2"])
    func finiteDifferences(_ name: String) throws {
        let parameters = try TrainingGoldens.parameters(name)
        let trainer = try Trainer(parameters, options: TrainerOptions(), pool: WorkerPool(threadCount: 2))
        let batch = TrainingBatch.random(lengths: [17, 30], vocabularySize: 96, seed: 5)
        _ = try trainer.accumulate(batch)
        var generator = SeededGenerator(seed: 11)
        for entry in parameters.entries {
            let start = try #require(parameters[entry.name])
            let gradient = try #require(trainer.gradientSum(entry.name))
            // Along the gradient itself, somewhat disturbed, so that the slope is large against the noise.
            let length = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let direction = zip(gradient, generator.floats(gradient.count)).map {
                $0 / length + 0.1 * $1 / Float(gradient.count).squareRoot()
            }
            let step: Float = 2e-3
            func loss(_ sign: Float) throws -> Double {
                try parameters.replace(entry.name, with: zip(start, direction).map { $0 + sign * step * $1 })
                return try trainer.evaluate(batch).loss
            }
            let slope = try (loss(1) - loss(-1)) / Double(2 * step)
            try parameters.replace(entry.name, with: start)
            let expected = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            #expect(abs(slope - expected) < 0.02 * abs(expected), "\(entry.name): \(slope), not \(expected)")
        }
    }
}
