// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a server has counted since its start.
public struct HTTPCounts: Sendable, Hashable {
    /// Connections open now, those being closed included.
    public var connectionsOpen = 0
    /// Connections accepted.
    public var connectionsTotal = 0
    /// Connections refused because too many were open or no file descriptor was left.
    public var connectionsRefused = 0
    /// Requests given to the handler and not answered yet.
    public var requestsInFlight = 0
    /// Requests with a valid head.
    public var requestsTotal = 0
    /// Bytes read from sockets.
    public var bytesReceived = 0
    /// Bytes written to sockets.
    public var bytesSent = 0
    /// Final answers by class: 2 for 2xx and so on, at the index of the class.
    public var responsesByClass = [Int](repeating: 0, count: 6)
    /// Messages that were no valid request.
    public var parseErrors = 0
    /// Requests refused by host, origin or Sec-Fetch-Site rules.
    public var policyRefusals = 0
    /// Slow heads, slow bodies and stalled writes.
    public var timeouts = 0
    /// Clients gone before their answer was complete.
    public var disconnects = 0
}

/// The counters behind ``HTTPCounts``. Any thread may count.
final class HTTPCounters: Sendable {
    let connectionsOpen = Atomic<Int>(0)
    let connectionsTotal = Atomic<Int>(0)
    let connectionsRefused = Atomic<Int>(0)
    let requestsInFlight = Atomic<Int>(0)
    let requestsTotal = Atomic<Int>(0)
    let bytesReceived = Atomic<Int>(0)
    let bytesSent = Atomic<Int>(0)
    let informational = Atomic<Int>(0)
    let successful = Atomic<Int>(0)
    let redirection = Atomic<Int>(0)
    let clientError = Atomic<Int>(0)
    let serverError = Atomic<Int>(0)
    let parseErrors = Atomic<Int>(0)
    let policyRefusals = Atomic<Int>(0)
    let timeouts = Atomic<Int>(0)
    let disconnects = Atomic<Int>(0)

    /// Counts a final answer.
    func countResponse(status: Int) {
        switch status {
        case 100..<200: informational.add()
        case 200..<300: successful.add()
        case 300..<400: redirection.add()
        case 400..<500: clientError.add()
        default: serverError.add()
        }
    }

    /// The counts now; each is exact, together they are not one moment's.
    func snapshot() -> HTTPCounts {
        var counts = HTTPCounts()
        counts.connectionsOpen = connectionsOpen.value
        counts.connectionsTotal = connectionsTotal.value
        counts.connectionsRefused = connectionsRefused.value
        counts.requestsInFlight = requestsInFlight.value
        counts.requestsTotal = requestsTotal.value
        counts.bytesReceived = bytesReceived.value
        counts.bytesSent = bytesSent.value
        counts.responsesByClass = [
            0, informational.value, successful.value, redirection.value, clientError.value, serverError.value,
        ]
        counts.parseErrors = parseErrors.value
        counts.policyRefusals = policyRefusals.value
        counts.timeouts = timeouts.value
        counts.disconnects = disconnects.value
        return counts
    }
}

extension Atomic where Value == Int {
    /// Adds to a statistic; returns the new value.
    @discardableResult
    borrowing func add(_ count: Int = 1) -> Int { wrappingAdd(count, ordering: .relaxed).newValue }

    /// The value of a statistic.
    var value: Int { borrowing get { load(ordering: .relaxed) } }
}
