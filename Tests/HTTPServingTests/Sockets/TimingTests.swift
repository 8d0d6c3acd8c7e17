// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import HTTPServing
import HTTPTypes
import Testing

extension SocketTests {
    /// Slow clients, clients that are gone, and the end of the server.
    @Suite struct Timing {
        @Test(arguments: ["G", "GET / HTTP/1.1\r\nHost: a\r\nX: "])
        func `a slow head is answered 408, however it trickles`(_ start: String) async throws {
            let server = try TestServer { $0.limits.headTimeout = .milliseconds(300) }
            let client = try server.client()
            let begin = ContinuousClock.now
            client.send(start)
            let trickle = Task.detached { [descriptor = client.descriptor] in
                while !Task.isCancelled {
                    var byte: UInt8 = 0x61
                    Glibc.send(descriptor, &byte, 1, Int32(MSG_NOSIGNAL))
                    try? await Task.sleep(for: .milliseconds(40))
                }
            }
            let response = try client.response()
            trickle.cancel()
            await trickle.value
            #expect(response.status == 408)
            #expect(response.field("connection") == "close")
            let time = ContinuousClock.now - begin
            #expect(time > .milliseconds(250) && time < .seconds(3), "\(time)")
            #expect(server.server.counts.timeouts == 1)
        }

        @Test(arguments: ["Content-Length: 9", "Transfer-Encoding: chunked"])
        func `a body that stops is answered 408`(_ framing: String) throws {
            let server = try TestServer { $0.limits.bodyGapTimeout = .milliseconds(200) }
            let client = try server.client()
            client.send(request("POST /echo", framing))
            #expect(try client.response().status == 408)
            #expect(client.isClosedByPeer())
        }

        @Test func `a slow body that goes on is served`() async throws {
            let server = try TestServer { $0.limits.bodyGapTimeout = .milliseconds(1000) }
            let client = try server.client()
            client.send(request("POST /echo", "Content-Length: 6"))
            for byte in "abcdef".utf8 {
                try await Task.sleep(for: .milliseconds(250))
                client.send([byte])
            }
            #expect(try client.response().text == "abcdef")
        }

        @Test(arguments: ["/echo", "/refused"])
        func `a body that trickles on and on is answered 408`(_ path: String) async throws {
            let server = try TestServer {
                $0.limits.bodyTimeout = .milliseconds(600)
                $0.headCheck = { $0.path == "/refused" ? (HTTPResponse(status: .unauthorized), []) : nil }
            }
            let client = try server.client()
            let begin = ContinuousClock.now
            client.send(request("POST \(path)", "Content-Length: 1000000"))
            let trickle = Task.detached { [descriptor = client.descriptor] in
                while !Task.isCancelled {
                    var byte: UInt8 = 0x61
                    Glibc.send(descriptor, &byte, 1, Int32(MSG_NOSIGNAL))
                    try? await Task.sleep(for: .milliseconds(40))
                }
            }
            let response = try client.response()
            trickle.cancel()
            await trickle.value
            #expect(response.status == 408)
            let time = ContinuousClock.now - begin
            #expect(time > .milliseconds(500) && time < .seconds(5), "\(time)")
        }

        @Test func `the time for a body begins anew with each body`() async throws {
            let server = try TestServer { $0.limits.bodyTimeout = .milliseconds(900) }
            let client = try server.client()
            let head = request("POST /echo", "Content-Length: 2")
            client.send(head + "a")
            for _ in 0..<6 {
                try await Task.sleep(for: .milliseconds(250))
                client.send("b" + head + "a")
                #expect(try client.response().text == "ab")
            }
            #expect(server.server.counts.timeouts == 0)
        }

        @Test func `the time for a head begins anew with each head`() async throws {
            let server = try TestServer { $0.limits.headTimeout = .milliseconds(600) }
            let client = try server.client()
            let (start, rest) = ("GET /hello HT", "TP/1.1\r\nHost: localhost\r\n\r\n")
            client.send(start)
            for _ in 0..<8 {
                try await Task.sleep(for: .milliseconds(120))
                client.send(rest + start)
                #expect(try client.response().text == "hello")
            }
            #expect(server.server.counts.timeouts == 0)
        }

