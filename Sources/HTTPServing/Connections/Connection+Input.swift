// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPTypes

extension Connection {
    /// Bytes read at once before other connections get their turn.
    private static var readTurnBytes: Int { 256 * 1024 }

    /// Whether requests that wait to be answered forbid to read more.
    private var isBackpressured: Bool {
        if pending.count >= limits.pipelinedRequestCount { return true }
        guard current != nil || !pending.isEmpty else { return false }
        return pendingBodyBytes + (incoming?.body.count ?? 0) > limits.pipelinedBodyBytes
    }

    /// Whether to read at all: input after its end would only wake us for nothing.
    var wantsInput: Bool {
        if inputEnded { return false }
        switch phase {
        case .closed: return false
        case .lingering: return true
        case .open: return ignoresInput ? discardedBytes <= limits.discardedBytes : !isBackpressured
        }
    }

    func readable() {
        var turnBytes = 0
        while phase != .closed, wantsInput, turnBytes < Self.readTurnBytes {
            let count = recv(descriptor, shard.readBuffer.baseAddress, shard.readBuffer.count, 0)
            if count > 0 {
                turnBytes += count
                counters.bytesReceived.add(count)
                lastRead = .now
                received(UnsafeRawBufferPointer(rebasing: shard.readBuffer[..<count]))
                if count < shard.readBuffer.count { break }
            } else if count == 0 {
                inputHasEnded()
            } else if errno == EINTR {
                continue
            } else if errno == EAGAIN {
                break
            } else {
                return lost()
            }
        }
        if phase != .closed { process() }
    }

    private func received(_ bytes: UnsafeRawBufferPointer) {
        guard phase == .open, !ignoresInput else {
            discardedBytes += bytes.count
            if phase == .lingering, discardedBytes > limits.discardedBytes { close() }
            return
        }
        parser.append(bytes)
        parse()
    }

    private func inputHasEnded() {
        inputEnded = true
        if phase == .lingering { return close() }
        graceEnd = Instant.now.advanced(by: limits.halfCloseGrace)
    }

    /// Takes what the parser has, as long as there is room for it.
    func parse() {
        while phase == .open, !ignoresInput, !isBackpressured {
            guard let event = parser.next() else {
                if inputEnded {
                    if let event = parser.finish() { take(event) }
                    ignoresInput = true
                }
                break
            }
            take(event)
        }
    }

    private func take(_ event: HTTPParser.Event) {
        switch event {
        case .head(let head): takeHead(head)
        case .continueExpected: incoming?.awaitsContinue = parser.bufferedByteCount == 0
        case .body(let bytes): takeBody(bytes)
        case .end: takeEnd()
        case .failure(let rejection):
            counters.parseErrors.add()
            refuse(Refusal(rejection))
        }
    }

    private func takeHead(_ head: HTTPRequestHead) {
        counters.requestsTotal.add()
        (headSince, bodySince) = (nil, nil)
        let id = RequestID.id(for: head)
        let refusal = refusal(of: head, id: id)
        incoming = Incoming(head: head, id: id, refusal: refusal)
        guard var refusal else { return }
        // Either the body is waited for and thrown away, or the connection ends with the answer (RFC 9110, 10.1.1).
        let isWorthReading: Bool =
            switch head.bodyLength {
            case .fixed(let count): count <= limits.discardedBytes
            case .chunked: true
            }
        let expects = !head.bodyLength.isEmpty && head.request.headerFields.contains(.expect)
        if refusal.closes || expects || !isWorthReading {
            refusal.closes = true
            refuse(refusal)
        }
    }

    /// The answer to a request that its head decides on; nil if the body is to be read.
    private func refusal(of head: HTTPRequestHead, id: String) -> Refusal? {
        if let rejection = head.rejection { return Refusal(rejection) }
        let context = shard.context
        if let rejection = context.policy.refusal(of: head, boundToLoopback: context.isBoundToLoopback) {
            counters.policyRefusals.add()
            return Refusal(rejection)
        }
        guard !head.bodyLength.isEmpty, let check = context.headCheck, ownAnswer(to: head) == nil else { return nil }
        return check(request(head, id: id, body: [])).map { Refusal($0) }
    }

    private func takeBody(_ bytes: [UInt8]) {
        guard let head = incoming?.head else { return }
        incoming?.awaitsContinue = false
        if var refusal = incoming?.refusal {
            incoming?.discardedBytes += bytes.count
            if incoming?.discardedBytes ?? 0 > limits.discardedBytes {
                refusal.closes = true
                refuse(refusal)
            }
            return
        }
        guard shard.context.reserve(bodyBytes: bytes.count) else { return refuse(Refusal(.bodyMemory)) }
        if incoming?.body.isEmpty == true {
            incoming?.body = bytes
            if case .fixed(let count) = head.bodyLength, count > bytes.count, count <= 1024 * 1024 {
                incoming?.body.reserveCapacity(count)
            }
        } else {
            incoming?.body.append(contentsOf: bytes)
        }
    }

    private func takeEnd() {
        guard let done = incoming else { return }
        incoming = nil
        if let refusal = done.refusal {
            pending.append(.refusal(refusal, done.head, id: done.id))
        } else {
            pendingBodyBytes += done.body.count
            pending.append(.request(done.head, id: done.id, body: done.body))
        }
        // RFC 9112, section 9.6: what follows a request with "close" is not a request.
        if !done.head.keepsAlive { ignoresInput = true }
    }

    /// Refuses what comes in, after the answers to what came before; nothing further is read as a request.
    func refuse(_ refusal: Refusal) {
        shard.context.release(bodyBytes: incoming?.body.count ?? 0)
        pending.append(.refusal(refusal, incoming?.head, id: incoming?.id ?? RequestID.make()))
        incoming = nil
        ignoresInput = true
    }
}
