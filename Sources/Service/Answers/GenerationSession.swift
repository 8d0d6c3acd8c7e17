// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Engine
import HTTPServing
import HTTPTypes
import Synchronization

/// One request of the engine from submission to the last byte of its answer.
///
/// Events of the engine are handled on one serial queue, in order. The head of a stream is held back until the first
/// event, so that an error before it is an ordinary HTTP answer.
final class GenerationSession: Sendable {
    /// What is known of the answer; touched on `queue` only, so its lock never waits.
    private struct Progress {
        var answer: any AnswerBuilder
        var body: (any HTTPBodyWriter)?
        var isDone = false
        /// Whether something was sent since the timer fired last.
        var isLively = false
        var bytes = 0
        var timer: (any DispatchSourceTimer)?
    }

    /// What other threads may touch.
    private struct Control {
        var handle: (any GenerationHandle)?
        var isCancelled = false
        /// The answer is complete: the handle, which leads back here, is not kept.
        var isOver = false
    }

    private let isStreamed: Bool
    private let responder: any HTTPResponder
    private let queue: DispatchQueue
    private let keepAlive: Duration
    private let finished: @Sendable (GenerationOutcome) -> Void
    private let progress: Mutex<Progress>
    private let control = Mutex(Control())

    /// - Parameter finished: called once, with what became of the request.
    init(
        answer: any AnswerBuilder, responder: any HTTPResponder, queue: DispatchQueue, keepAlive: Duration,
        finished: @escaping @Sendable (GenerationOutcome) -> Void
    ) {
        isStreamed = answer.isStreamed
        self.responder = responder
        self.queue = queue
        self.keepAlive = keepAlive
        self.finished = finished
        progress = Mutex(Progress(answer: answer))
    }

    /// Submits the work and answers when it comes.
    func start(_ group: GenerationGroup, model: String, _ engine: any InferenceEngine) {
        responder.onDisconnect { [weak self] in self?.cancel() }
        if isStreamed { queue.async { self.startTimer() } }
        do throws(EngineError) {
            let handle = try engine.submit(group, model: model) { [self] event in
                queue.async { self.receive(event) }
            }
            let isCancelled = control.withLock { control in
                if !control.isOver { control.handle = handle }
                return control.isCancelled
            }
            if isCancelled { handle.cancel() }
        } catch {
            queue.async { self.receive(.failed(error)) }
        }
    }

    /// Stops the work: the client is gone.
    private func cancel() {
        let handle = control.withLock { control in
            control.isCancelled = true
            return control.handle
        }
        handle?.cancel()
    }

    private var handle: (any GenerationHandle)? { control.withLock { $0.handle } }
    private var isCancelled: Bool { control.withLock { $0.isCancelled } }

    // MARK: Events, on the queue

    private func receive(_ event: GenerationEvent) {
        progress.withLock { progress in
            guard !progress.isDone else { return }
            switch event {
            case .completed(let usages): complete(usages, &progress)
            case .failed(let error): fail(error, &progress)
            default:
                for piece in progress.answer.receive(event) { send(piece, &progress) }
            }
        }
    }

    private func complete(_ usages: [GenerationUsage], _ progress: inout Progress) {
        let pieces = progress.answer.complete(usages)
        let usage = progress.answer.usage
        guard isStreamed else {
            let body = Array(pieces.joined())
            finish(GenerationOutcome(status: 200, error: nil, usage: usage, bytes: body.count), &progress)
            return responder.send(JSONAnswer.head(.ok), body: body)
        }
        openStream(&progress)
        for piece in pieces { send(piece, &progress) }
        progress.bytes += ServerSentEvents.done.count
        let body = progress.body
        finish(GenerationOutcome(status: 200, error: nil, usage: usage, bytes: progress.bytes), &progress)
        body?.write(ServerSentEvents.done)
        body?.finish()
    }

    private func fail(_ error: EngineError, _ progress: inout Progress) {
        let apiError = progress.answer.error(error)
        let body = progress.body
        let bytes = body == nil ? apiError.body : AnswerWriter.errorEvent(apiError)
        progress.bytes += bytes.count
        let status = error == .cancelled && isCancelled ? GenerationOutcome.clientGone : apiError.status
        finish(
            GenerationOutcome(status: status, error: apiError, usage: progress.answer.usage, bytes: progress.bytes),
            &progress)
        if let body {
            body.write(bytes)
            body.finish()
        } else {
            responder.send(JSONAnswer.head(apiError), body: bytes)
        }
    }

    /// Counts the request before its last byte is sent: who has the answer finds it in the metrics.
    private func finish(_ outcome: GenerationOutcome, _ progress: inout Progress) {
        progress.isDone = true
        progress.timer?.cancel()
        progress.timer = nil
        progress.body = nil
        control.withLock { control in
            control.handle = nil
            control.isOver = true
        }
        finished(outcome)
    }

    // MARK: Streams

    private func openStream(_ progress: inout Progress) {
        guard progress.body == nil else { return }
        let body = responder.stream(ServerSentEvents.head)
        body.onWritable { [weak self] in
            guard let self else { return }
            // On the queue, so that it comes after the pause that it ends.
            queue.async { self.handle?.resume() }
        }
        progress.body = body
    }

    private func send(_ bytes: [UInt8], _ progress: inout Progress) {
        guard isStreamed else { return }
        openStream(&progress)
        progress.bytes += bytes.count
        progress.isLively = true
        guard let body = progress.body, !body.write(bytes) else { return }
        handle?.pause()
    }

    private func startTimer() {
        progress.withLock { progress in
            guard !progress.isDone else { return }
            let timer = DispatchSource.makeTimerSource(queue: queue)
            let nanoseconds = Int(keepAlive / .nanoseconds(1))
            timer.schedule(
                deadline: .now() + .nanoseconds(nanoseconds), repeating: .nanoseconds(nanoseconds),
                leeway: .milliseconds(100))
            timer.setEventHandler { [weak self] in self?.sendKeepAlive() }
            progress.timer = timer
            timer.resume()
        }
    }

    private func sendKeepAlive() {
        progress.withLock { progress in
            guard !progress.isDone else { return }
            let wasLively = progress.isLively
            progress.isLively = false
            if wasLively { return }
            openStream(&progress)
            progress.body?.write(ServerSentEvents.keepAlive)
            progress.bytes += ServerSentEvents.keepAlive.count
        }
    }
}

/// What became of a generation request, for log and metrics.
struct GenerationOutcome: Sendable {
    /// The status logged for a client that left before its answer was complete.
    static let clientGone = 499

    var status: Int
    var error: APIError?
    var usage: GenerationUsage
    var bytes: Int
}

extension GenerationUsage {
    /// The sum over the requests of a group; times are the longest.
    init(total usages: [GenerationUsage]) {
        self.init()
        for usage in usages {
            promptTokens += usage.promptTokens
            cachedTokens += usage.cachedTokens
            generatedTokens += usage.generatedTokens
            draftTokens += usage.draftTokens
            acceptedDraftTokens += usage.acceptedDraftTokens
            queueDuration = max(queueDuration, usage.queueDuration)
            prefillDuration = max(prefillDuration, usage.prefillDuration)
            decodeDuration = max(decodeDuration, usage.decodeDuration)
        }
    }
}