        @Test func `time in which the server does not read does not count`() throws {
            let server = try TestServer {
                $0.limits.bodyGapTimeout = .milliseconds(300)
                $0.limits.pipelinedBodyBytes = 1000
            }
            let client = try server.client()
            let body = [UInt8](repeating: 0x61, count: 200_000)
            client.send(request("GET /later") + request("POST /echo", "Content-Length: \(body.count)"))
            client.send(body)
            #expect(try client.response().text == "later")
            #expect(try client.response().body == body)
        }

        @Test func `an idle connection is closed without a word`() throws {
            let server = try TestServer { $0.limits.idleTimeout = .milliseconds(150) }
            let fresh = try server.client()
            #expect(fresh.isClosedByPeer(seconds: 3))
            let used = try server.client()
            used.send(request("GET /hello"))
            #expect(try used.response().status == 200)
            #expect(used.isClosedByPeer(seconds: 3))
        }

        @Test func `a request in work is not idle`() throws {
            let server = try TestServer {
                $0.limits.idleTimeout = .milliseconds(300)
                $0.limits.headTimeout = .milliseconds(300)
                $0.limits.bodyGapTimeout = .milliseconds(300)
            }
            let client = try server.client()
            client.send(request("GET /later"))
            #expect(try client.response().text == "later")
        }

        @Test func `100 Continue is sent when the body is wanted, in its turn`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /slow?1") + request("POST /echo", "Expect: 100-continue", "Content-Length: 2"))
            #expect(try client.response().text == "1")
            #expect(try client.response().status == 100)
            client.send("hi")
            #expect(try client.response().text == "hi")
            client.send(request("POST /echo", "Expect: 100-continue", "Content-Length: 2", body: "at"))
            #expect(try client.response().text == "at", "who does not wait is not invited")
            client.send(request("POST /echo", "Expect: 100-continue", "Content-Length: 99999999"))
            #expect(try client.response().status == 413)
            #expect(client.isClosedByPeer())
        }

