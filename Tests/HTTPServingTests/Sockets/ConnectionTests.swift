// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPServing
import Testing

extension SocketTests {
    /// Persistence, pipelining and the end of connections (RFC 9112, section 9).
    @Suite struct Connections {
        @Test(arguments: [3, 64, 500]) func `pipelined requests are answered in order`(_ count: Int) throws {
            let server = try TestServer()
            let client = try server.client()
            client.send((0..<count).map { request("POST /echo", "Content-Length: 4", body: "\(1000 + $0)") }.joined())
            for index in 0..<count { #expect(try client.response().text == "\(1000 + index)") }
        }

        @Test func `slow and quick requests in one pipeline stay in order`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(
                request("GET /slow?1") + request("GET /hello") + request("HEAD /large") + request("GET /stream")
                    + request("GET /slow?2") + "BAD\r\n\r\n" + request("GET /hello"))
            #expect(try client.response().text == "1")
            #expect(try client.response().text == "hello")
            #expect(try client.response(hasBody: false).field("content-length") == "1048576")
            #expect(try client.response().text.hasSuffix("piece 9\n"))
            #expect(try client.response().text == "2")
            let last = try client.response()
            #expect(last.status == 400)
            #expect(last.field("connection") == "close")
            #expect(client.isClosedByPeer())
        }

        @Test func `at most 16 requests wait behind the one in work`() async throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /never"))
            #expect(try await server.waits { $0.server.counts.requestsInFlight == 1 })
            // Each comes alone, so that the server could stop after any of them.
            for _ in 0..<40 {
                client.send(request("GET /hello"))
                try await Task.sleep(for: .milliseconds(1))
            }
            #expect(try await server.waits { $0.server.counts.requestsTotal == 17 })
            try await Task.sleep(for: .milliseconds(50))
            #expect(server.server.counts.requestsTotal == 17)
            client.reset()
            #expect(try await server.waits { $0.record.disconnects == 1 })
        }

