// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Decoding
import Engine
import Synchronization
import Tokenizers

/// An engine that does what a script says.
final class FakeEngine: InferenceEngine {
    /// What was done to a submitted group.
    final class Handle: GenerationHandle {
        let calls = Mutex<[String]>([])
        func cancel() { calls.withLock { $0.append("cancel") } }
        func pause() { calls.withLock { $0.append("pause") } }
        func resume() { calls.withLock { $0.append("resume") } }
        var log: [String] { calls.withLock { $0 } }
    }

    struct Submission: Sendable {
        let group: GenerationGroup
        let model: String
        let sink: @Sendable (GenerationEvent) -> Void
        let handle: Handle
        var requests: [GenerationRequest] { group.requests }
    }

    typealias Script = @Sendable ([GenerationRequest]) -> [GenerationEvent]

    let models: [ModelInfo]
    let script: Script
    private let state = Mutex<(submissions: [Submission], refusal: EngineError?, drained: Bool)>(([], nil, false))
    /// What is pinned, the same for every model, and whose pins were let go of.
    let pinned = Mutex<(held: [PinnedPrefix], released: [String])>(([], []))

    init(models: [ModelInfo] = [FakeEngine.model()], script: @escaping Script = FakeEngine.hello) {
        self.models = models
        self.script = script
    }

    var submissions: [Submission] { state.withLock { $0.submissions } }
    var isDrained: Bool { state.withLock { $0.drained } }

    func refuse(_ error: EngineError) { state.withLock { $0.refusal = error } }

    func submit(
        _ group: GenerationGroup, model: String, sink: @escaping @Sendable (GenerationEvent) -> Void
    ) throws(EngineError) -> any GenerationHandle {
        if let error = state.withLock({ $0.refusal }) { throw error }
        let handle = Handle()
        let submission = Submission(group: group, model: model, sink: sink, handle: handle)
        state.withLock { $0.submissions.append(submission) }
        for event in script(group.requests) { sink(event) }
        return handle
    }

    func metrics(model: String) -> EngineMetrics {
        var metrics = EngineMetrics()
        metrics.runningSequences = 2
        metrics.waitingSequences = 3
        metrics.usedBlocks = 1
        metrics.totalBlocks = 4
        metrics.blockTokens = 32
        return metrics
    }

    func pins(model: String) -> [PinnedPrefix] { pinned.withLock { $0.held } }

    func unpin(owner: String) { pinned.withLock { $0.released.append(owner) } }

    func drain() { state.withLock { $0.drained = true } }

    // MARK: Scripts

    /// Every choice says "Hi!" and ends with the vocabulary's end token.
    static let hello: Script = { requests in
        var events: [GenerationEvent] = []
        for (index, request) in requests.enumerated() {
            events.append(.prompt(index: index, tokens: request.reportsPromptLogprobs ? prompt(request) : []))
            for choice in 0..<request.choiceCount {
                events.append(
                    .delta(index: index, choice: choice, text: "Hi", tokens: [token(72, -0.5), token(105, -0.25)]))
                events.append(.delta(index: index, choice: choice, text: "!", tokens: [token(33, -1.5)]))
                events.append(
                    .delta(index: index, choice: choice, text: "", tokens: [token(FakeTokenizer.eos, -0.125)]))
                events.append(.finished(index: index, choice: choice, reason: .endToken(FakeTokenizer.eos)))
            }
        }
        events.append(.completed(requests.map { usage($0, generated: 4 * $0.choiceCount) }))
        return events
    }

    /// Nothing happens by itself.
    static let silent: Script = { _ in [] }

    static func usage(_ request: GenerationRequest, generated: Int, cached: Int = 0) -> GenerationUsage {
        var usage = GenerationUsage(promptTokens: request.prompt.count)
        usage.generatedTokens = generated
        usage.cachedTokens = cached
        return usage
    }

    static func token(
        _ id: Int32, _ logprob: Float? = nil, top: [(Int32, Float)] = []
    ) -> ReportedToken {
        ReportedToken(
            id: id, bytes: FakeTokenizer().bytes(of: id), logprob: logprob,
            top: top.map { .init(id: $0.0, logprob: $0.1) })
    }

    /// Prompt tokens with a logprob of -1 each and themselves as the likeliest, but for the first.
    static func prompt(_ request: GenerationRequest) -> [ReportedToken] {
        request.prompt.enumerated().map { position, id in
            position == 0 ? token(id) : token(id, -1, top: [(id, -1)])
        }
    }

    // MARK: Models

    static func model(
        _ id: String = "fake", contextLength: Int = 64, tokenizer: FakeTokenizer = FakeTokenizer()
    ) -> ModelInfo {
        let config = ModelConfig(
            family: .llama, name: "Fake", vocabularySize: 262, contextLength: 128, width: 8, layerCount: 1,
            headCount: 1, kvHeadCount: 1, headSize: 8, feedForwardWidth: 16, normEpsilon: 1e-5, rope: nil,
            activation: .swiGLU, tiesHead: true)
        let checkpoint = Checkpoint(
            format: .llama2c, config: config, tensors: [:], tokenizer: nil, fileBytes: 1000)
        return ModelInfo(
            id: id, config: config, tokenizer: tokenizer, contextLength: contextLength, weightTypes: ["F32"],
            weightBytes: 1000, kvBytesPerToken: 64, checkpoint: checkpoint, created: 1_700_000_000)
    }

    /// A ChatML template as Qwen 2 has it.
    static let chatML = """
        {% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + \
        '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
        """

    static func chatModel(contextLength: Int = 256) -> ModelInfo {
        model(contextLength: contextLength, tokenizer: FakeTokenizer(chatTemplate: chatML, addsBOS: false))
    }
}
