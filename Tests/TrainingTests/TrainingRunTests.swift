// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Testing
import Training

@Suite("Training")
struct TrainingRunTests {
    @Test("follows PyTorch over twenty steps of AdamW with warm-up and clipping", arguments: TrainingGoldens.runs)
    func followsPyTorch(_ run: TrainingGoldens.Run) throws {
        try #require(run.losses.count == 20)
        let trainer = try Trainer(
            TrainingGoldens.parameters(run.name), options: run.options, pool: WorkerPool(threadCount: 2))
        for (step, expected) in run.losses.enumerated() {
            let sum = try trainer.accumulate(run.batches[step % run.batches.count])
            #expect(abs(sum.mean - expected) < 1e-3, "step \(step)")
            let report = try trainer.step(learningRate: run.schedule.rate(step: step))
            #expect(abs(report.gradientNorm - run.norms[step]) < 2e-3 * run.norms[step], "step \(step)")
            #expect(report.clipFactor < 1)
        }
        #expect(trainer.stepCount == 20)
    }

    @Test("gives the same bits on any number of threads, with and without recomputation", arguments: ["llama", "gpt2"])
    func isInvariant(_ name: String) throws {
        // Lengths beyond the blocks of attention, and more than one pass.
        let config = try smallConfig(name)
        let batch = TrainingBatch.random(lengths: [200, 7, 131, 64, 300], vocabularySize: 96, seed: 3)
        var expected: [UInt32]?
        for (threads, recomputes) in [(1, false), (2, false), (3, false), (2, true)] {
            var options = TrainerOptions()
            options.rowsPerPass = 400
            options.recomputesBlocks = recomputes
            let trainer = try Trainer(
                TrainableParameters(config, seed: 1), options: options, pool: WorkerPool(threadCount: threads))
            for _ in 0..<2 {
                _ = try trainer.accumulate(batch)
                _ = try trainer.step(learningRate: 1e-2)
            }
            let bits = trainer.parameters.bits
            #expect(expected == nil || bits == expected, "\(threads) threads, recomputing: \(recomputes)")
            expected = bits
        }
    }

    @Test("gives the same bits with the scalar kernels", arguments: ["llama", "gpt2"])
    func equalsScalar(_ name: String) throws {
        let config = try smallConfig(name)
        let batch = TrainingBatch.random(lengths: [150, 20], vocabularySize: 96, seed: 4)
        let pool = WorkerPool(threadCount: 2)
        let bits = try [false, true].map { isPortable in
            let trainer = try Trainer(
                TrainableParameters(config, seed: 2), options: TrainerOptions(), pool: pool, isPortable: isPortable)
            _ = try trainer.accumulate(batch)
            _ = try trainer.step(learningRate: 1e-2)
            return trainer.parameters.bits
        }
        #expect(bits[0] == bits[1])
    }

    @Test("accumulates two batches as if they were one")
    func accumulates() throws {
        let golden = try #require(TrainingGoldens.gradients.first { $0.name == "llama" })
        let pool = WorkerPool(threadCount: 1)
        let whole = try Trainer(TrainingGoldens.parameters("llama"), options: TrainerOptions(), pool: pool)
        let halves = try Trainer(TrainingGoldens.parameters("llama"), options: TrainerOptions(), pool: pool)
        _ = try whole.accumulate(golden.batch)
        // Of unequal weight, so that a mean of means would be another loss.
        _ = try halves.accumulate(golden.batch.selecting { $0 < 2 })
        _ = try halves.accumulate(golden.batch.selecting { $0 >= 2 })
        let norms = try [whole, halves].map { try $0.step(learningRate: 1e-3).gradientNorm }
        #expect(abs(norms[0] - norms[1]) < 1e-5 * norms[0])
        for entry in whole.parameters.entries {
            let difference = relativeDifference(
                try #require(halves.parameters[entry.name]), try #require(whole.parameters[entry.name]))
            #expect(difference < 1e-5, "\(entry.name)")
        }
    }

    @Test("goes on from a saved state bit for bit")
    func resumes() throws {
        let run = try #require(TrainingGoldens.runs.first)
        let pool = WorkerPool(threadCount: 2)
        func steps(_ trainer: Trainer, _ range: Range<Int>) throws {
            for step in range {
                _ = try trainer.accumulate(run.batches[step % 2])
                _ = try trainer.step(learningRate: run.schedule.rate(step: step))
            }
        }
        let straight = try Trainer(TrainingGoldens.parameters(run.name), options: run.options, pool: pool)
        try steps(straight, 0..<6)
        let first = try Trainer(TrainingGoldens.parameters(run.name), options: run.options, pool: pool)
        try steps(first, 0..<3)
        let saved = first.parameters.makeCheckpoint(tokenizer: nil)
        let second = try Trainer(TrainableParameters(saved), options: run.options, pool: pool)
        try second.restore(first.optimizerState)
        #expect(second.stepCount == 3)
        try steps(second, 3..<6)
        #expect(second.parameters.bits == straight.parameters.bits)
        #expect(second.optimizerState == straight.optimizerState)
    }

    @Test("does not look at what follows the last label of a sequence")
    func ignoresTails() throws {
        let parameters = try TrainingGoldens.parameters("llama-tied")
        let trainer = try Trainer(parameters, options: TrainerOptions(), pool: WorkerPool(threadCount: 1))
        var short = TrainingBatch()
        short.appendDocument([5, 6, 7, 8])
        var padded = TrainingBatch()
        padded.appendDocument([5, 6, 7, 8, 0, 0, 0]) { $0 < 4 }
        #expect(try trainer.evaluate(short) == trainer.evaluate(padded))
        #expect(try trainer.accumulate(padded) == trainer.evaluate(short))
        #expect(padded.labelledCount == 3)
    }

    private func smallConfig(_ name: String) throws -> ModelConfig {
        var config = try TrainingGoldens.parameters(name).config
        config.contextLength = 320
        return config
    }
}

extension TrainableParameters {
    /// The bits of all weights.
    var bits: [UInt32] { withValues { $0.map(\.bitPattern) } }
}
