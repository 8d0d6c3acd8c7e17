// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HTTPTypes
import Synchronization

/// One request in work: where a handler's answer, from any thread, meets the connection's queue.
///
/// The handler side fills a mailbox under a lock; the connection takes from it on its queue. Many writes before the
/// connection gets to run are one hop and one chunk.
final class Exchange: Sendable {
    /// What the handler has done since the last look.
    struct News {
        /// Set once: the head, and the whole body unless the answer is streamed.
        var start: (head: HTTPResponse, wholeBody: [UInt8]?)?
        /// Further bytes of a streamed body.
        var pieces: [UInt8] = []
        var isFinished = false
        var isAborted = false
    }

    private struct State {
        var news = News()
        var isAnswered = false
        var isFinished = false
        /// No answer is wanted any more: complete, or the client is gone.
        var isClosed = false
        var isDisconnected = false
        /// The connection looks by itself: the handler has not returned yet, or a hop is under way.
        var isLookPending = true
        /// Bytes taken by the connection and not sent.
        var unsentBytes = 0
        var isAboveHighWater = false
        var missedWritable = false
        var onDisconnect: (@Sendable () -> Void)?
        var onWritable: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let connection: Connection
    private let highWaterBytes: Int
    private let lowWaterBytes: Int

    init(connection: Connection, limits: HTTPLimits) {
        self.connection = connection
        highWaterBytes = limits.sendHighWaterBytes
        lowWaterBytes = limits.sendLowWaterBytes
    }

    // MARK: The handler's side

    func send(_ head: HTTPResponse, body: [UInt8]) {
        change { state in
            guard !state.isAnswered else { return false }
            state.isAnswered = true
            state.isFinished = true
            state.news.start = (head, body)
            state.news.isFinished = true
            return true
        }
    }

    /// Nobody will answer: unless that has happened, the server does.
    func abandon() {
        guard state.withLock({ !$0.isAnswered && !$0.isClosed }) else { return }
        let (head, body) = HTTPRejection.noAnswer.response()
        send(head, body: body)
    }

    /// False if the request is answered already.
    func stream(_ head: HTTPResponse) -> Bool {
        var isFirst = false
        change { state in
            guard !state.isAnswered else { return false }
            state.isAnswered = true
            state.news.start = (head, nil)
            isFirst = true
            return true
        }
        return isFirst
    }

    func write(_ bytes: [UInt8]) -> Bool {
        var hasRoom = true
        change { state in
            guard !state.isFinished, !state.isClosed, !bytes.isEmpty else { return false }
            state.news.pieces.append(contentsOf: bytes)
            if state.news.pieces.count + state.unsentBytes > highWaterBytes { state.isAboveHighWater = true }
            hasRoom = !state.isAboveHighWater
            return true
        }
        return hasRoom
    }

    func finish(aborting: Bool) {
        change { state in
            guard !state.isFinished else { return false }
            state.isFinished = true
            state.news.isFinished = true
            state.news.isAborted = aborting
            return true
        }
    }

    func onDisconnect(_ action: @escaping @Sendable () -> Void) {
        let (isLate, replaced) = state.withLock { state in
            let replaced = state.onDisconnect
            if !state.isClosed { state.onDisconnect = action }
            return (state.isDisconnected, replaced)
        }
        withExtendedLifetime(replaced) {}  // Released outside the lock: it may hold the last handle.
        if isLate { connection.queue.async(execute: action) }
    }

    func onWritable(_ action: @escaping @Sendable () -> Void) {
        let (isLate, replaced) = state.withLock { state in
            let (isLate, replaced) = (state.missedWritable, state.onWritable)
            guard !state.isClosed else { return (false, replaced) }
            state.onWritable = action
            state.missedWritable = false
            return (isLate, replaced)
        }
        withExtendedLifetime(replaced) {}
        if isLate { connection.queue.async(execute: action) }
    }

    /// Changes the mailbox, and has the connection look into it if `body` says that something changed.
    private func change(_ body: (inout State) -> Bool) {
        let hops = state.withLock { state in
            guard !state.isClosed, body(&state), !state.isLookPending else { return false }
            state.isLookPending = true
            return true
        }
        if hops { connection.queue.async { self.connection.look(into: self) } }
    }

    // MARK: The connection's side, on its queue

    /// Takes what the handler has done; later doings lead to a new look.
    func takeNews() -> News {
        state.withLock { state in
            state.isLookPending = false
            let news = state.news
            state.news = News()
            return news
        }
    }

    /// Tells how many bytes taken are still unsent.
    func noteUnsent(_ count: Int) {
        let action = state.withLock { state -> (@Sendable () -> Void)? in
            state.unsentBytes = count
            guard state.isAboveHighWater, state.news.pieces.count + count < lowWaterBytes else { return nil }
            state.isAboveHighWater = false
            state.missedWritable = state.onWritable == nil
            return state.onWritable
        }
        action?()
    }

    /// Ends the exchange: nothing more is taken. Calls the handler's action if the client is gone.
    func close(isDisconnect: Bool) {
        let (action, dropped) = state.withLock { state in
            guard !state.isClosed else { return (nil as (@Sendable () -> Void)?, [nil] as [(@Sendable () -> Void)?]) }
            state.isClosed = true
            state.isDisconnected = isDisconnect
            state.news = News()
            let actions = (state.onDisconnect, [state.onDisconnect, state.onWritable])
            (state.onDisconnect, state.onWritable) = (nil, nil)
            return actions
        }
        // Released here, outside the lock: the last reference to a handle may be in them.
        withExtendedLifetime(dropped) {
            if isDisconnect { action?() }
        }
    }
}

/// What a handler holds to answer. Dropped without an answer it makes the server answer 500, so that no client hangs.
final class ResponderHandle: HTTPResponder {
    private let exchange: Exchange

    init(_ exchange: Exchange) { self.exchange = exchange }

    deinit { exchange.abandon() }

    func send(_ head: HTTPResponse, body: [UInt8]) { exchange.send(head, body: body) }

    func stream(_ head: HTTPResponse) -> any HTTPBodyWriter {
        BodyWriterHandle(exchange.stream(head) ? exchange : nil)
    }

    func onDisconnect(_ action: @escaping @Sendable () -> Void) { exchange.onDisconnect(action) }
}

/// What a handler holds to stream. Dropped before ``finish()`` it breaks the body off.
final class BodyWriterHandle: HTTPBodyWriter {
    /// nil if the request was answered before: then nothing is written.
    private let exchange: Exchange?

    init(_ exchange: Exchange?) { self.exchange = exchange }

    deinit { exchange?.finish(aborting: true) }

    func write(_ bytes: [UInt8]) -> Bool { exchange?.write(bytes) ?? true }
    func finish() { exchange?.finish(aborting: false) }
    func abort() { exchange?.finish(aborting: true) }
    func onWritable(_ action: @escaping @Sendable () -> Void) { exchange?.onWritable(action) }
}
