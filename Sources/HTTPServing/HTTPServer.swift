// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// An HTTP/1.1 server on sockets and Dispatch.
///
///     let server = try HTTPServer(HTTPServer.Configuration(port: 8080)) { request, responder in
///         responder.send(HTTPResponse(status: .ok), body: Array("hello".utf8))
///     }
///     server.start()
///     …
///     await server.drain(deadline: .seconds(30))
///
/// Connections live on a fixed set of serial queues, one per core, and the handler is called there: it must not block.
/// Requests of one connection are handled one after the other. Creating a server ignores SIGPIPE for the process.
/// A server that is released breaks its connections off: keep it until it is drained.
public final class HTTPServer: Sendable {
    /// Where to listen and what to allow.
    public struct Configuration: Sendable {
        /// An IPv4 or IPv6 address; "localhost" is 127.0.0.1, "::" takes IPv4 connections too.
        public var host: String
        /// The port; 0 for any free one, see ``HTTPServer/port``.
        public var port: Int
        /// The limits.
        public var limits = HTTPLimits()
        /// Host, origin and CORS rules.
        public var policy = HTTPPolicy()
        /// The number of serial queues connections are spread over; nil for one per core.
        public var shardCount: Int?
        /// Decides on requests with a body by their heads; nil: every body within the limits is accepted. What it
        /// answers is sent without "100 Continue" and without keeping the body. Not asked about CORS preflights.
        public var headCheck: HTTPHeadCheck?
        /// Called on a connection's queue with each request that the server refuses by itself, and the peer.
        public var onRejection: (@Sendable (HTTPRejection, String) -> Void)?

        /// A configuration with the published limits and the default rules.
        public init(host: String = "127.0.0.1", port: Int = 8080) {
            self.host = host
            self.port = port
        }
    }

    private let listener: Listener
    private let shards: [Shard]
    private let context: ServerContext

    /// Binds and listens, but does not accept yet: connections wait until ``start()``.
    ///
    /// Throws: `addressInUse` if another socket listens there, `invalidHost`, `invalidPort`, `cannotBind`.
    public init(_ configuration: Configuration, handler: @escaping HTTPHandler) throws(HTTPServerError) {
        signal(SIGPIPE, SIG_IGN)
        let address = try SocketAddress(host: configuration.host, port: configuration.port)
        let listener = try Listener(address)
        let context = ServerContext(
            configuration: configuration, isBoundToLoopback: listener.address.isLoopback, handler: handler)
        let count = configuration.shardCount ?? sysconf(Int32(_SC_NPROCESSORS_ONLN))
        self.listener = listener
        self.context = context
        shards = (0..<max(1, min(count, 64))).map { Shard(index: $0, context: context) }
    }

    deinit {
        listener.stop()
        for shard in shards { shard.queue.async { shard.abortAll() } }
    }

    /// The port that is listened on.
    public var port: Int { listener.address.port }

    /// Address and port that are listened on, such as "127.0.0.1:8080" or "[::1]:8080".
    public var address: String { listener.address.description }

    /// Whether only this machine can connect.
    public var isBoundToLoopback: Bool { context.isBoundToLoopback }

    /// What has been counted since the start.
    public var counts: HTTPCounts { context.counters.snapshot() }

    /// Begins to accept connections.
    public func start() {
        listener.start(shards: shards, connectionLimit: context.limits.connectionCount)
    }

    /// Stops accepting, closes idle connections, and lets accepted requests be answered, the last of a connection with
    /// `Connection: close`. What is not done by the deadline is broken off. Returns when all connections are closed.
    public func drain(deadline: Duration) async {
        await withCheckedContinuation { continuation in
            drain(deadline: deadline) { continuation.resume() }
        }
    }

    /// As ``drain(deadline:)``; `completion` is called once, on a queue of Dispatch.
    public func drain(deadline: Duration, completion: @escaping @Sendable () -> Void) {
        context.isDraining.store(true, ordering: .relaxed)
        listener.stop()
        for shard in shards { shard.queue.async { shard.beginDraining() } }
        let timer = DispatchSource.makeTimerSource(queue: .global())
        timer.setEventHandler { [shards] in
            for shard in shards { shard.queue.async { shard.abortAll() } }
        }
        timer.schedule(deadline: DispatchTime(uptimeNanoseconds: Instant.now.advanced(by: deadline)))
        timer.resume()
        context.openConnections.notify(queue: .global()) {
            timer.cancel()
            completion()
        }
    }
}
