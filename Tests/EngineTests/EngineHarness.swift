// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Foundation
import Synchronization
import Tokenizers

/// Where a choice of a lane left the first lane's.
struct DivergedChoice: Sendable {
    var lane: Int
    var choice: Int
    var divergence: Divergence
}

/// What a group's sink was told, gathered until its last event.
final class Recorder: Sendable {
    struct Text: Sendable, Equatable {
        var text = ""
        var ids: [Int32] = []
        var logprobs: [UInt32?] = []
        var isShown: [Bool] = []
        var reason: FinishReason?
    }

    private struct State {
        var texts: [[Text]]
        var prompts: [[ReportedToken]]
        var usages: [GenerationUsage]?
        var error: EngineError?
        var events = 0
        var divergences: [DivergedChoice] = []
        var distributions: DistributionReport?
        var embeddings: [Int: [Float]] = [:]
        var statistics: [Int: [DrawStatistics]] = [:]
        var steps: [SearchStep] = []
    }

    private let state: Mutex<State>
    private let done = DispatchSemaphore(value: 0)

    init(_ requests: [GenerationRequest]) {
        state = Mutex(
            State(
                texts: requests.map { Array(repeating: Text(), count: $0.choiceCount) },
                prompts: requests.map { _ in [] }))
    }

    func receive(_ event: GenerationEvent) {
        state.withLock { state in
            state.events += 1
            switch event {
            case .prompt(let index, let tokens): state.prompts[index] = tokens
            case .delta(let index, let choice, let text, let tokens):
                state.texts[index][choice].text += text
                state.statistics[index, default: []] += tokens.compactMap(\.statistics)
                state.texts[index][choice].ids += tokens.map(\.id)
                state.texts[index][choice].isShown += tokens.map(\.isShown)
                state.texts[index][choice].logprobs += tokens.map { $0.logprob?.bitPattern }
            case .searched(_, let step): state.steps.append(step)
            case .distributions(_, let report): state.distributions = report
            case .embedding(let index, let embedding): state.embeddings[index] = embedding
            case .diverged(let index, let choice, let divergence):
                state.divergences.append(DivergedChoice(lane: index, choice: choice, divergence: divergence))
            case .finished(let index, let choice, let reason): state.texts[index][choice].reason = reason
            case .completed(let usages):
                state.usages = usages
                done.signal()
            case .failed(let error):
                state.error = error
                done.signal()
            }
        }
    }

    /// Waits for the last event.
    @discardableResult
    func wait(seconds: Double = 60) -> Bool { done.wait(timeout: .now() + seconds) == .success }

    var texts: [[Text]] { state.withLock { $0.texts } }
    var prompts: [[ReportedToken]] { state.withLock { $0.prompts } }
    var usages: [GenerationUsage]? { state.withLock { $0.usages } }
    var error: EngineError? { state.withLock { $0.error } }
    var divergences: [DivergedChoice] { state.withLock { $0.divergences } }
    var distributions: DistributionReport? { state.withLock { $0.distributions } }
    var embeddings: [Int: [Float]] { state.withLock { $0.embeddings } }
    var statistics: [Int: [DrawStatistics]] { state.withLock { $0.statistics } }
    var steps: [SearchStep] { state.withLock { $0.steps } }
    var eventCount: Int { state.withLock { $0.events } }
}

/// An engine over a tiny random checkpoint with a byte-level vocabulary.
struct Harness {
    static let checkpoint = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/models/qwen2-chat/model.gguf").path

    let engine: TemperEngine
    let id: String

    init(threads: Int = 2, _ adjust: (inout EngineOptions) -> Void = { _ in }) throws {
        var options = EngineOptions(threadCount: threads)
        adjust(&options)
        let model = try LoadedModel(path: Self.checkpoint, options: options)
        id = model.info.id
        engine = TemperEngine(models: [model], threadCount: threads)
    }

    var info: ModelInfo { engine.models[0] }

    func start(_ requests: [GenerationRequest]) throws -> (Recorder, any GenerationHandle) {
        try start(GenerationGroup(requests))
    }

    func start(_ group: GenerationGroup) throws -> (Recorder, any GenerationHandle) {
        let recorder = Recorder(group.requests)
        let handle = try engine.submit(group, model: id) { recorder.receive($0) }
        return (recorder, handle)
    }

    /// Runs a group to its end.
    func finish(_ group: GenerationGroup) throws -> Recorder {
        let (recorder, _) = try start(group)
        recorder.wait()
        if let error = recorder.error { throw error }
        return recorder
    }

    /// Runs the requests and returns their choices.
    func run(_ requests: [GenerationRequest]) throws -> [[Recorder.Text]] {
        let (recorder, _) = try start(requests)
        recorder.wait()
        if let error = recorder.error { throw error }
        return recorder.texts
    }

    /// The figures once nothing runs, which is counted after the last event was sent; as they are if something does.
    func idleMetrics() -> EngineMetrics {
        for _ in 0..<200 where engine.metrics(model: id).runningSequences > 0 { usleepBriefly() }
        return engine.metrics(model: id)
    }

    /// A request for `text` that samples with `seed` and does not end early.
    func request(_ text: String, seed: UInt64 = 1, max: Int = 24) -> GenerationRequest {
        var sampling = SamplingParameters()
        sampling.seed = seed
        var request = GenerationRequest(
            prompt: info.tokenizer.encode(text, addSpecial: true, parseSpecial: false), maxTokens: max,
            sampling: sampling)
        request.ignoresEnd = true
        request.logprobCount = 2
        return request
    }
}
