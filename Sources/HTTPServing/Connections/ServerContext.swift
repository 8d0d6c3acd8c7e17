// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// What all connections of a server share.
final class ServerContext: Sendable {
    let limits: HTTPLimits
    let policy: HTTPPolicy
    let handler: HTTPHandler
    let headCheck: HTTPHeadCheck?
    let onRejection: (@Sendable (HTTPRejection, String) -> Void)?
    let isBoundToLoopback: Bool
    let counters = HTTPCounters()
    /// Bytes of request bodies held by all connections.
    let bodyBytes = Atomic<Int>(0)
    let isDraining = Atomic<Bool>(false)
    /// Entered once per open descriptor.
    let openConnections = DispatchGroup()

    init(configuration: HTTPServer.Configuration, isBoundToLoopback: Bool, handler: @escaping HTTPHandler) {
        limits = configuration.limits
        policy = configuration.policy.normalized
        headCheck = configuration.headCheck
        onRejection = configuration.onRejection
        self.isBoundToLoopback = isBoundToLoopback
        self.handler = handler
    }

    /// Counts a piece of a body in; false, with nothing counted, if it is one too many.
    func reserve(bodyBytes count: Int) -> Bool {
        let total = bodyBytes.wrappingAdd(count, ordering: .relaxed).newValue
        if total <= limits.totalBodyBytes { return true }
        release(bodyBytes: count)
        return false
    }

    func release(bodyBytes count: Int) {
        if count > 0 { bodyBytes.wrappingSubtract(count, ordering: .relaxed) }
    }
}

/// Times on the monotonic clock, in nanoseconds.
typealias Instant = UInt64

extension Instant {
    static var now: Instant { DispatchTime.now().uptimeNanoseconds }

    /// This time and a duration; the end of time on overflow.
    func advanced(by duration: Duration) -> Instant {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, seconds < 1 << 32 else { return seconds < 0 ? self : .max }
        let (sum, overflows) = addingReportingOverflow(
            UInt64(seconds) * 1_000_000_000 + UInt64(clamping: attoseconds) / 1_000_000_000)
        return overflows ? .max : sum
    }
}
