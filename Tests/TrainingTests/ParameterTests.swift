// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Testing
import Training

@Suite("Weights under training")
struct ParameterTests {
    @Test("start normal by their inputs, residual projections smaller, norms at one, biases at zero")
    func initialization() throws {
        var config = try TrainingGoldens.parameters("gpt2").config
        config.width = 128
        config.feedForwardWidth = 256
        config.headSize = 64
        let parameters = TrainableParameters(config, seed: 9)
        for entry in parameters.entries {
            let values = try #require(parameters[entry.name]).map(Double.init)
            if entry.shape.count == 1 {
                #expect(values.allSatisfy { $0 == (entry.name.hasSuffix(".bias") ? 0 : 1) }, "\(entry.name)")
                continue
            }
            let isResidual = entry.name.contains("attn_output") || entry.name.contains("ffn_down")
            let expected = (entry.name.contains("embd") ? 3 : 1) / Double(entry.shape[1])
            let deviation = expected.squareRoot() / (isResidual ? 2 : 1)
            let count = Double(values.count)
            let mean = values.reduce(0, +) / count
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
            #expect(abs(mean) < 5 * deviation / count.squareRoot(), "\(entry.name)")
            #expect(abs(variance.squareRoot() / deviation - 1) < 4 / (2 * count).squareRoot(), "\(entry.name)")
        }
    }

    @Test("depend on the seed and the tensor's name, not on the model's size")
    func seeds() throws {
        var config = try TrainingGoldens.parameters("llama").config
        let first = TrainableParameters(config, seed: 1)
        #expect(TrainableParameters(config, seed: 1).bits == first.bits)
        #expect(TrainableParameters(config, seed: 2)["token_embd.weight"] != first["token_embd.weight"])
        #expect(first["blk.0.attn_k.weight"] != first["blk.0.attn_v.weight"])
        config.vocabularySize = 32
        #expect(TrainableParameters(config, seed: 1)["blk.0.attn_q.weight"] == first["blk.0.attn_q.weight"])
    }

    @Test("come back from a checkpoint as they went, rounded to the type asked for")
    func checkpoints() throws {
        let parameters = try TrainingGoldens.parameters("qwen2")
        let same = try TrainableParameters(parameters.makeCheckpoint(tokenizer: nil))
        #expect(same.bits == parameters.bits && same.entries == parameters.entries)
        let rounded = try TrainableParameters(parameters.makeCheckpoint(type: .bf16, tokenizer: nil))
        for entry in parameters.entries {
            let values = try #require(parameters[entry.name])
            let found = try #require(rounded[entry.name])
            for (value, back) in zip(values, found) {
                #expect(entry.shape.count == 1 ? back == value : abs(back - value) <= abs(value) / 256)
            }
        }
        let half = try TrainableParameters(parameters.makeCheckpoint(type: .f16, tokenizer: nil))
        #expect(half["output.weight"] == parameters["output.weight"]?.map { Float(Float16($0)) })
    }

    @Test("must make the model of their configuration")
    func wrongShape() throws {
        var checkpoint = try TrainingGoldens.parameters("llama").makeCheckpoint(tokenizer: nil)
        checkpoint.tensors["blk.0.ffn_up.weight"] = checkpoint.tensors["blk.0.ffn_down.weight"]
        #expect(throws: TrainingError.self) { try TrainableParameters(checkpoint) }
        checkpoint.tensors["blk.0.ffn_up.weight"] = nil
        #expect(throws: TrainingError.self) { try TrainableParameters(checkpoint) }
    }
}
