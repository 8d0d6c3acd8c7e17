// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Checkpoints
import Decoding
import Dispatch
import Engine
import Glibc
import Synchronization
import Tokenizers

/// How the engine runs, on the command line and in the environment.
struct EngineFlags: ParsableArguments {
    @Option(help: "Threads that compute. [TEMPER_THREADS; default: one per core]")
    var threads: Int?

    @Option(help: "Prompt and continuation together, in tokens. [TEMPER_CTX; default: what the model was made for]")
    var ctx: Int?

    @Option(help: "The vocabulary's file where it is not beside the checkpoint. [TEMPER_TOKENIZER]")
    var tokenizer: String?

    @Option(
        name: [.customLong("kv-memory"), .customLong("cache-bytes")],
        help:
            "Key-value cache per model, such as 512M. [TEMPER_KV_MEMORY; default: eight full contexts, within a quarter of memory]"
    )
    var kvMemory: ByteCount?

    @Flag(help: "Computes every prompt from its start. [TEMPER_NO_PREFIX_CACHE]")
    var noPrefixCache = false

    @Option(
        help:
            "Milliseconds that running answers wait for their next token while prompts are computed, about. [TEMPER_MAX_GAP; default: 50]"
    )
    var maxGap: Double?

    @Option(help: "Where models are looked for by name. [TEMPER_MODELS_DIR; default: Models beside the program]")
    var modelsDir: String?

    /// The options of the engine.
    func options() throws -> EngineOptions {
        let threads = try Environment.value(threads, "THREADS") ?? Self.coreCount
        guard (1...256).contains(threads) else { throw ValidationError("--threads must be from 1 to 256") }
        var options = EngineOptions(threadCount: threads)
        options.contextLength = try Environment.value(ctx, "CTX")
        options.cacheBytes = try Environment.value(kvMemory, "KV_MEMORY")?.bytes
        if let gap = try Environment.value(maxGap, "MAX_GAP") {
            guard (1...10_000).contains(gap) else { throw ValidationError("--max-gap must be from 1 to 10000") }
            options.stepDuration = .milliseconds(gap)
        }
        options.keepsPrefixes = try !Environment.flag(noPrefixCache, "NO_PREFIX_CACHE")
        return options
    }

    /// Finds models.
    func files() throws -> ModelFiles {
        ModelFiles(modelsFolder: try Environment.value(modelsDir, "MODELS_DIR"))
    }

    /// The cores that this process may use: those of the machine, fewer where a cgroup sets a quota.
    static var coreCount: Int {
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        guard let file = fopen("/sys/fs/cgroup/cpu.max", "re") else { return min(cores, 256) }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 128)
        guard fgets(&buffer, 128, file) != nil else { return min(cores, 256) }
        let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let parts = text.split(whereSeparator: \.isWhitespace).map { Int($0) }
        guard parts.count == 2, let quota = parts[0], let period = parts[1], quota > 0, period > 0 else {
            return min(cores, 256)
        }
        return min(cores, max(1, (quota + period - 1) / period), 256)
    }
}

/// Loads models and makes the engine.
enum EngineFactory {
    /// Loads the checkpoints at `paths`, the default first, and says what is done.
    ///
    /// - Throws: a ``Failure`` with the reason.
    static func load(
        _ paths: [String], tokenizer: String?, options: EngineOptions, report: (String) -> Void
    ) throws -> TemperEngine {
        var models: [LoadedModel] = []
        var reservedBytes = 0
        for path in paths {
            report("loading \(path)")
            let start = ContinuousClock.now
            let model: LoadedModel
            do {
                model = try LoadedModel(
                    path: path, tokenizer: tokenizer, options: options, reservedBytes: reservedBytes)
            } catch {
                throw Failure(error, at: path)
            }
            guard !models.contains(where: { $0.info.id == model.info.id }) else {
                throw Failure("\(path): another model is named \(model.info.id) already")
            }
            reservedBytes += model.memory.totalBytes
            models.append(model)
            let seconds = ((ContinuousClock.now - start) / .milliseconds(1)).rounded() / 1000
            report(
                "loaded \(model.info.id) in \(seconds) s: \(model.info.config.family.rawValue), "
                    + "\(model.info.weightTypes.joined(separator: " ")), context \(model.info.contextLength), "
                    + "memory \(model.memory)")
        }
        let engine = TemperEngine(models: models, threadCount: options.threadCount)
        for model in engine.models {
            report("warming up \(model.id)")
            try warmUp(engine, model)
        }
        return engine
    }

    /// Runs one step, so that the weights are read before the first request asks for them.
    private static func warmUp(_ engine: TemperEngine, _ model: ModelInfo) throws {
        var request = GenerationRequest(
            prompt: [model.tokenizer.bosID ?? 0], maxTokens: min(1, model.contextLength - 1))
        request.sampling.temperature = 0
        let done = DispatchSemaphore(value: 0)
        let failure = Mutex<EngineError?>(nil)
        do throws(EngineError) {
            _ = try engine.submit([request], model: model.id) { event in
                switch event {
                case .completed: done.signal()
                case .failed(let error):
                    failure.withLock { $0 = error }
                    done.signal()
                default: break
                }
            }
        } catch {
            throw Failure("\(model.id): \(error)")
        }
        done.wait()
        if let error = failure.withLock({ $0 }) { throw Failure("\(model.id): warming up: \(error)") }
    }
}
