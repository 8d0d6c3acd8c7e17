// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes
import Testing

/// Tests against a real server on a free port. Serialized: some measure time or use many descriptors.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SocketTests {}

/// A request to the test server.
func request(_ line: String, _ fields: String..., body: String = "") -> String {
    "\(line) HTTP/1.1\r\nHost: localhost\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n" + body
}

extension SocketTests {
    @Suite struct Answers {
        @Test func `a request is answered and the connection kept`() throws {
            let server = try TestServer()
            let client = try server.client()
            for _ in 0..<3 {
                client.send(request("GET /hello"))
                let response = try client.response()
                #expect(response.status == 200)
                #expect(response.text == "hello")
                #expect(response.field("connection") == nil)
                #expect(response.field("date")?.hasSuffix(" GMT") == true)
                #expect(response.field("server") == nil)
                #expect(response.field("x-request-id")?.isEmpty == false)
            }
            let counts = server.server.counts
            #expect(counts.connectionsTotal == 1)
            #expect(counts.requestsTotal == 3)
            #expect(counts.responsesByClass[2] == 3)
            #expect(counts.bytesReceived == 3 * request("GET /hello").utf8.count)
        }

        @Test func `a body of any framing arrives whole`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("POST /echo", "Content-Length: 5", body: "hello"))
            #expect(try client.response().text == "hello")
            client.send(request("POST /echo", "Transfer-Encoding: chunked"))
            for piece in ["3\r\n", "abc\r\n2", "\r\nde\r", "\n0\r\n", "\r\n"] {
                client.send(piece)
            }
            #expect(try client.response().text == "abcde")
            let large = [UInt8](repeating: 0x61, count: 3_000_000)
            client.send(request("POST /echo", "Content-Length: \(large.count)"))
            // The echo comes only after the whole body, so that sending cannot block on it.
            client.send(large)
            #expect(try client.response().body == large)
        }

        @Test func `a streamed answer comes in chunks, and another request after it`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /stream"))
            let response = try client.response()
            #expect(response.field("transfer-encoding") == "chunked")
            #expect(response.field("content-length") == nil)
            #expect(response.text == (0..<10).map { "piece \($0)\n" }.joined())
            client.send(request("GET /slow"))
            #expect(try client.response().text == "slow")
        }

        @Test func `streamed pieces are not held back`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /endless"))
            _ = try client.response(hasBody: false)
            #expect(try client.chunk(seconds: 3)?.text == "tick\n")
            #expect(try client.chunk(seconds: 3)?.text == "tick\n")
        }

        @Test(arguments: ["/hello", "/large", "/stream", "/nobody", "/slow"])
        func `HEAD has the head of GET and no body`(_ path: String) throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET \(path)", "X-Request-ID: same"))
            let get = try client.response()
            client.send(request("HEAD \(path)", "X-Request-ID: same"))
            let head = try client.response(hasBody: false)
            #expect(head.status == get.status)
            let framing = ["content-length", "transfer-encoding", "content-type", "connection"]
            for name in framing { #expect(head.field(name) == get.field(name), "\(name)") }
            client.send(request("GET /hello"))
            #expect(try client.response().text == "hello", "nothing of a body came before")
        }

        @Test func `204 has no length`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /nobody") + request("GET /hello"))
            let response = try client.response()
            #expect(response.status == 204)
            #expect(response.field("content-length") == nil)
            #expect(response.field("transfer-encoding") == nil)
            #expect(try client.response().text == "hello")
        }

        @Test func `only the first answer counts`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /twice") + request("GET /hello"))
            #expect(try client.response().text == "first")
            #expect(try client.response().text == "hello")
        }

        @Test func `a forgotten request is answered 500`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /forget") + request("GET /hello"))
            let response = try client.response()
            #expect(response.status == 500)
            #expect(response.text.contains("\"code\":\"no_answer\""))
            #expect(try client.response().text == "hello")
        }

        @Test func `a stream that breaks off is seen as incomplete`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /broken"))
            let text = try client.receiveToEnd().text
            #expect(text.contains("\r\n\r\n4\r\nhalf\r\n"))
            #expect(!text.contains("\r\n0\r\n"))
        }

        @Test func `a well-formed request id is kept, another replaced`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /hello", "X-Request-ID: my-id/7"))
            #expect(try client.response().field("x-request-id") == "my-id/7")
            #expect(server.record.lastRequest?.id == "my-id/7")
            for bad in ["has space", String(repeating: "a", count: 129), "", "caf\u{E9}"] {
                client.send(request("GET /hello", "X-Request-ID: \(bad)"))
                let id = try client.response().field("x-request-id")
                #expect(id?.hasPrefix("req-") == true, "\(bad)")
            }
            client.send(request("GET /hello", "X-Request-ID: a", "X-Request-ID: b"))
            #expect(try client.response().field("x-request-id")?.hasPrefix("req-") == true)
        }

        @Test func `a field cannot smuggle a line end out`() throws {
            var configuration = HTTPServer.Configuration(port: 0)
            configuration.shardCount = 1
            let server = try HTTPServer(configuration) { request, responder in
                let value = String(request.query?.replacing("_", with: "\r\n") ?? "")
                let head = HTTPResponse(status: .ok, headerFields: [.contentType: value])
                responder.send(head, body: Array("x".utf8))
            }
            server.start()
            let client = try TestClient(port: server.port)
            client.send(request("GET /?a_X-Evil:b") + request("GET /?c"))
            let response = try client.response()
            #expect(response.field("x-evil") == nil)
            #expect(try client.response().field("content-type") == "c")
        }
    }
}
