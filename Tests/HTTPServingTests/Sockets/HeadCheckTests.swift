// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes
import Testing

extension SocketTests {
    /// Requests that their heads decide on.
    @Suite struct HeadCheck {
        private func makeServer() throws -> TestServer {
            try TestServer { configuration in
                configuration.policy.allowedOrigins = ["http://good.example"]
                configuration.headCheck = { request in
                    guard request.head.headerFields[.authorization] == nil else { return nil }
                    #expect(request.body.isEmpty)
                    var head = HTTPResponse(status: .unauthorized)
                    head.headerFields[.wwwAuthenticate] = "Bearer"
                    return (head, Array("\(request.path) \(request.id)".utf8))
                }
            }
        }

        @Test(arguments: ["Content-Length: 16000000", "Transfer-Encoding: chunked"])
        func `who is refused is not invited to send the body`(_ framing: String) throws {
            let server = try makeServer()
            let client = try server.client()
            client.send(request("POST /echo", "Expect: 100-continue", framing, "X-Request-ID: mine"))
            let response = try client.response()
            #expect(response.status == 401 && response.text == "/echo mine")
            #expect(response.field("x-request-id") == "mine")
            #expect(response.field("www-authenticate") == "Bearer")
            #expect(client.isClosedByPeer())
            #expect(server.record.lastRequest == nil)
        }

        @Test func `a large body is refused before it comes`() throws {
            let client = try makeServer().client()
            client.send(request("POST /echo", "Content-Length: 16000000"))
            #expect(try client.response().status == 401)
            #expect(client.isClosedByPeer())
        }

        @Test func `a small body is thrown away and the connection goes on, answers in order`() throws {
            let server = try makeServer()
            let client = try server.client()
            client.send(
                request("GET /slow?1") + request("POST /echo", "Content-Length: 2", body: "hi")
                    + request("POST /echo", "Authorization: a", "Content-Length: 2", body: "ho"))
            #expect(try client.response().text == "1", "a request without a body goes to the handler")
            #expect(try client.response().status == 401)
            #expect(try client.response().text == "ho")
        }

        @Test func `a preflight is not asked about`() throws {
            let client = try makeServer().client()
            client.send(
                request(
                    "OPTIONS /echo", "Origin: http://good.example", "Access-Control-Request-Method: POST",
                    "Content-Length: 1", body: "a"))
            #expect(try client.response().status == 204)
        }

        @Test func `a refusal can be read by an allowed origin`() throws {
            let client = try makeServer().client()
            client.send(request("POST /echo", "Origin: http://good.example", "Content-Length: 1", body: "a"))
            let response = try client.response()
            #expect(response.status == 401)
            #expect(response.field("access-control-allow-origin") == "http://good.example")
        }
    }
}
