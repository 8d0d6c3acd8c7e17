// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HTTPServing
import HTTPTypes
import Synchronization

/// Keeps what is answered; tests wait for it.
final class InMemoryResponder: HTTPResponder, HTTPBodyWriter {
    struct State {
        var head: HTTPResponse?
        var pieces: [[UInt8]] = []
        var isStreamed = false
        var isFinished = false
        var isAborted = false
        var sendCount = 0
        var acceptsMore = true
        var disconnect: (@Sendable () -> Void)?
        var writable: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let changed = DispatchSemaphore(value: 0)

    private func change(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        changed.signal()
    }

    func send(_ head: HTTPResponse, body: [UInt8]) {
        change { state in
            state.head = head
            state.pieces = [body]
            state.isFinished = true
            state.sendCount += 1
        }
    }

    func stream(_ head: HTTPResponse) -> any HTTPBodyWriter {
        change { state in
            state.head = head
            state.isStreamed = true
            state.sendCount += 1
        }
        return self
    }

    func onDisconnect(_ action: @escaping @Sendable () -> Void) { change { $0.disconnect = action } }

    func write(_ bytes: [UInt8]) -> Bool {
        change { $0.pieces.append(bytes) }
        return state.withLock { $0.acceptsMore }
    }

    func finish() { change { $0.isFinished = true } }

    func abort() { change { $0.isAborted = true } }

    func onWritable(_ action: @escaping @Sendable () -> Void) { change { $0.writable = action } }

    // MARK: What tests do

    var snapshot: State { state.withLock { $0 } }

    func setAcceptsMore(_ flag: Bool) { state.withLock { $0.acceptsMore = flag } }

    func disconnect() { snapshot.disconnect?() }

    func becomeWritable() { snapshot.writable?() }

    /// Waits until `condition` holds; false after a minute.
    func wait(until condition: (State) -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition(snapshot) {
            if ContinuousClock.now > deadline { return false }
            _ = changed.wait(timeout: .now() + .milliseconds(50))
        }
        return true
    }
}
