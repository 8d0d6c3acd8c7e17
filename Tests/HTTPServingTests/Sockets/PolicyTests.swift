// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes
import Testing

extension SocketTests {
    /// Names, origins, binding, and the form of refusals.
    @Suite struct Policy {
        private func status(_ server: TestServer, _ text: String) throws -> Int {
            let client = try server.client()
            client.send(text)
            return try client.response().status
        }

        @Test(arguments: [
            ("localhost", 200), ("localhost:80", 200), ("LOCALHOST.", 200), ("127.0.0.1", 200), ("127.1.2.3:9", 200),
            ("[::1]:8080", 200), ("evil.example", 421), ("128.0.0.1", 421), ("127.0.0.1.evil.example", 421),
            ("localhost.evil.example", 421), ("[::2]", 421), ("0.0.0.0", 421), ("127.1", 421), ("2130706433", 421),
            ("model.internal", 200), ("MODEL.internal:81", 200),
        ])
        func `a loopback server takes loopback names and allowed ones`(_ host: String, _ status: Int) throws {
            let server = try TestServer { $0.policy.hostNames = ["Model.internal"] }
            #expect(try self.status(server, "GET /hello HTTP/1.1\r\nHost: \(host)\r\n\r\n") == status)
            let absolute = "GET http://\(host)/hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
            #expect(try self.status(server, absolute) == status, "an absolute target counts, not Host")
        }

        @Test func `the check of names can be switched off, and does not bind on other addresses`() throws {
            let foreign = "GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n"
            #expect(try status(TestServer { $0.policy.checksHostOnLoopback = false }, foreign) == 200)
            #expect(try status(TestServer { $0.host = "0.0.0.0" }, foreign) == 200)
            let named = try TestServer {
                $0.host = "0.0.0.0"
                $0.policy.hostNames = ["good.example"]
            }
            #expect(try status(named, foreign) == 421)
            #expect(try status(named, "GET /hello HTTP/1.1\r\nHost: good.example\r\n\r\n") == 200)
        }

        @Test(arguments: [
            ("POST", "Origin: http://localhost:8080", 200), ("POST", "Origin: http://localhost", 403),
            ("POST", "Origin: https://localhost:8080", 200), ("POST", "Origin: null", 403),
            ("POST", "Origin: http://evil.example", 403), ("POST", "Origin: http://good.example", 200),
            ("POST", "Origin: file://", 403), ("POST", "Origin: ", 403),
            ("POST", "Origin: http://localhost:8080\r\nOrigin: http://localhost:8080", 403),
            ("POST", "Sec-Fetch-Site: cross-site", 403), ("POST", "Sec-Fetch-Site: same-origin", 200),
            ("POST", "Sec-Fetch-Site: none", 200), ("PUT", "Origin: http://evil.example", 403),
            ("PATCH", "Origin: http://evil.example", 403), ("DELETE", "Origin: http://evil.example", 403),
            ("GET", "Origin: http://evil.example", 200), ("GET", "Sec-Fetch-Site: cross-site", 200),
            ("POST", "X: y", 200),
        ])
        func `requests across sites are refused`(_ method: String, _ field: String, _ status: Int) throws {
            let server = try TestServer { $0.policy.allowedOrigins = ["http://good.example"] }
            let head = "\(method) /hello HTTP/1.1\r\nHost: localhost:8080\r\n\(field)\r\n\r\n"
            #expect(try self.status(server, head) == status)
        }

        @Test func `no origin may read answers unless it is allowed`() throws {
            let closed = try TestServer().client
            let client = try closed(nil)
            client.send(request("GET /hello", "Origin: http://good.example"))
            let plain = try client.response()
            #expect(plain.field("access-control-allow-origin") == nil)
            #expect(plain.field("vary") == nil)
            client.send(
                request("OPTIONS /hello", "Origin: http://good.example", "Access-Control-Request-Method: POST"))
            #expect(try client.response().field("access-control-allow-origin") == nil)
        }

        @Test func `an allowed origin gets its preflight and its answer`() throws {
            let server = try TestServer { $0.policy.allowedOrigins = ["http://Good.example"] }
            let client = try server.client()
            client.send(
                request(
                    "OPTIONS /echo", "Origin: http://good.example", "Access-Control-Request-Method: POST",
                    "Access-Control-Request-Headers: content-type, authorization"))
            let preflight = try client.response()
            #expect(preflight.status == 204)
            #expect(preflight.field("access-control-allow-origin") == "http://good.example")
            #expect(preflight.field("access-control-allow-methods")?.contains("POST") == true)
            #expect(preflight.field("access-control-allow-headers") == "content-type, authorization")
            client.send(request("POST /echo", "Origin: http://good.example", "Content-Length: 2", body: "hi"))
            let answer = try client.response()
            #expect(answer.status == 200)
            #expect(answer.field("access-control-allow-origin") == "http://good.example")
            #expect(answer.field("vary") == "Origin")
            client.send(request("GET /hello", "Origin: http://evil.example"))
            #expect(try client.response().field("access-control-allow-origin") == nil)
        }

