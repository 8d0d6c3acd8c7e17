// SPDX-License-Identifier: Apache-2.0

internal import CNative
internal import Checkpoints
internal import Compute
internal import Decoding
internal import Dispatch
internal import Glibc
internal import Synchronization

/// The engine: one thread that owns all mutable state of inference and computes step after step.
///
/// Requests come in from any thread and are validated there; their events come out on the engine's thread.
public final class TemperEngine: InferenceEngine {
    private struct Shared {
        var arrivals: [Group] = []
        /// Groups per model that have not started, those in `arrivals` included.
        var waiting: [Int]
        var metrics: [EngineMetrics]
        var isDraining = false
        var isStopping = false
    }

    /// The loaded models, the default first.
    public let models: [ModelInfo]
    private let loaded: [LoadedModel]
    private let threadCount: Int
    private let shared: Mutex<Shared>
    private let wake = DispatchSemaphore(value: 0)
    private let stopped = DispatchSemaphore(value: 0)

    /// An engine for the given models, at least one, with distinct names. Its thread starts now.
    public init(models: [LoadedModel], threadCount: Int) {
        precondition(!models.isEmpty && Set(models.map(\.info.id)).count == models.count)
        loaded = models
        self.models = models.map(\.info)
        self.threadCount = threadCount
        let metrics = models.map { model in
            var metrics = EngineMetrics()
            metrics.totalBlocks = model.blockCount
            metrics.blockTokens = KVLayout.blockTokens
            return metrics
        }
        shared = Mutex(Shared(waiting: models.map { _ in 0 }, metrics: metrics))
        startThread()
    }

    /// Queues a group. See ``InferenceEngine/submit(_:model:sink:)``.
    public func submit(
        _ group: GenerationGroup, model: String, sink: @escaping @Sendable (GenerationEvent) -> Void
    ) throws(EngineError) -> any GenerationHandle {
        guard let index = models.firstIndex(where: { $0.id == model }) else { throw .unknownModel(model) }
        guard !loaded[index].isDamaged else { throw .weightsLost }
        for (place, request) in group.requests.enumerated() { try validate(request, place, loaded[index]) }
        try validate(group, loaded[index])
        let group = Group(group, model: index, sink: sink)
        let limit = loaded[index].options.queueLimit
        let refusal: EngineError? = shared.withLock { shared in
            if shared.isDraining { return .shuttingDown }
            if shared.waiting[index] >= limit { return .queueFull(limit: limit) }
            shared.waiting[index] += 1
            shared.arrivals.append(group)
            return nil
        }
        if let refusal { throw refusal }
        wake.signal()
        return Handle(group: group, wake: wake)
    }

    private func validate(_ request: GenerationRequest, _ index: Int, _ model: LoadedModel) throws(EngineError) {
        let vocabularySize = model.info.config.vocabularySize
        guard !request.prompt.isEmpty else { throw .emptyPrompt(index: index) }
        if let (position, id) = request.firstID(where: { $0 < 0 || Int($0) >= vocabularySize }) {
            throw .tokenOutOfRange(index: index, position: position, id: id, vocabularySize: vocabularySize)
        }
        let promptCount = request.longestPromptCount
        let (total, overflow) = promptCount.addingReportingOverflow(max(0, request.maxTokens))
        guard !overflow, request.maxTokens >= 0, total <= model.info.contextLength else {
            throw .contextOverflow(
                index: index, promptTokens: promptCount, maxTokens: request.maxTokens,
                contextLength: model.info.contextLength)
        }
        precondition(request.choiceCount > 0, "a request without choices")
        switch request.strategy {
        case .sample: break
        case .beam(let beam):
            precondition(
                beam.groupCount > 0 && beam.width % beam.groupCount == 0 && request.choiceCount <= beam.width,
                "a beam search of groups of different sizes, or of fewer sequences than are to be returned")
        case .guided(let guidance):
            guard !guidance.negativePrompt.isEmpty else { throw .emptyPrompt(index: index) }
        case .contrastive: precondition(request.choiceCount == 1, "contrastive search finds one continuation")
        case .layerContrast(let layers):
            precondition(
                !layers.isEmpty && layers.count < EngineStep.logitRows
                    && layers.allSatisfy { (0..<model.info.config.layerCount).contains($0) },
                "layers to contrast that the model has not got, or too many")
        }
    }

