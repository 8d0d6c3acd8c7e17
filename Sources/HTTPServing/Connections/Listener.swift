// SPDX-License-Identifier: Apache-2.0

import CNative
import Dispatch
import Glibc

/// A listening socket that deals accepted connections out to the shards.
///
/// When no descriptor is left, a spare one is given up to accept the connection and close it, so that the client
/// learns of it and the queue of the kernel does not keep us busy; then accepting pauses.
///
/// Concurrency: confined to its queue but for the initializer, ``start()`` and ``stop()``; hence `@unchecked`.
final class Listener: @unchecked Sendable {
    /// How long accepting pauses when no descriptor is left.
    private static let pause = DispatchTimeInterval.milliseconds(100)
    /// Descriptors left to the rest of the process.
    private static let reservedDescriptors = 64
    /// Connections beyond the limit that may be open for their refusal to be read.
    private static let refusalCount = 64

    let address: SocketAddress
    private let descriptor: Int32
    private let queue = DispatchQueue(label: "temper.http.accept", qos: .userInitiated)
    private var source: (any DispatchSourceRead)?
    private let openSource = DispatchGroup()
    private var spare: Int32
    private var isPaused = false
    private var isStopped = false
    private var shards: [Shard] = []
    private var nextShard = 0
    private var connectionLimit = 0

    /// Binds and listens; the kernel completes connections from here on.
    init(_ wanted: SocketAddress) throws(HTTPServerError) {
        let descriptor = tpr_tcp_socket(wanted.family)
        guard descriptor >= 0 else { throw .systemCall("socket", reason: HTTPServerError.reason()) }
        func failed(_ error: HTTPServerError) -> HTTPServerError {
            Glibc.close(descriptor)
            return error
        }
        // Allows to bind while old connections are in TIME_WAIT; never two listeners. SO_REUSEPORT would.
        Self.set(SO_REUSEADDR, SOL_SOCKET, on: true, descriptor)
        if wanted.family == AF_INET6 {
            Self.set(IPV6_V6ONLY, Int32(IPPROTO_IPV6), on: !wanted.isIPv6Wildcard, descriptor)
        }
        guard wanted.withPointer({ bind(descriptor, $0, $1) }) == 0 else {
            let code = errno
            throw failed(
                code == EADDRINUSE
                    ? .addressInUse(wanted.description)
                    : .cannotBind(wanted.description, reason: HTTPServerError.reason(code)))
        }
        guard listen(descriptor, 1024) == 0 else {
            let code = errno
            throw failed(
                code == EADDRINUSE
                    ? .addressInUse(wanted.description)
                    : .systemCall("listen", reason: HTTPServerError.reason(code)))
        }
        guard let address = SocketAddress({ getsockname(descriptor, $0, $1) }) else {
            throw failed(.systemCall("getsockname", reason: HTTPServerError.reason()))
        }
        self.address = address
        self.descriptor = descriptor
        spare = Self.openSpare()
    }

    deinit {
        if spare >= 0 { Glibc.close(spare) }
        // Without a source nobody else closes the socket.
        if source == nil, !isStopped { Glibc.close(descriptor) }
    }

    /// Begins to accept. Once, unless stopped.
    func start(shards: [Shard], connectionLimit: Int) {
        queue.sync {
            guard source == nil, !isStopped else { return }
            self.shards = shards
            self.connectionLimit = Self.affordableConnectionCount(connectionLimit)
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            source.setEventHandler { [weak self] in self?.acceptAll() }
            openSource.enter()
            source.setCancelHandler { [descriptor, openSource] in
                Glibc.close(descriptor)
                openSource.leave()
            }
            self.source = source
            source.resume()
        }
    }

    /// Accepts no more; the port is free once this returns.
    func stop() {
        queue.sync {
            guard !isStopped else { return }
            isStopped = true
            if let source {
                source.cancel()
                if isPaused { source.resume() }
                isPaused = false
            } else {
                Glibc.close(descriptor)
            }
            shards = []
        }
        openSource.wait()
    }

    private func acceptAll() {
        for _ in 0..<64 where !isStopped && !isPaused {
            var accepted: Int32 = -1
            let peer = SocketAddress { pointer, length in
                accepted = tpr_accept_nonblocking(descriptor, pointer, length)
                return accepted
            }
            if let peer {
                take(accepted, peer: peer)
                continue
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return outOfDescriptors()
            default: return
            }
        }
    }

    private func take(_ accepted: Int32, peer: SocketAddress) {
        let shard = shards[nextShard]
        nextShard = (nextShard + 1) % shards.count
        let context = shard.context
        let open = context.counters.connectionsOpen.add()
        guard open <= connectionLimit + Self.refusalCount else {
            context.counters.connectionsOpen.add(-1)
            context.counters.connectionsRefused.add()
            Glibc.close(accepted)
            return
        }
        context.openConnections.enter()
        context.counters.connectionsTotal.add()
        tpr_tune_tcp_socket(accepted, Int32(clamping: context.limits.sendHighWaterBytes))
        let isRefused = open > connectionLimit
        if isRefused { context.counters.connectionsRefused.add() }
        let connection = Connection(descriptor: accepted, peer: peer.description, shard: shard)
        shard.queue.async { connection.begin(refusing: isRefused ? .tooManyConnections : nil) }
    }

    private func outOfDescriptors() {
        if spare >= 0 {
            Glibc.close(spare)
            let refused = accept(descriptor, nil, nil)
            if refused >= 0 {
                Glibc.close(refused)
                shards.first?.context.counters.connectionsRefused.add()
            }
        }
        spare = Self.openSpare()
        isPaused = true
        source?.suspend()
        queue.asyncAfter(deadline: .now() + Self.pause) { [weak self] in self?.goOn() }
    }

    private func goOn() {
        guard isPaused, !isStopped else { return }
        isPaused = false
        if spare < 0 { spare = Self.openSpare() }
        source?.resume()
    }

    private static func openSpare() -> Int32 { open("/dev/null", O_RDONLY | O_CLOEXEC) }

    private static func set(_ option: Int32, _ level: Int32, on: Bool, _ descriptor: Int32) {
        var value: Int32 = on ? 1 : 0
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// As many of the wanted connections as the limit on open files allows; raises the soft limit where that helps.
    private static func affordableConnectionCount(_ wanted: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return wanted }
        let needed = rlim_t(clamping: wanted) + rlim_t(reservedDescriptors + refusalCount)
        if limit.rlim_cur < needed, limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = min(needed, limit.rlim_max)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        let affordable = Int(clamping: limit.rlim_cur) - reservedDescriptors - refusalCount
        return max(1, min(wanted, affordable))
    }
}
