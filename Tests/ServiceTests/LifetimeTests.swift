// SPDX-License-Identifier: Apache-2.0

import Engine
import Glibc
import HTTPTypes
import Logging
import Service
import Testing

/// Nothing of a request outlives its answer.
@Suite struct LifetimeTests {
    /// Handles lead back to the sink, as those of the engine do.
    private struct RetainingEngine: InferenceEngine {
        struct Handle: GenerationHandle {
            let sink: @Sendable (GenerationEvent) -> Void

            func cancel() { sink(.failed(.cancelled)) }
            func pause() {}
            func resume() {}
        }

        let engine = FakeEngine()

        var models: [ModelInfo] { engine.models }
        func metrics(model: String) -> EngineMetrics { engine.metrics(model: model) }
        func pins(model: String) -> [PinnedPrefix] { engine.pins(model: model) }
        func unpin(owner: String) { engine.unpin(owner: owner) }
        func drain() { engine.drain() }
        func submit(
            _ group: GenerationGroup, model: String, sink: @escaping @Sendable (GenerationEvent) -> Void
        ) throws(EngineError) -> any GenerationHandle {
            for event in FakeEngine.hello(group.requests) { sink(event) }
            return Handle(sink: sink)
        }
    }

    @Test(arguments: [
        #"{"prompt":"a","max_tokens":4}"#, #"{"prompt":"a","max_tokens":4,"stream":true}"#,
        #"{"prompt":"a","n":3,"echo":true,"logprobs":2}"#,
    ])
    func aSessionEndsWithItsAnswer(body: String) throws {
        let service = Service(
            options: ServiceOptions(version: "test"), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let engine = RetainingEngine()
        service.start(engine)
        weak var left: InMemoryResponder?
        do {
            let client = TestService(engine: engine.engine, service: service)
            let responder = client.begin(.post, "/v1/completions", body)
            left = responder
            try #require(responder.wait { $0.isFinished })
        }
        for _ in 0..<500 where left != nil { usleep(10_000) }
        #expect(left == nil)
    }
}