        @Test(arguments: ["Connection: close", "Connection: x, close"])
        func `close is honoured after the answer`(_ field: String) throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /hello", field) + request("GET /hello"))
            let response = try client.response()
            #expect(response.text == "hello")
            #expect(response.field("connection") == "close")
            #expect(client.isClosedByPeer())
            #expect(server.server.counts.requestsTotal == 1, "what follows a close is no request")
        }

        @Test func `a handler can ask to close`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /close"))
            #expect(try client.response().field("connection") == "close")
            #expect(client.isClosedByPeer())
        }

        @Test func `HTTP 1.0 closes unless asked to keep alive, and then says so`() throws {
            let server = try TestServer()
            let closing = try server.client()
            closing.send("GET /hello HTTP/1.0\r\n\r\n")
            let response = try closing.response()
            #expect(response.text == "hello")
            #expect(response.field("connection") == "close")
            #expect(closing.isClosedByPeer())
            let keeping = try server.client()
            for _ in 0..<2 {
                keeping.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(try keeping.response().field("connection") == "keep-alive")
            }
        }

        @Test func `HTTP 1.0 gets a stream without chunks until close`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let response = try client.response()
            #expect(response.field("transfer-encoding") == nil)
            #expect(response.field("connection") == "close")
            #expect(response.text == (0..<10).map { "piece \($0)\n" }.joined())
        }

        @Test func `the last request of a connection says close`() throws {
            let server = try TestServer { $0.limits.requestsPerConnection = 3 }
            let client = try server.client()
            for _ in 0..<2 {
                client.send(request("GET /hello"))
                #expect(try client.response().field("connection") == nil)
            }
            client.send(request("GET /hello"))
            #expect(try client.response().field("connection") == "close")
            #expect(client.isClosedByPeer())
        }

        @Test func `a client that ends its sending side gets its answer`() throws {
            let server = try TestServer { $0.limits.halfCloseGrace = .seconds(5) }
            for path in ["/hello", "/slow", "/stream"] {
                let client = try server.client()
                client.send(request("GET \(path)") + request("GET \(path)"))
                client.endSending()
                #expect(try client.response().status == 200)
                #expect(try client.response().status == 200)
                #expect(client.isClosedByPeer())
            }
            #expect(server.server.counts.disconnects == 0)
        }

        @Test func `after FIN each waiting request has the grace for itself`() throws {
            let server = try TestServer { $0.limits.halfCloseGrace = .milliseconds(400) }
            let client = try server.client()
            client.send((0..<12).map { request("GET /slow?\($0)") }.joined())
            client.endSending()
            for index in 0..<12 { #expect(try client.response().text == "\(index)") }
            #expect(client.isClosedByPeer())
        }

        @Test func `a body cut short is refused`() throws {
            let server = try TestServer()
            for start in ["POST /echo", "POST /hello"] {
                let client = try server.client()
                client.send(request(start, "Content-Length: 9", body: "half"))
                client.endSending()
                #expect(try client.response().status == 400)
                #expect(client.isClosedByPeer())
            }
        }

        @Test func `a refusal can be read although the client still sends`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("POST /echo", "Content-Length: 99999999"))
            // More than fits into the buffers of the kernel if nobody reads.
            let piece = [UInt8](repeating: 0x61, count: 64 * 1024)
            for _ in 0..<12 { client.send(piece) }
            let response = try client.response()
            #expect(response.status == 413)
            #expect(response.field("connection") == "close")
            #expect(client.isClosedByPeer())
        }

        @Test func `a lingering connection ends after its second`() async throws {
            let server = try TestServer { $0.limits.lingerTimeout = .milliseconds(200) }
            let client = try server.client()
            client.send("BAD\r\n\r\n")
            #expect(try client.response().status == 400)
            #expect(client.isClosedByPeer())
            #expect(server.server.counts.connectionsOpen == 1, "the client has not closed yet")
            #expect(try await server.waits(seconds: 1) { $0.server.counts.connectionsOpen == 0 })
        }

        @Test func `500 connections are served side by side`() async throws {
            let server = try TestServer()
            let clients = try (0..<500).map { _ in try server.client() }
            #expect(try await server.waits { $0.server.counts.connectionsOpen == 500 })
            for (index, client) in clients.enumerated() {
                client.send(request("POST /echo", "Content-Length: 4", body: "\(1000 + index)"))
            }
            for (index, client) in clients.enumerated() {
                #expect(try client.response().text == "\(1000 + index)")
            }
            for client in clients { client.close() }
            #expect(try await server.waits { $0.server.counts.connectionsOpen == 0 })
        }

        @Test func `a connection too many is told so`() async throws {
            let server = try TestServer { $0.limits.connectionCount = 4 }
            let clients = try (0..<4).map { _ in try server.client() }
            #expect(try await server.waits { $0.server.counts.connectionsOpen == 4 })
            let refused = try server.client()
            let response = try refused.response()
            #expect(response.status == 503)
            #expect(response.field("retry-after") == "1")
            #expect(refused.isClosedByPeer())
            refused.close()
            clients[0].close()
            #expect(try await server.waits { $0.server.counts.connectionsOpen == 3 })
            let next = try server.client()
            next.send(request("GET /hello"))
            #expect(try next.response().status == 200)
            #expect(server.server.counts.connectionsRefused == 1)
            withExtendedLifetime(clients) {}
        }

        @Test(
            .enabled(
                if: getenv("TEMPER_TEST_DESCRIPTORS") != nil,
                "lowers the limit on open files of the whole process: run it alone, with TEMPER_TEST_DESCRIPTORS=1"))
        func `without descriptors connections are refused and the server recovers`() async throws {
            let server = try TestServer()
            let kept = try server.client()
            var clients = try (0..<40).map { _ in try server.client() }
            #expect(try await server.waits { $0.server.counts.connectionsOpen == 41 })
            for client in clients { client.close() }
            #expect(try await server.waits { $0.server.counts.connectionsOpen == 1 })

            // Room for the clients' own sockets but not for the server's.
            var old = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &old)
            let probe = open("/dev/null", O_RDONLY)
            close(probe)
            var tight = old
            tight.rlim_cur = rlim_t(probe) + 20
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &tight)
            clients = (0..<20).compactMap { _ in try? server.client() }
            let refusedSome = try await server.waits { $0.server.counts.connectionsRefused > 0 }
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let before = usage.ru_utime.tv_sec * 1_000_000 + usage.ru_utime.tv_usec
            try await Task.sleep(for: .milliseconds(300))
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let after = usage.ru_utime.tv_sec * 1_000_000 + usage.ru_utime.tv_usec
            kept.send(request("GET /hello"))
            let keptResponse = try? kept.response()
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &old)

            #expect(refusedSome)
            #expect(after - before < 100_000, "accepting does not spin: \(after - before) µs in 300 ms")
            #expect(keptResponse?.text == "hello")
            for client in clients { client.close() }
            try await Task.sleep(for: .milliseconds(300))
            let late = try server.client()
            late.send(request("GET /hello"))
            #expect(try late.response().text == "hello")
        }
    }
}
