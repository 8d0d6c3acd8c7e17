// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HTTPServing
import HTTPTypes
import Synchronization

/// A server on a free port whose handler shows every way to answer. Paths: /hello, /echo, /slow (answers from another
/// thread after 50 ms), /stream (ten chunks 5 ms apart), /flood (as fast as the client reads, 64 MiB), /never (until
/// the client is gone), /endless (streams until the client is gone), /forget (drops the responder), /broken (breaks
/// the stream off), /nobody (204), /large (1 MiB at once).
final class TestServer: Sendable {
    struct Record {
        var disconnects = 0
        var floodedBytes = 0
        var refusedWrites = 0
        var lastRequest: HTTPServerRequest?
    }

    final class Log: Sendable {
        let record = Mutex(Record())
    }

    let server: HTTPServer
    let log: Log

    var port: Int { server.port }
    var record: Record { log.record.withLock { $0 } }

    init(_ configure: (inout HTTPServer.Configuration) -> Void = { _ in }) throws {
        var configuration = HTTPServer.Configuration(port: 0)
        configuration.shardCount = 2
        configure(&configuration)
        let log = Log()
        self.log = log
        server = try HTTPServer(configuration) { request, responder in
            Self.handle(request, responder, log)
        }
        server.start()
    }

    func client(receiveBufferBytes: Int32? = nil) throws -> TestClient {
        try TestClient(port: port, receiveBufferBytes: receiveBufferBytes)
    }

    /// Waits until `condition` holds; false after the time.
    func waits(seconds: Double = 5, until condition: (TestServer) -> Bool) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if condition(self) { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return condition(self)
    }

    private static func handle(_ request: HTTPServerRequest, _ responder: any HTTPResponder, _ log: Log) {
        log.record.withLock { $0.lastRequest = request }
        let ok = HTTPResponse(status: .ok, headerFields: [.contentType: "text/plain"])
        switch request.path {
        case "/hello": responder.send(ok, body: Array("hello".utf8))
        case "/echo": responder.send(ok, body: request.body)
        case "/large": responder.send(ok, body: [UInt8](repeating: 0x78, count: 1024 * 1024))
        case "/nobody": responder.send(HTTPResponse(status: .noContent), body: [])
        case "/forget": break
        case "/twice":
            responder.send(ok, body: Array("first".utf8))
            responder.send(ok, body: Array("second".utf8))
            _ = responder.stream(ok).write(Array("third".utf8))
        case "/close":
            responder.send(HTTPResponse(status: .ok, headerFields: [.connection: "close"]), body: Array("bye".utf8))
        case "/slow":
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(50)) {
                responder.send(ok, body: Array((request.query ?? "slow").utf8))
            }
        case "/stream": streamTen(to: responder.stream(ok), from: 0)
        case "/broken":
            let writer = responder.stream(ok)
            writer.write(Array("half".utf8))
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) { writer.abort() }
        case "/never":
            responder.onDisconnect {
                withExtendedLifetime(responder) { log.record.withLock { $0.disconnects += 1 } }
            }
        case "/endless":
            let writer = responder.stream(ok)
            let gone = Flag()
            responder.onDisconnect {
                gone.raise()
                log.record.withLock { $0.disconnects += 1 }
            }
            tick(writer, gone)
        case "/flood": Flood(writer: responder.stream(ok), log: log).start()
        default:
            responder.send(HTTPResponse(status: .notFound), body: Array("no such path".utf8))
        }
    }

    private static func streamTen(to writer: any HTTPBodyWriter, from index: Int) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(5)) {
            guard index < 10 else { return writer.finish() }
            writer.write(Array("piece \(index)\n".utf8))
            streamTen(to: writer, from: index + 1)
        }
    }

    private static func tick(_ writer: any HTTPBodyWriter, _ gone: Flag) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(10)) {
            guard !gone.isRaised else { return }
            writer.write(Array("tick\n".utf8))
            tick(writer, gone)
        }
    }
}

final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    func raise() { value.store(true, ordering: .releasing) }
    var isRaised: Bool { value.load(ordering: .acquiring) }
}

/// Writes 64 MiB as fast as it is let.
final class Flood: Sendable {
    static let totalBytes = 64 * 1024 * 1024
    private static let piece = [UInt8](repeating: 0x2E, count: 16 * 1024)
    private let writer: any HTTPBodyWriter
    private let log: TestServer.Log
    private let written = Mutex(0)

    init(writer: any HTTPBodyWriter, log: TestServer.Log) {
        self.writer = writer
        self.log = log
    }

    func start() {
        writer.onWritable { self.produce() }
        DispatchQueue.global().async { self.produce() }
    }

    private func produce() {
        while true {
            let count = written.withLock { written -> Int in
                guard written < Self.totalBytes else { return 0 }
                written += Self.piece.count
                return Self.piece.count
            }
            guard count > 0 else { return writer.finish() }
            log.record.withLock { $0.floodedBytes += count }
            guard writer.write(Self.piece) else {
                log.record.withLock { $0.refusedWrites += 1 }
                return
            }
        }
    }
}