        @Test func `a client refused before its body is not invited`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(
                request("POST /echo", "Origin: http://evil.example", "Expect: 100-continue", "Content-Length: 2"))
            let response = try client.response()
            #expect(response.status == 403)
            #expect(response.field("connection") == "close")
            #expect(client.isClosedByPeer())
        }

        @Test func `a slow reader holds the producer back and loses nothing`() async throws {
            let server = try TestServer()
            let client = try server.client(receiveBufferBytes: 32 * 1024)
            client.send(request("GET /flood"))
            #expect(try await server.waits { $0.record.refusedWrites > 0 })
            try await Task.sleep(for: .milliseconds(200))
            let stalled = server.record.floodedBytes
            #expect(stalled < 2 * 1024 * 1024, "\(stalled) bytes were taken although nobody reads")
            let response = try client.response()
            #expect(response.body.count == Flood.totalBytes)
            #expect(server.record.floodedBytes == Flood.totalBytes)
        }

        @Test func `a reader that stops is dropped, and the handler told`() async throws {
            let server = try TestServer { $0.limits.writeStallTimeout = .milliseconds(300) }
            let client = try server.client(receiveBufferBytes: 16 * 1024)
            client.send(request("GET /endless"))
            let flood = try server.client(receiveBufferBytes: 16 * 1024)
            flood.send(request("GET /flood"))
            #expect(try await server.waits(seconds: 3) { $0.server.counts.timeouts == 1 })
            #expect(try await server.waits(seconds: 1) { $0.server.counts.connectionsOpen == 1 })
            #expect(server.record.disconnects == 0, "the other stream goes on: its bytes fit the buffers")
            #expect(server.record.floodedBytes < Flood.totalBytes)
        }

        @Test(arguments: ["/never", "/endless"], ["close", "reset"])
        func `a handler learns that its client is gone`(_ path: String, _ how: String) async throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET \(path)"))
            #expect(try await server.waits { $0.server.counts.requestsInFlight == 1 })
            let begin = ContinuousClock.now
            if how == "close" { client.close() } else { client.reset() }
            #expect(try await server.waits { $0.record.disconnects == 1 })
            #expect(ContinuousClock.now - begin < .milliseconds(1500))
            #expect(try await server.waits { $0.server.counts.connectionsOpen == 0 })
            #expect(server.server.counts.disconnects == 1)
            #expect(server.server.counts.requestsInFlight == 0)
        }

        @Test func `a client behind a full pipeline is missed too`() async throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /never") + (0..<60).map { _ in request("GET /hello") }.joined())
            #expect(try await server.waits { $0.server.counts.requestsTotal == 17 })
            client.close()
            #expect(try await server.waits { $0.record.disconnects == 1 })
        }

        @Test func `who asked to close and is gone is missed too`() async throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /never", "Connection: close"))
            #expect(try await server.waits { $0.server.counts.requestsInFlight == 1 })
            client.close()
            #expect(try await server.waits { $0.record.disconnects == 1 })
        }

        @Test func `bodies in memory are bounded over all connections`() async throws {
            let server = try TestServer { $0.limits.totalBodyBytes = 1_000_000 }
            let first = try server.client()
            first.send(request("POST /never", "Content-Length: 900000"))
            first.send([UInt8](repeating: 0x61, count: 900_000))
            #expect(try await server.waits { $0.server.counts.requestsInFlight == 1 })
            let second = try server.client()
            second.send(request("POST /echo", "Content-Length: 200000"))
            second.send([UInt8](repeating: 0x61, count: 200_000))
            let response = try second.response()
            #expect(response.status == 503)
            #expect(response.field("retry-after") != nil)
            first.reset()
            #expect(try await server.waits { $0.record.disconnects == 1 })
            let third = try server.client()
            third.send(request("POST /echo", "Content-Length: 900000"))
            third.send([UInt8](repeating: 0x61, count: 900_000))
            #expect(try third.response().body.count == 900_000)
        }

        @Test func `draining answers what was accepted and closes what is idle`() async throws {
            let server = try TestServer()
            let (idle, busy) = (try server.client(), try server.client())
            idle.send(request("GET /hello"))
            #expect(try idle.response().status == 200)
            busy.send(request("GET /slow?1") + request("GET /slow?2"))
            #expect(try await server.waits { $0.server.counts.requestsTotal == 3 })
            let begin = ContinuousClock.now
            // Not an `async let`: this test blocks a thread of the pool that the child task would wait for.
            let drained = DispatchSemaphore(value: 0)
            server.server.drain(deadline: .seconds(10)) { drained.signal() }
            #expect(idle.isClosedByPeer())
            let (first, second) = (try busy.response(), try busy.response())
            #expect(first.text == "1" && first.field("connection") == nil)
            #expect(second.text == "2" && second.field("connection") == "close")
            #expect(busy.isClosedByPeer())
            busy.close()
            #expect(drained.wait(timeout: .now() + 20) == .success)
            #expect(ContinuousClock.now - begin < .seconds(3))
            #expect(throws: TestClient.Failure.self) { try server.client() }
            #expect(server.server.counts.connectionsOpen == 0)
        }

        @Test func `what is not done by the deadline of a drain is broken off`() async throws {
            let server = try TestServer()
            let (silent, streaming) = (try server.client(), try server.client())
            silent.send(request("GET /never"))
            streaming.send(request("GET /endless"))
            #expect(try await server.waits { $0.server.counts.requestsInFlight == 2 })
            let begin = ContinuousClock.now
            await server.server.drain(deadline: .milliseconds(200))
            let time = ContinuousClock.now - begin
            #expect(time > .milliseconds(190) && time < .seconds(2))
            #expect(server.record.disconnects == 2)
            #expect(silent.isClosedByPeer())
        }

        @Test func `a server that never started drains at once`() async throws {
            let server = try HTTPServer(HTTPServer.Configuration(port: 0)) { _, _ in }
            await server.drain(deadline: .seconds(10))
        }
    }
}