        @Test(arguments: [
            ("*", true), ("null", true), ("http://a", true), ("https://a.example:8443", true),
            ("HTTP://[::1]:3000", true),
            ("chrome-extension://abc", true), ("foo", false), ("a.example:80", false), ("http://", false),
            ("http://a/", false), ("http://a/b", false), ("http://a:", false), ("http://a:80", false),
            ("https://a:443", false), ("http://u@a", false), ("1http://a", false), ("", false), ("http:a", false),
        ])
        func `an allowed origin is one that can be sent`(_ text: String, _ isOrigin: Bool) {
            #expect(HTTPPolicy.isOrigin(text) == isOrigin)
        }

        @Test(arguments: [
            ("a.example", true), ("A", true), ("127.0.0.1", true), ("[::1]", true), ("http://x", false),
            ("x:80", false), ("x:", false), ("x.", false), ("", false), ("a/b", false), ("::1", false),
        ])
        func `an allowed host is a name without port`(_ text: String, _ isName: Bool) {
            #expect(HTTPPolicy.isHostName(text) == isName)
        }

        @Test func `OPTIONS of the server lists methods`() throws {
            let client = try TestServer { $0.policy.methods = [.get, .options] }.client()
            client.send("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let response = try client.response()
            #expect(response.status == 204)
            #expect(response.field("allow") == "GET, OPTIONS")
        }

        @Test func `TRACE echoes nothing`() throws {
            let client = try TestServer().client()
            client.send(request("TRACE /hello", "X-Secret: 123"))
            let response = try client.response()
            #expect(response.status == 501)
            #expect(!response.text.contains("123"))
        }

        @Test func `a refusal has the shape of the API's errors`() throws {
            let client = try TestServer().client()
            client.send("GET /hello HTTP/1.1\r\n\r\n")
            let response = try client.response()
            #expect(response.status == 400)
            #expect(response.field("content-type") == "application/json")
            #expect(
                response.text == #"{"error":{"message":"Host is missing.","type":"invalid_request_error","#
                    + #""param":null,"code":"missing_host"}}"#)
        }

        @Test func `a refused request keeps the connection if its end is known`() throws {
            let client = try TestServer().client()
            client.send(request("BREW /hello", "Content-Length: 2", body: "hi") + request("GET /hello"))
            #expect(try client.response().status == 501)
            #expect(try client.response().text == "hello")
        }

        @Test func `a large body of a refused request is not read`() throws {
            let client = try TestServer().client()
            client.send(request("BREW /hello", "Content-Length: 9999999"))
            let response = try client.response()
            #expect(response.status == 501)
            #expect(response.field("connection") == "close")
        }

        @Test func `a second server on a port is refused`() throws {
            let server = try TestServer()
            var configuration = HTTPServer.Configuration(port: server.port)
            #expect(throws: HTTPServerError.addressInUse("127.0.0.1:\(server.port)")) {
                try HTTPServer(configuration) { _, _ in }
            }
            configuration.host = "0.0.0.0"
            #expect(throws: HTTPServerError.addressInUse("0.0.0.0:\(server.port)")) {
                try HTTPServer(configuration) { _, _ in }
            }
        }

        @Test func `bad addresses are refused`() {
            for host in ["example.com", "", "1.2.3", "[::1"] {
                #expect(throws: HTTPServerError.invalidHost(host)) {
                    try HTTPServer(HTTPServer.Configuration(host: host, port: 0)) { _, _ in }
                }
            }
            for port in [-1, 65536] {
                #expect(throws: HTTPServerError.invalidPort(port)) {
                    try HTTPServer(HTTPServer.Configuration(port: port)) { _, _ in }
                }
            }
            #expect(throws: HTTPServerError.self) {
                try HTTPServer(HTTPServer.Configuration(host: "203.0.113.7", port: 0)) { _, _ in }
            }
        }

        @Test func `a server can be bound again at once after its drain`() async throws {
            let server = try TestServer()
            let client = try server.client()
            client.send(request("GET /hello"))
            #expect(try client.response().status == 200)
            await server.server.drain(deadline: .seconds(1))
            let again = try TestServer { $0.port = server.port }
            #expect(again.port == server.port)
        }

        @Test func `IPv6 is served where there is any`() throws {
            let configuration = HTTPServer.Configuration(host: "::1", port: 0)
            do {
                let server = try HTTPServer(configuration) { _, _ in }
                #expect(server.address == "[::1]:\(server.port)")
                #expect(server.isBoundToLoopback)
            } catch HTTPServerError.cannotBind, HTTPServerError.systemCall {
                // No IPv6 on this machine.
            }
        }
    }
}
