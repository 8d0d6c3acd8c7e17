// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
public import Tokenizers

/// A model ready to run: name, configuration, tokenizer.
public struct ModelInfo: Sendable {
    /// The name that requests use.
    public var id: String
    /// The hyper-parameters.
    public var config: ModelConfig
    /// The tokenizer.
    public var tokenizer: any Tokenizer
    /// The longest prompt and continuation together, in tokens.
    public var contextLength: Int
    /// Element types by the bytes they take, most first, such as "Q8_0".
    public var weightTypes: [String]
    /// Bytes of all weights.
    public var weightBytes: Int
    /// Bytes of keys and values per token.
    public var kvBytesPerToken: Int
    /// Decoding defaults that the checkpoint recommends, for display.
    public var checkpoint: Checkpoint
    /// A cheap hash of the weights' contents; 0 where it was not made.
    public var weightsHash: UInt64
    /// Seconds since 1970 when it was loaded.
    public var created: Int

    /// A description of the given parts.
    public init(
        id: String, config: ModelConfig, tokenizer: any Tokenizer, contextLength: Int, weightTypes: [String],
        weightBytes: Int, kvBytesPerToken: Int, checkpoint: Checkpoint, weightsHash: UInt64 = 0, created: Int
    ) {
        self.id = id
        self.config = config
        self.tokenizer = tokenizer
        self.contextLength = contextLength
        self.weightTypes = weightTypes
        self.weightBytes = weightBytes
        self.kvBytesPerToken = kvBytesPerToken
        self.checkpoint = checkpoint
        self.weightsHash = weightsHash
        self.created = created
    }
}

/// Handle of a submitted group. Any thread may call.
public protocol GenerationHandle: Sendable {
    /// Stops the work within one step. No event follows except ``GenerationEvent/failed(_:)`` with `.cancelled`.
    func cancel()
    /// Stops producing tokens until ``resume()``: for a reader that does not keep up.
    func pause()
    /// Goes on after ``pause()``.
    func resume()
}

/// Counters and gauges of the engine at one moment.
public struct EngineMetrics: Sendable {
    /// Sequences that are computed now.
    public var runningSequences = 0
    /// Sequences that wait.
    public var waitingSequences = 0
    /// KV cache blocks that sequences hold.
    public var usedBlocks = 0
    /// KV cache blocks that no sequence holds, kept for prompts to come.
    public var idleBlocks = 0
    /// KV cache blocks in total.
    public var totalBlocks = 0
    /// Tokens per block.
    public var blockTokens = 0
    /// Prompt tokens computed since start.
    public var promptTokens: UInt64 = 0
    /// Prompt tokens taken from the cache since start.
    public var cachedTokens: UInt64 = 0
    /// Tokens generated since start.
    public var generatedTokens: UInt64 = 0
    /// Tokens guessed and computed ahead since start.
    public var draftTokens: UInt64 = 0
    /// Those of them that came true.
    public var acceptedDraftTokens: UInt64 = 0
    /// Steps since start.
    public var steps: UInt64 = 0
    /// Groups completed, cancelled and failed since start.
    public var completedGroups: UInt64 = 0
    /// Groups cancelled since start.
    public var cancelledGroups: UInt64 = 0
    /// Groups failed since start.
    public var failedGroups: UInt64 = 0

    /// All zero.
    public init() {}
}

/// What the service needs from an engine; the tests of the service bring their own.
public protocol InferenceEngine: Sendable {
    /// The loaded models, the default first.
    var models: [ModelInfo] { get }

    /// Queues a group of requests for a model.
    ///
    /// `sink` is called on the engine's thread, in order: it must return quickly and not block.
    /// - Throws: ``EngineError`` if the group cannot be accepted; then `sink` is never called.
    func submit(
        _ group: GenerationGroup, model: String, sink: @escaping @Sendable (GenerationEvent) -> Void
    ) throws(EngineError) -> any GenerationHandle

    /// The state of one model's queue and cache.
    func metrics(model: String) -> EngineMetrics

    /// Refuses new work from now on; running work goes on.
    func drain()
}

extension InferenceEngine {
    /// Queues requests that share nothing.
    public func submit(
        _ requests: [GenerationRequest], model: String, sink: @escaping @Sendable (GenerationEvent) -> Void
    ) throws(EngineError) -> any GenerationHandle {
        try submit(GenerationGroup(requests), model: model, sink: sink)
    }
}
