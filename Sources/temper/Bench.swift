// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Engine
import StrictJSON

/// `temper bench`: tokens per second of the forward pass, as llama.cpp's llama-bench measures them.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure prefill and decode of a checkpoint in tokens per second.")

    @Argument(help: "The checkpoint: a file, a folder, or a name in the models folder.")
    var model: String

    @Option(name: .customLong("prompt"), help: "Tokens of the prompt.")
    var promptTokens = 512

    @Option(name: .customLong("generate"), help: "Tokens decoded one by one.")
    var generatedTokens = 64

    @Option(name: .shortAndLong, help: "Threads.")
    var threads = 2

    @Option(name: .shortAndLong, help: "Repetitions; the median counts.")
    var repetitions = 3

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard promptTokens > 0, generatedTokens > 0, threads > 0, threads <= 1024, repetitions > 0 else {
            throw ValidationError("--prompt, --generate, --threads and --repetitions are positive numbers")
        }
    }

    func run() throws {
        let path = ModelFiles(modelsFolder: Environment.text("MODELS_DIR")).path(of: model)
        let loaded: LoadedModel
        do throws(ModelLoadError) {
            loaded = try LoadedModel(path: path, options: EngineOptions(threadCount: threads))
        } catch {
            throw Failure(error, at: path)
        }
        guard max(promptTokens, generatedTokens) <= loaded.info.contextLength else {
            throw Failure("\(path): the model's context is \(loaded.info.contextLength) tokens")
        }
        guard let benchmark = ModelBenchmark(loaded, threadCount: threads) else {
            throw Failure("\(path): the system refuses memory for the KV cache")
        }
        _ = benchmark.decode(tokenCount: 1)
        let prefill = median { rate(promptTokens, benchmark.prefill(tokenCount: promptTokens)) }
        let decode = median { rate(generatedTokens, benchmark.decode(tokenCount: generatedTokens)) }
        let gigabytes = decode * Double(benchmark.bytesPerToken) / 1e9
        guard json else {
            print("\(loaded.info.id): \(loaded.info.weightTypes.joined(separator: "+")), \(threads) threads")
            print("prefill \(promptTokens): \(rounded(prefill)) tokens/s")
            print("decode \(generatedTokens): \(rounded(decode)) tokens/s, \(rounded(gigabytes)) GB/s of weights")
            return
        }
        var writer = JSONWriter()
        writer.object { object in
            object.member("model", loaded.info.id)
            object.member("threads", threads)
            object.member("prompt_tokens", promptTokens)
            object.member("prefill_tokens_per_second", prefill)
            object.member("generated_tokens", generatedTokens)
            object.member("decode_tokens_per_second", decode)
            object.member("weight_bytes_per_token", benchmark.bytesPerToken)
        }
        print(String(decoding: writer.bytes, as: UTF8.self))
    }

    private func rate(_ tokens: Int, _ duration: Duration) -> Double {
        Double(tokens) / (duration / .seconds(1))
    }

    private func median(_ measure: () -> Double) -> Double {
        let values = (0..<repetitions).map { _ in measure() }.sorted()
        return values[values.count / 2]
    }

    private func rounded(_ value: Double) -> String {
        let tenths = (value * 10).rounded() / 10
        return value < 100 ? "\(tenths)" : "\(Int(value.rounded()))"
    }
}
