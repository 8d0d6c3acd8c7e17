// SPDX-License-Identifier: Apache-2.0

public import Compute

/// How an engine runs.
public struct EngineOptions: Sendable {
    /// Threads that compute, the engine's own included.
    public var threadCount: Int
    /// Prompt and continuation together, in tokens; nil: what the model was made for.
    public var contextLength: Int?
    /// Bytes of KV cache per model; nil: eight full contexts, within a quarter of the memory at hand.
    public var cacheBytes: Int?
    /// How keys and values are stored.
    public var cacheType: KVLayout.CacheType
    /// Whether keys and values of past sequences are kept, within the cache, for prompts that begin as they did. Results
    /// do not depend on it.
    public var keepsPrefixes: Bool
    /// Choices per model that run at the same time.
    public var choiceLimit: Int
    /// Groups per model that wait at most.
    public var queueLimit: Int
    /// How long a group may wait for its first step.
    public var queueTimeout: Duration
    /// How long a reader may keep a group paused, all pauses together, while other groups wait for its place.
    public var pauseLimit: Duration
    /// How long a step should take at most; the prompt chunk adapts to it. Results do not depend on it.
    public var stepDuration: Duration

    /// The defaults with the given number of threads.
    public init(threadCount: Int) {
        self.threadCount = threadCount
        cacheType = .f32
        keepsPrefixes = true
        choiceLimit = 64
        queueLimit = 64
        queueTimeout = .seconds(60)
        pauseLimit = .seconds(10)
        stepDuration = .milliseconds(50)
    }
}
