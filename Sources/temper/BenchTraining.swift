// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Checkpoints
import Compute
import Glibc
import StrictJSON
import Training

/// `temper bench-training`: steps of training on random ids, one for each line of standard input, so that a script can
/// let another program take its turns between them (Benchmarks/training.py).
struct BenchTraining: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-training",
        abstract:
            "Trains a llama of the given shape one step per line of input; prints seconds and loss as JSON lines.",
        shouldDisplay: false)

    @Option(help: "C.") var width = 128
    @Option(help: "Blocks.") var layers = 4
    @Option(help: "Query heads.") var heads = 4
    @Option(help: "Key and value heads.") var kvHeads = 4
    @Option(help: "The inner width of the feed-forward layers.") var ffn = 384
    @Option(help: "V; the head is tied.") var vocabulary = 1024
    @Option(help: "T: rows of a sequence.") var length = 512
    @Option(help: "Sequences of a step.") var sequences = 16
    @Option(help: "Threads.") var threads = 2
    @Option(help: "Rows of a pass.") var rowsPerPass = TrainerOptions().rowsPerPass
    @Flag(help: "Run blocks again in the backward pass.") var recompute = false

    func validate() throws {
        guard width > 0, layers > 0, kvHeads > 0, heads > 0, heads % kvHeads == 0, width % (2 * heads) == 0, ffn > 0,
            vocabulary > 1, length > 0, sequences > 0, threads > 0, threads <= 1024
        else { throw ValidationError("sizes are positive, kv-heads divide heads, and heads of even size divide width") }
    }

    func run() throws {
        let config = ModelConfig(
            family: .llama, vocabularySize: vocabulary, contextLength: length, width: width, layerCount: layers,
            headCount: heads, kvHeadCount: kvHeads, headSize: width / heads, feedForwardWidth: ffn, normEpsilon: 1e-5,
            rope: RopeConfig(dimensions: width / heads, base: 10_000, pairing: .halves, scaling: .none),
            activation: .swiGLU, tiesHead: true)
        var options = TrainerOptions()
        options.rowsPerPass = rowsPerPass
        options.recomputesBlocks = recompute
        let memory = try TrainingMemory(
            config, options: options, sequenceLength: length, threadCount: threads)
        let trainer = try Trainer(
            TrainableParameters(config, seed: 1), options: options, pool: WorkerPool(threadCount: threads))
        var batch = TrainingBatch()
        for sequence in 0..<sequences {
            batch.appendDocument((0...length).map { Int32(($0 &* 7919 &+ sequence &* 104_729) % vocabulary) })
        }
        while readLine(strippingNewline: true) != nil {
            var loss = 0.0
            let duration = try ContinuousClock().measure {
                loss = try trainer.accumulate(batch).mean
                _ = try trainer.step(learningRate: 1e-3)
            }
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            var writer = JSONWriter()
            writer.object { object in
                object.member("parameters", trainer.parameters.parameterCount)
                object.member("seconds", duration / .seconds(1))
                object.member("loss", loss)
                object.member("peak_bytes", usage.ru_maxrss * 1024)
                object.member("foretold_bytes", memory.total)
            }
            print(String(decoding: writer.bytes, as: UTF8.self))
            fflush(nil)
        }
    }
}
