// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// A serial queue and the connections that live on it.
///
/// Concurrency: but for ``queue`` and the initializer, everything is confined to the queue, hence `@unchecked`.
final class Shard: @unchecked Sendable {
    let queue: DispatchQueue
    let context: ServerContext
    var encoder = ResponseEncoder()
    /// What sockets are read into.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    private var connections: [ObjectIdentifier: Connection] = [:]
    private let timer: any DispatchSourceTimer
    private var nextFire = Instant.max

    init(index: Int, context: ServerContext) {
        queue = DispatchQueue(label: "temper.http.\(index)", qos: .userInitiated)
        self.context = context
        timer = DispatchSource.makeTimerSource(queue: queue)
        timer.setEventHandler { [weak self] in self?.timerFired() }
        timer.schedule(deadline: .distantFuture)
        timer.resume()
    }

    deinit {
        timer.cancel()
        readBuffer.deallocate()
    }

    func add(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = connection
    }

    func remove(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
    }

    /// Makes sure that a connection's deadline is looked at in time.
    func watch(deadline: Instant) {
        guard deadline < nextFire else { return }
        nextFire = deadline
        timer.schedule(deadline: DispatchTime(uptimeNanoseconds: deadline), leeway: .milliseconds(2))
    }

    /// Deadlines that moved later meanwhile are found here, not when they move: that is most of them.
    private func timerFired() {
        nextFire = .max
        let now = Instant.now
        for connection in connections.values.filter({ $0.deadline <= now }) { connection.deadlinePassed(now) }
        let earliest = connections.values.lazy.map(\.deadline).min() ?? .max
        // Not more often than each 5 ms, whatever the connections want.
        if earliest < .max { watch(deadline: max(earliest, now + 5_000_000)) }
    }

    /// Closes idle connections; the others close after their answers.
    func beginDraining() {
        for connection in Array(connections.values) { connection.process() }
    }

    /// Closes all connections at once.
    func abortAll() {
        for connection in Array(connections.values) { connection.lost() }
    }
}
