// SPDX-License-Identifier: Apache-2.0

import CNative
import Dispatch
import Glibc
import HTTPTypes
import Synchronization

/// One accepted socket: reads requests, has them answered one after the other, writes the answers.
///
/// Every event (readable, writable, deadline, handler's news) changes state and ends in ``process()``, which does all
/// that has become possible. The parts: this file holds the state and the order of things; `Connection+Input` reads,
/// `Connection+Output` answers and writes, `Connection+Deadlines` keeps time.
///
/// Concurrency: everything but ``queue`` is confined to the shard's queue, hence `@unchecked`.
final class Connection: @unchecked Sendable {
    enum Phase { case open, lingering, closed }

    /// What waits to be answered.
    enum Item {
        case request(HTTPRequestHead, id: String, body: [UInt8])
        case refusal(Refusal, HTTPRequestHead?, id: String)
    }

    /// A request whose body comes in.
    struct Incoming {
        var head: HTTPRequestHead
        var id: String
        var refusal: Refusal?
        var body: [UInt8] = []
        var discardedBytes = 0
        var awaitsContinue = false
    }

    /// The request being answered.
    struct Current {
        var exchange: Exchange
        var head: HTTPRequestHead
        var id: String
        var bodyBytes: Int
        /// Set when the head of a streamed answer is out.
        var framing: ResponseEncoder.Framing?
        var keepsAlive = false
    }

    let queue: DispatchQueue
    let shard: Shard
    let descriptor: Int32
    let peer: String

    var source: ReadinessSource?
    var phase = Phase.open
    var deadline = Instant.max

    // Input
    var parser: HTTPParser
    var incoming: Incoming?
    var pending: [Item] = []
    var pendingBodyBytes = 0
    /// FIN has come.
    var inputEnded = false
    /// No further request is read: what comes is thrown away.
    var ignoresInput = false
    var discardedBytes = 0
    var isReading = false

    // Output
    var current: Current?
    var output = SendQueue()
    var answeredCount = 0
    var closesWhenSent = false
    var resetsOnClose = false

    // Times
    var idleSince: Instant
    var headSince: Instant?
    var bodySince: Instant?
    var lastRead: Instant
    var lastWrite: Instant
    var graceEnd: Instant?
    var lingerEnd: Instant = .max
    var nextProbe: Instant?

    var limits: HTTPLimits { shard.context.limits }
    var counters: HTTPCounters { shard.context.counters }

    /// Takes the descriptor over; ``begin(refusing:)`` follows on the queue. The caller has counted the connection in.
    init(descriptor: Int32, peer: String, shard: Shard) {
        self.descriptor = descriptor
        self.peer = peer
        self.shard = shard
        queue = shard.queue
        parser = HTTPParser(limits: shard.context.limits)
        let now = Instant.now
        (idleSince, lastRead, lastWrite) = (now, now, now)
    }

    /// Starts to serve, or only to refuse.
    func begin(refusing rejection: HTTPRejection?) {
        let context = shard.context
        source = ReadinessSource(
            descriptor: descriptor, queue: queue, onReadable: { self.readable() }, onWritable: { self.process() },
            onClosed: {
                context.counters.connectionsOpen.add(-1)
                context.openConnections.leave()
            })
        shard.add(self)
        if let rejection {
            ignoresInput = true
            pending.append(.refusal(Refusal(rejection), nil, id: RequestID.make()))
        }
        process()
    }

    /// Does all that is possible now.
    func process() {
        while phase == .open {
            parse()
            let hasTaken = startAnswers()
            writeOutput()
            guard hasTaken || canStartAnswer else { break }
        }
        settle()
    }

    /// After everything possible is done: close if nothing is left to do, else say what to wait for.
    private func settle() {
        if phase == .open, output.isEmpty, current == nil, pending.isEmpty {
            let isIdle = incoming == nil && parser.position == .idle
            if closesWhenSent {
                beginLingering()
            } else if inputEnded || (isIdle && shard.context.isDraining.load(ordering: .relaxed)) {
                close()
            }
        }
        guard phase != .closed else { return }
        let reads = wantsInput
        if reads, !isReading { lastRead = .now }  // The client is not slow for the time we did not read.
        isReading = reads
        source?.watchReading(reads)
        source?.watchWriting(phase == .open && !output.isEmpty)
        updateDeadline()
    }

    /// The client is gone, or served no longer: whatever is in work is cancelled.
    func lost() {
        guard phase != .closed else { return }
        if phase == .open, current != nil || !pending.isEmpty || !output.isEmpty { counters.disconnects.add() }
        resetsOnClose = true
        close()
    }

    /// Our side is sent; what the client still sends is read for a while, so that no RST overtakes our answer
    /// (RFC 9112, section 9.6).
    private func beginLingering() {
        guard !inputEnded, shutdown(descriptor, Int32(SHUT_WR)) == 0 else { return close() }
        phase = .lingering
        lingerEnd = Instant.now.advanced(by: limits.lingerTimeout)
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        deadline = .max
        if resetsOnClose { tpr_reset_on_close(descriptor) }
        source?.close()
        source = nil
        shard.remove(self)
        shard.context.release(bodyBytes: pendingBodyBytes + (incoming?.body.count ?? 0))
        (pending, incoming, pendingBodyBytes) = ([], nil, 0)
        output = SendQueue()
        parser = HTTPParser(limits: limits)
        if let current {
            self.current = nil
            shard.context.release(bodyBytes: current.bodyBytes)
            counters.requestsInFlight.add(-1)
            current.exchange.close(isDisconnect: true)
        }
    }
}

/// Bytes to send, in order.
struct SendQueue {
    private var bytes: [UInt8] = []
    private var sent = 0

    var count: Int { bytes.count - sent }
    var isEmpty: Bool { sent == bytes.count }

    /// Lets `body` append bytes.
    mutating func append<Result>(_ body: (inout [UInt8]) -> Result) -> Result {
        if sent > 64 * 1024 {
            bytes.removeSubrange(..<sent)
            sent = 0
        }
        return body(&bytes)
    }

    /// Lets `send` take bytes from the front; it returns how many it took.
    mutating func send(_ send: (UnsafeRawBufferPointer) -> Int) -> Int {
        let count = bytes.withUnsafeBytes { send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
        if count > 0 { sent += count }
        if isEmpty {
            // An idle connection keeps little.
            bytes.removeAll(keepingCapacity: bytes.capacity <= 16 * 1024)
            sent = 0
        }
        return count
    }
}
