// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPTypes
import Synchronization

extension Connection {
    /// Whether the next waiting item may be taken: answers go out in order, and not faster than the client reads.
    var canStartAnswer: Bool {
        phase == .open && current == nil && !closesWhenSent && !pending.isEmpty
            && output.count < limits.sendHighWaterBytes
    }

    /// Starts to answer what waits, as far as the order of answers and the send queue allow. True if anything was
    /// taken, so that there may be room to read again.
    func startAnswers() -> Bool {
        var hasTaken = false
        while canStartAnswer {
            hasTaken = true
            switch pending.removeFirst() {
            case .refusal(let refusal, let head, let id): answer(refusal, head, id)
            case .request(let head, let id, let body): start(head, id, body)
            }
        }
        if current == nil, pending.isEmpty, !closesWhenSent, incoming?.awaitsContinue == true {
            incoming?.awaitsContinue = false
            lastRead = .now
            counters.informational.add()
            appendOutput { $0.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8) }
        }
        return hasTaken
    }

    private func answer(_ refusal: Refusal, _ head: HTTPRequestHead?, _ id: String) {
        if let rejection = refusal.rejection { shard.context.onRejection?(rejection, peer) }
        let keepsAlive = !refusal.closes && head.map { persists(after: $0) } ?? false
        appendWhole(refusal.head, refusal.body, head: head, id: id, keepsAlive: keepsAlive)
        answered(keepsAlive: keepsAlive)
    }

    /// What the server answers by itself to OPTIONS for itself and to CORS preflights; nil for other requests.
    func ownAnswer(to head: HTTPRequestHead) -> HTTPResponse? {
        let policy = shard.context.policy
        return head.path == "*" ? policy.serverOptions : policy.preflightAnswer(to: head)
    }

    /// A request as the handler and the head check see it.
    func request(_ head: HTTPRequestHead, id: String, body: [UInt8]) -> HTTPServerRequest {
        HTTPServerRequest(
            head: head.request, path: head.path, query: head.query, body: body, peer: peer, id: id)
    }

    private func start(_ head: HTTPRequestHead, _ id: String, _ body: [UInt8]) {
        pendingBodyBytes -= body.count
        if let ready = ownAnswer(to: head) {
            shard.context.release(bodyBytes: body.count)
            let keepsAlive = persists(after: head)
            appendWhole(ready, [], head: head, id: id, keepsAlive: keepsAlive)
            return answered(keepsAlive: keepsAlive)
        }
        counters.requestsInFlight.add()
        let exchange = Exchange(connection: self, limits: limits)
        current = Current(exchange: exchange, head: head, id: id, bodyBytes: body.count)
        if graceEnd != nil { graceEnd = Instant.now.advanced(by: limits.halfCloseGrace) }
        shard.context.handler(request(head, id: id, body: body), ResponderHandle(exchange))
        takeNews(of: exchange)
    }

    /// A handler has answered, written or finished.
    func look(into exchange: Exchange) {
        guard phase == .open, current?.exchange === exchange else { return }
        takeNews(of: exchange)
        process()
    }

    private func takeNews(of exchange: Exchange) {
        let news = exchange.takeNews()
        guard phase == .open, let head = current?.head, let id = current?.id else { return }
        if let (response, wholeBody) = news.start {
            // While draining, what was accepted is answered; the last answer closes.
            let keepsAlive = persists(after: head) && !Self.asksToClose(response)
            if let wholeBody {
                appendWhole(response, wholeBody, head: head, id: id, keepsAlive: keepsAlive)
                return finishCurrent(keepsAlive: keepsAlive)
            }
            startStream(response, head: head, id: id, keepsAlive: keepsAlive)
        }
        guard let current, let framing = current.framing else { return }
        if framing == .none { return finishCurrent(keepsAlive: current.keepsAlive) }
        if !news.pieces.isEmpty { appendPiece(news.pieces, framing) }
        if news.isAborted {
            breakOff(framing)
        } else if news.isFinished {
            if framing == .chunked { appendOutput { $0.append(contentsOf: "0\r\n\r\n".utf8) } }
            finishCurrent(keepsAlive: current.keepsAlive)
        }
    }

    private func startStream(_ response: HTTPResponse, head: HTTPRequestHead, id: String, keepsAlive: Bool) {
        var surroundings = surroundings(head: head, id: id)
        surroundings.keepsAlive = keepsAlive
        if Self.hasNoBody(response) {
            surroundings.framing = .none
        } else if head.isHTTP10 {
            (surroundings.framing, surroundings.keepsAlive) = (.untilClose, false)
        } else {
            surroundings.framing = .chunked
        }
        guard appendOutput({ shard.encoder.append(response, surroundings, to: &$0) }) else {
            let (failure, body) = HTTPRejection.badResponse.response()
            appendWhole(failure, body, head: head, id: id, keepsAlive: keepsAlive)
            return finishCurrent(keepsAlive: keepsAlive)
        }
        counters.countResponse(status: response.status.code)
        current?.framing = head.request.method == .head ? ResponseEncoder.Framing.none : surroundings.framing
        current?.keepsAlive = surroundings.keepsAlive
    }

    private func appendPiece(_ bytes: [UInt8], _ framing: ResponseEncoder.Framing) {
        appendOutput { output in
            guard framing == .chunked else { return output.append(contentsOf: bytes) }
            output.append(contentsOf: String(bytes.count, radix: 16).utf8)
            output.append(contentsOf: "\r\n".utf8)
            output.append(contentsOf: bytes)
            output.append(contentsOf: "\r\n".utf8)
        }
    }

    /// Ends the connection without ending the body, so that the client sees it. What is there is sent first.
    private func breakOff(_ framing: ResponseEncoder.Framing) {
        resetsOnClose = framing == .untilClose
        if framing == .untilClose { writeOutput() }
        ignoresInput = true
        finishCurrent(keepsAlive: false)
        if resetsOnClose { close() }
    }

    private func finishCurrent(keepsAlive: Bool) {
        guard let finished = current else { return }
        current = nil
        counters.requestsInFlight.add(-1)
        shard.context.release(bodyBytes: finished.bodyBytes)
        finished.exchange.close(isDisconnect: false)
        answered(keepsAlive: keepsAlive)
    }

    private func answered(keepsAlive: Bool) {
        answeredCount += 1
        idleSince = .now
        if !keepsAlive {
            closesWhenSent = true
            ignoresInput = true
            shard.context.release(bodyBytes: pendingBodyBytes + (incoming?.body.count ?? 0))
            (pending, incoming, pendingBodyBytes) = ([], nil, 0)
        }
    }

    /// Whether the connection goes on after the answer to this request.
    private func persists(after head: HTTPRequestHead) -> Bool {
        head.keepsAlive && answeredCount + 1 < limits.requestsPerConnection
            && !(pending.isEmpty && shard.context.isDraining.load(ordering: .relaxed))
    }

    private static func asksToClose(_ response: HTTPResponse) -> Bool {
        response.headerFields[fields: .connection].contains { field in
            field.bytes.listElements.contains { $0.equalsIgnoringCase("close") }
        }
    }

    private static func hasNoBody(_ response: HTTPResponse) -> Bool {
        response.status.code == 204 || response.status.code == 304
    }

    private func surroundings(head: HTTPRequestHead?, id: String) -> ResponseEncoder.Surroundings {
        ResponseEncoder.Surroundings(
            framing: .none, isHTTP10: head?.isHTTP10 ?? false, requestID: id,
            extraFields: shard.context.policy.sharingFields(for: head))
    }

    /// Appends head and body as one piece.
    private func appendWhole(
        _ response: HTTPResponse, _ body: [UInt8], head: HTTPRequestHead?, id: String, keepsAlive: Bool
    ) {
        var (response, body) = (response, body)
        var surroundings = surroundings(head: head, id: id)
        surroundings.keepsAlive = keepsAlive
        surroundings.framing = Self.hasNoBody(response) ? .none : .length(body.count)
        if !appendOutput({ shard.encoder.append(response, surroundings, to: &$0) }) {
            (response, body) = HTTPRejection.badResponse.response()
            surroundings.framing = .length(body.count)
            surroundings.extraFields = [:]
            _ = appendOutput { shard.encoder.append(response, surroundings, to: &$0) }
        }
        counters.countResponse(status: response.status.code)
        if surroundings.framing != .none, head?.request.method != .head {
            appendOutput { $0.append(contentsOf: body) }
        }
    }

    private func appendOutput<Result>(_ body: (inout [UInt8]) -> Result) -> Result {
        if output.isEmpty { lastWrite = .now }
        return output.append(body)
    }

    /// Sends what the socket takes.
    func writeOutput() {
        guard phase == .open, !output.isEmpty else { return }
        while !output.isEmpty {
            let count = output.send { bytes in
                Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                lastWrite = .now
                counters.bytesSent.add(count)
            } else if errno == EINTR {
                continue
            } else if errno == EAGAIN {
                break
            } else {
                return lost()
            }
        }
        current?.exchange.noteUnsent(output.count)
    }
}
