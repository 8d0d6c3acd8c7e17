// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Engine
import Synchronization

/// Asks a model what a book lacks, group by group, so that other requests are served in between.
final class ModelInquiry: Sendable {
    private struct Progress {
        var groups: [[ModelQuestion]]
        var asked: [ModelQuestion] = []
        var texts: [String] = []
        var handle: (any GenerationHandle)?
        var isCancelled = false
    }

    /// The most requests of one group.
    private static let groupLimit = 64

    private let book: ModelBook
    private let engine: any InferenceEngine
    private let queue: DispatchQueue
    private let finished: @Sendable (EngineError?) -> Void
    private let progress: Mutex<Progress>

    /// - Parameter finished: is called on `queue`, which is serial, once.
    init(
        _ groups: [[ModelQuestion]], for book: ModelBook, engine: any InferenceEngine, queue: DispatchQueue,
        finished: @escaping @Sendable (EngineError?) -> Void
    ) {
        self.book = book
        self.engine = engine
        self.queue = queue
        self.finished = finished
        let parts = groups.flatMap { group in
            stride(from: 0, to: group.count, by: Self.groupLimit).map { start in
                Array(group[start..<min(start + Self.groupLimit, group.count)])
            }
        }
        progress = Mutex(Progress(groups: parts.reversed()))
    }

    /// Begins. The inquiry keeps itself until it is over.
    func start() { queue.async { self.askNext() } }

    /// Stops the work; it ends with ``EngineError/cancelled``.
    func cancel() {
        let handle = progress.withLock { progress in
            progress.isCancelled = true
            return progress.handle
        }
        handle?.cancel()
    }

    // MARK: On the queue

    private func askNext() {
        let (asked, isCancelled) = progress.withLock { progress in
            progress.handle = nil
            progress.asked = progress.groups.popLast() ?? []
            progress.texts = progress.asked.map { _ in "" }
            return (progress.asked, progress.isCancelled)
        }
        guard !isCancelled else { return finished(.cancelled) }
        guard !asked.isEmpty else { return finished(nil) }
        let requests = asked.map { $0.request(for: book.model) }
        var shared = 0
        if case .likelihood? = asked.first { shared = GenerationPlanner.sharedTokens(requests) }
        do throws(EngineError) {
            let handle = try engine.submit(
                GenerationGroup(requests, sharedTokens: shared), model: book.model.id
            ) { [self] event in
                queue.async { self.receive(event) }
            }
            let isCancelled = progress.withLock { progress in
                progress.handle = handle
                return progress.isCancelled
            }
            if isCancelled { handle.cancel() }
        } catch {
            finished(error)
        }
    }

    private func receive(_ event: GenerationEvent) {
        switch event {
        case .embedding(let index, let numbers): write(.embedding(numbers), index)
        case .prompt(let index, let tokens):
            guard case .likelihood? = question(index) else { return }
            write(.likelihood(tokens.reduce(0) { $0 + Double($1.logprob ?? 0) }), index)
        case .delta(let index, _, let text, _):
            progress.withLock { if $0.texts.indices.contains(index) { $0.texts[index] += text } }
        case .finished(let index, _, _):
            guard case .continuation? = question(index) else { return }
            write(.continuation(progress.withLock { $0.texts[index] }), index)
        case .distributions, .diverged, .searched: break
        case .completed: askNext()
        case .failed(let error):
            progress.withLock { $0.handle = nil }
            finished(error)
        }
    }

    private func question(_ index: Int) -> ModelQuestion? {
        progress.withLock { $0.asked.indices.contains(index) ? $0.asked[index] : nil }
    }

    private func write(_ reply: ModelReply, _ index: Int) {
        guard let question = question(index) else { return }
        book.write(reply, to: question)
    }
}
