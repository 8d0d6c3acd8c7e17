// SPDX-License-Identifier: Apache-2.0

import CNative

extension Connection {
    /// Whether bytes of a message are waited for, so that a slow client can be told from a busy server.
    private var awaitsInput: Bool { phase == .open && !ignoresInput && wantsInput }

    /// Sets the deadline to the earliest of all that apply, and the marks they count from.
    func updateDeadline() {
        let limits = limits
        var earliest = Instant.max
        func apply(_ instant: Instant) { earliest = min(earliest, instant) }

        if phase == .lingering {
            apply(lingerEnd)
        } else {
            let isInHead = awaitsInput && parser.position == .head
            headSince = isInHead ? headSince ?? .now : nil
            if let headSince { apply(headSince.advanced(by: limits.headTimeout)) }
            bodySince = isAwaitingBody ? bodySince ?? .now : nil
            if let bodySince { apply(bodySince.advanced(by: limits.bodyTimeout)) }
            if isAwaitingBody { apply(lastRead.advanced(by: limits.bodyGapTimeout)) }
            if isIdle { apply(max(idleSince, lastRead).advanced(by: limits.idleTimeout)) }
            if !output.isEmpty { apply(lastWrite.advanced(by: limits.writeStallTimeout)) }
            if current != nil, let graceEnd { apply(graceEnd) }
            // A socket that is not read does not tell of FIN or RST: it is asked.
            let isBlind = current != nil && !inputEnded && !wantsInput && graceEnd == nil
            nextProbe = isBlind ? nextProbe ?? Instant.now.advanced(by: limits.halfCloseGrace) : nil
            if let nextProbe { apply(nextProbe) }
        }
        deadline = earliest
        shard.watch(deadline: earliest)
    }

    private var isAwaitingBody: Bool {
        guard awaitsInput, parser.position == .body else { return false }
        return incoming?.awaitsContinue != true
    }

    /// Whether the gap in a body, or the time for all of it, is too long.
    private func isBodyLate(_ now: Instant) -> Bool {
        guard isAwaitingBody else { return false }
        return now >= lastRead.advanced(by: limits.bodyGapTimeout)
            || bodySince.map { now >= $0.advanced(by: limits.bodyTimeout) } ?? false
    }

    private var isIdle: Bool {
        awaitsInput && parser.position == .idle && incoming == nil && current == nil && pending.isEmpty
            && output.isEmpty
    }

    func deadlinePassed(_ now: Instant) {
        let limits = limits
        if phase == .lingering {
            if now >= lingerEnd { return close() }
        } else if !output.isEmpty, now >= lastWrite.advanced(by: limits.writeStallTimeout) {
            counters.timeouts.add()
            return lost()
        } else if current != nil, let graceEnd, now >= graceEnd {
            return lost()
        } else if let headSince, now >= headSince.advanced(by: limits.headTimeout) {
            counters.timeouts.add()
            refuse(Refusal(.headTimeout))
        } else if isBodyLate(now) {
            counters.timeouts.add()
            refuse(Refusal(.bodyTimeout))
        } else if isIdle, now >= max(idleSince, lastRead).advanced(by: limits.idleTimeout) {
            return close()
        } else if let nextProbe, now >= nextProbe {
            self.nextProbe = nil
            switch tpr_peer_state(descriptor) {
            case 0: break
            case 1: graceEnd = now.advanced(by: limits.halfCloseGrace)
            default: return lost()
            }
        }
        process()
    }
}
