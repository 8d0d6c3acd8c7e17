// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Testing
import Training

@Suite("Training refuses")
struct RobustnessTests {
    private func makeTrainer(
        _ name: String = "llama", options: TrainerOptions = TrainerOptions()
    ) throws -> Trainer {
        try Trainer(TrainingGoldens.parameters(name), options: options, pool: WorkerPool(threadCount: 1))
    }

    @Test("rows that are out of range")
    func badRows() throws {
        let trainer = try makeTrainer()
        func refuses(_ change: (inout (id: Int32, position: Int32, target: Int32, weight: Float)) -> Void) {
            var batch = TrainingBatch()
            batch.append(id: 1, position: 0, sequence: 0, target: 1, weight: 1)
            var row = (id: Int32(1), position: Int32(1), target: Int32(1), weight: Float(1))
            change(&row)
            batch.append(id: row.id, position: row.position, sequence: 0, target: row.target, weight: row.weight)
            do {
                _ = try trainer.accumulate(batch)
                Issue.record("the batch was taken")
            } catch {
                guard case .badRow(row: 1, _, _) = error else {
                    Issue.record("\(error)")
                    return
                }
            }
        }
        refuses { $0.id = 96 }
        refuses { $0.id = -1 }
        refuses { $0.target = 96 }
        refuses { $0.position = 2 }
        refuses { $0.weight = -1 }
        refuses { $0.weight = .nan }
        #expect(throws: TrainingError.nothingAccumulated) { try trainer.step(learningRate: 1) }
    }

    @Test("a step with gradients that are not finite, and names the weight")
    func notFiniteWeight() throws {
        let trainer = try makeTrainer()
        let batch = TrainingBatch.random(lengths: [10], vocabularySize: 96, seed: 1)
        #expect(try trainer.findNonFinite(batch) == nil)
        var weights = try #require(trainer.parameters["blk.1.ffn_up.weight"])
        weights[17] = .nan
        try trainer.parameters.replace("blk.1.ffn_up.weight", with: weights)
        let origin = NonFiniteOrigin.weight(name: "blk.1.ffn_up.weight", index: 17)
        #expect(throws: TrainingError.notFinite(origin)) { try trainer.accumulate(batch) }
        #expect(try trainer.findNonFinite(batch) == origin)
        #expect(throws: TrainingError.nothingAccumulated) { try trainer.step(learningRate: 1) }
    }

    @Test("an overflow in the forward pass, and names operation and block")
    func notFiniteActivation() throws {
        let trainer = try makeTrainer()
        let batch = TrainingBatch.random(lengths: [10], vocabularySize: 96, seed: 1)
        let huge = try #require(trainer.parameters["blk.1.attn_v.weight"]).map { _ in Float(3e38) }
        try trainer.parameters.replace("blk.1.attn_v.weight", with: huge)
        let origin = try #require(try trainer.findNonFinite(batch))
        guard case .activation(operation: "linear", block: 1, row: _) = origin else {
            Issue.record("\(origin)")
            return
        }
    }

    @Test("a saved state of another model")
    func badState() throws {
        let trainer = try makeTrainer()
        var state = trainer.optimizerState
        state.firstMoments.removeLast()
        #expect(throws: TrainingError.self) { try trainer.restore(state) }
        state = trainer.optimizerState
        state.secondMoments[3] = -1
        #expect(throws: TrainingError.self) { try trainer.restore(state) }
        #expect(throws: TrainingError.self) { try trainer.parameters.replace("output_norm.weight", with: [1]) }
        #expect(throws: TrainingError.self) { try trainer.parameters.replace("nothing.weight", with: [1]) }
    }

    @Test("options out of range")
    func badOptions() throws {
        for change: (inout TrainerOptions) -> Void in [
            { $0.rowsPerPass = 0 }, { $0.optimizer.beta2 = 1 }, { $0.optimizer.clipNorm = 0 },
            { $0.optimizer.epsilon = .nan }, { $0.optimizer.weightDecay = -1 },
        ] {
            var options = TrainerOptions()
            change(&options)
            #expect(throws: TrainingError.self) { try makeTrainer(options: options) }
        }
    }

    @Test("nothing, and takes the memory that was foretold", arguments: ["llama", "gpt2"], [false, true])
    func memory(_ name: String, _ recomputes: Bool) throws {
        var options = TrainerOptions()
        options.rowsPerPass = 200
        options.recomputesBlocks = recomputes
        let trainer = try makeTrainer(name, options: options)
        let estimate = try TrainingMemory(
            trainer.parameters.config, options: options, sequenceLength: 40, threadCount: 1)
        #expect(estimate.weights == trainer.parameters.elementCount * 4)
        for seed in 0..<3 {
            let lengths = Array(repeating: 40, count: 12)
            _ = try trainer.accumulate(.random(lengths: lengths, vocabularySize: 96, seed: UInt64(seed)))
        }
        #expect(trainer.activationBytes <= estimate.activations)
        #expect(trainer.activationBytes >= estimate.activations * 3 / 4)
    }

    @Test("nothing where recomputation needs less memory")
    func recomputation() throws {
        let parameters = try TrainingGoldens.parameters("llama")
        var config = parameters.config
        config.layerCount = 8
        var options = TrainerOptions()
        let whole = try TrainingMemory(config, options: options, sequenceLength: 128, threadCount: 2)
        options.recomputesBlocks = true
        let less = try TrainingMemory(config, options: options, sequenceLength: 128, threadCount: 2)
        #expect(less.activations < whole.activations / 2)
        #expect(throws: TrainingError.self) {
            try TrainingMemory(config, options: options, sequenceLength: 1 << 20, threadCount: 2)
        }
    }
}