    private func validate(_ group: GenerationGroup, _ model: LoadedModel) throws(EngineError) {
        if group.sharedTokens > 0, let first = group.requests.first {
            let shared = first.prompt.prefix(group.sharedTokens)
            precondition(
                shared.count == group.sharedTokens && group.requests.allSatisfy { $0.prompt.starts(with: shared) },
                "prompts that do not begin with what they share")
        }
        for unit in Scheduler.Unit.units(of: group) {
            guard Scheduler(limits: model.schedulerLimits).canHold(unit) else {
                throw .cacheOverflow(
                    neededTokens: unit.blockCount(blockTokens: KVLayout.blockTokens) * KVLayout.blockTokens,
                    capacityTokens: model.blockCount * KVLayout.blockTokens)
            }
        }
    }

    /// The state of one model's queue and cache; all zero for a name that is not loaded.
    public func metrics(model: String) -> EngineMetrics {
        guard let index = models.firstIndex(where: { $0.id == model }) else { return EngineMetrics() }
        return shared.withLock { shared in
            var metrics = shared.metrics[index]
            metrics.waitingSequences += shared.arrivals.reduce(0) { count, group in
                count + (group.model == index ? group.requests.count : 0)
            }
            return metrics
        }
    }

    /// Refuses new work from now on; running work goes on.
    public func drain() {
        shared.withLock { $0.isDraining = true }
    }

    /// Fails all work with ``EngineError/shuttingDown`` and ends the thread. Returns when it has ended.
    public func stop() {
        let isFirst = shared.withLock { shared in
            defer {
                shared.isDraining = true
                shared.isStopping = true
            }
            return !shared.isStopping
        }
        guard isFirst else { return }
        wake.signal()
        stopped.wait()
    }

    // MARK: The thread

    private func startThread() {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let status = pthread_create(&thread, nil, runEngine, context)
        precondition(status == 0, "no thread for the engine")
        pthread_detach(thread)
    }

    fileprivate func run() {
        let kernels = Kernels(pool: WorkerPool(threadCount: threadCount))
        let runtimes = loaded.map { ModelRuntime($0, kernels: kernels) }
        while true {
            let (arrivals, isStopping) = shared.withLock { shared in
                defer { shared.arrivals = [] }
                return (shared.arrivals, shared.isStopping)
            }
            for group in arrivals {
                if let runtime = runtimes[group.model] {
                    runtime.add(group)
                } else {
                    group.sink(.failed(.cacheOverflow(neededTokens: 1, capacityTokens: 0)))
                }
            }
            if isStopping {
                for runtime in runtimes { runtime?.failAll(.shuttingDown) }
                publish(runtimes)
                stopped.signal()
                return
            }
            var isBusy = false
            for runtime in runtimes {
                guard let runtime, !runtime.isIdle else { continue }
                if runtime.step() { isBusy = true }
            }
            publish(runtimes)
            guard !isBusy else { continue }
            if runtimes.allSatisfy({ $0?.isIdle ?? true }) {
                wake.wait()
            } else {
                // Everything here is paused: time limits must still be kept.
                _ = wake.wait(timeout: .now() + .milliseconds(50))
            }
        }
    }

    private func publish(_ runtimes: [ModelRuntime?]) {
        shared.withLock { shared in
            for (index, runtime) in runtimes.enumerated() {
                guard let runtime else { continue }
                shared.metrics[index] = runtime.metrics
                shared.waiting[index] =
                    runtime.waitingGroupCount + shared.arrivals.reduce(0) { $0 + ($1.model == index ? 1 : 0) }
            }
        }
    }
}

private func runEngine(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    tpr_name_thread("engine")
    Unmanaged<TemperEngine>.fromOpaque(context).takeRetainedValue().run()
    return nil
}

/// The handle of a group.
private final class Handle: GenerationHandle {
    private let group: Group
    private let wake: DispatchSemaphore

    init(group: Group, wake: DispatchSemaphore) {
        self.group = group
        self.wake = wake
    }

    func cancel() {
        group.cancel()
        wake.signal()
    }

    func pause() { group.setPaused(true) }

    func resume() {
        group.setPaused(false)
        wake.signal()
    }
}
