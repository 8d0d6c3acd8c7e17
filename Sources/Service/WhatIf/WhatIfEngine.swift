// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Synchronization

/// An engine for one request: draws from the logits of a kept run as long as they hold, and hands the rest, if there is
/// any, to the engine behind it. Its events are those of the request computed anew.
struct WhatIfEngine: InferenceEngine {
    let plan: WhatIfPlan
    let engine: any InferenceEngine

    var models: [ModelInfo] { engine.models }
    func metrics(model: String) -> EngineMetrics { engine.metrics(model: model) }
    func drain() { engine.drain() }

    /// Nothing is left to stop.
    private struct Done: GenerationHandle {
        func cancel() {}
        func pause() {}
        func resume() {}
    }

    func submit(
        _ group: GenerationGroup, model: String, sink: @escaping @Sendable (GenerationEvent) -> Void
    ) throws(EngineError) -> any GenerationHandle {
        let request = group.requests[0]
        let redecoding = Redecoding(
            request, over: plan.run.recorder, choice: plan.report.choice,
            tokenizer: plan.generation.model.tokenizer)
        let result: Redecoding.Result
        do throws(DecodingError) {
            result = try redecoding.run()
        } catch {
            throw .decoding(error)
        }
        let report = plan.report
        report.update { state in
            state.redecodedTokens = result.tokenCount
            state.difference = result.difference
        }
        guard let rest = result.rest else {
            sink(.prompt(index: 0, tokens: []))
            for event in result.events { sink(event) }
            var usage = GenerationUsage(promptTokens: request.prompt.count)
            usage.cachedTokens = request.prompt.count
            usage.generatedTokens = result.tokenCount
            sink(.completed([usage]))
            return Done()
        }
        let start = Start(result, sink)
        return try engine.submit(GenerationGroup([rest]), model: model) { event in
            start.send()
            switch event {
            case .prompt: break
            case .completed(let usages):
                sink(.completed(usages.map { Self.usage($0, request, result, report) }))
            default: sink(event)
            }
        }
    }

    /// What was spent on the request in all.
    private static func usage(
        _ rest: GenerationUsage, _ request: GenerationRequest, _ result: Redecoding.Result, _ report: WhatIfReport
    ) -> GenerationUsage {
        var usage = rest
        let generatedCount = rest.generatedTokens
        report.update { $0.computedTokens = rest.promptTokens - rest.cachedTokens + max(0, generatedCount - 1) }
        usage.promptTokens = request.prompt.count
        usage.cachedTokens = min(rest.cachedTokens, request.prompt.count)
        usage.generatedTokens += result.tokenCount
        return usage
    }
}

/// Sends what was drawn again before the first event of the rest: a request that is refused has no answer.
private final class Start: Sendable {
    private let pending: Mutex<[GenerationEvent]>
    private let sink: @Sendable (GenerationEvent) -> Void

    init(_ result: Redecoding.Result, _ sink: @escaping @Sendable (GenerationEvent) -> Void) {
        pending = Mutex([.prompt(index: 0, tokens: [])] + result.events)
        self.sink = sink
    }

    func send() {
        let events = pending.withLock { events in
            defer { events = [] }
            return events
        }
        for event in events { sink(event) }
    }
}
