// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes
import Testing

/// Tests against a real server on a free port. Serialized: some measure time or use many descriptors.
@Suite(.serialized) struct SocketTests {}

extension SocketTests {
    @Suite struct Answers {
        @Test func `a request is answered and the connection kept`() throws {
            let server = try TestServer()
            let client = try server.client()
            for _ in 0..<3 {
                client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let response = try client.response()
                #expect(response.status == 200)
                #expect(response.text == "hello")
                #expect(response.field("connection") == nil)
                #expect(response.field("date")?.hasSuffix(" GMT") == true)
                #expect(response.field("server") == nil)
                #expect(response.field("x-request-id")?.isEmpty == false)
            }
            #expect(server.server.counts.connectionsTotal == 1)
            #expect(server.server.counts.responsesByClass[2] == 3)
        }

        @Test func `a streamed answer comes in chunks`() throws {
            let server = try TestServer()
            let client = try server.client()
            client.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let response = try client.response()
            #expect(response.field("transfer-encoding") == "chunked")
            #expect(response.text == (0..<10).map { "piece \($0)\n" }.joined())
            client.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try client.response().text == "slow")
        }
    }
}
