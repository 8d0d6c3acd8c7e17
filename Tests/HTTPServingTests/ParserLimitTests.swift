// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes
import Testing

/// Each limit at one below, at, and one above its value: what is at the limit is accepted.
@Suite struct ParserLimitTests {
    /// A limit, and the bytes and outcomes of a message that has `size` of what is limited.
    struct Limit: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var value: Int
        var status: Int
        var accepted: Outcome
        var make: @Sendable (_ size: Int) -> String
    }

    private static let base = "GET / HTTP/1.1\r\nHost: a\r\n"

    private static func repeated(_ count: Int) -> String { String(repeating: "a", count: count) }

    static let limits: [Limit] = [
        Limit(testDescription: "request line 8 KiB", value: 8192, status: 414, accepted: .serves("GET /")) { size in
            "GET /?" + repeated(size - "GET /? HTTP/1.1".count) + " HTTP/1.1\r\nHost: a\r\n\r\n"
        },
        Limit(testDescription: "field line 16 KiB", value: 16384, status: 431, accepted: .serves("GET /")) { size in
            base + "X:" + repeated(size - 2) + "\r\n\r\n"
        },
        Limit(testDescription: "field block 32 KiB", value: 32768, status: 431, accepted: .serves("GET /")) { size in
            // Each line is its letters and 4 bytes more; the Host line counts too.
            let rest = size - "Host: a\r\n".utf8.count - 2 * 12004
            let lines = [12000, 12000, rest - 4].map { "X:" + repeated($0) + "\r\n" }
            return base + lines.joined() + "\r\n"
        },
        Limit(testDescription: "100 fields", value: 100, status: 431, accepted: .serves("GET /")) { size in
            base + String(repeating: "X: a\r\n", count: size - 1) + "\r\n"
        },
        Limit(testDescription: "chunk line 4 KiB", value: 4096, status: 400, accepted: .serves("POST /")) { size in
            ParserCases.chunked("0;" + repeated(size - 2) + "\r\n\r\n")
        },
        Limit(
            testDescription: "chunk extensions 16 KiB", value: 16384, status: 400,
            accepted: .serves("POST /", body: "xxxxxxx")
        ) { size in
            let seven = String(repeating: "1;" + repeated(2047) + "\r\nx\r\n", count: 7)
            return ParserCases.chunked(seven + "0;" + repeated(size - 7 * 2048 - 1) + "\r\n\r\n")
        },
        Limit(testDescription: "trailers 8 KiB", value: 8192, status: 431, accepted: .serves("POST /")) { size in
            ParserCases.chunked("0\r\nX:" + repeated(4092) + "\r\nY:" + repeated(size - 4096 - 4) + "\r\n\r\n")
        },
    ]

    @Test(arguments: limits) func `a limit holds to the byte`(_ limit: Limit) {
        for size in [limit.value - 1, limit.value] {
            check(ParserCase("9110 5.4", "\(size)", limit.make(size), limit.accepted))
        }
        let tooLarge = limit.make(limit.value + 1)
        check(ParserCase("9110 5.4", "\(limit.value + 1)", tooLarge, .fails(limit.status)))
    }

    @Test(arguments: [9, 10, 11]) func `the body limit holds to the byte`(_ size: Int) {
        var limits = HTTPLimits()
        limits.bodyBytes = 10
        let body = Self.repeated(size)
        let expected = size <= 10 ? Outcome.serves("POST /", body: body) : .fails(413)
        let whole = ParserCases.post("Content-Length: \(size)", body: body)
        check(ParserCase("9110 15.5.14", "length", whole, expected), limits: limits)
        let pieces = ParserCases.chunked(body.map { "1\r\n\($0)\r\n" }.joined() + "0\r\n\r\n")
        check(ParserCase("9110 15.5.14", "chunked", pieces, expected), limits: limits)
    }

    @Test func `an endless line fails at its limit and holds no more`() {
        for (start, status) in [("GET /", 414), (Self.base + "X:", 431), (Self.base, 431)] {
            var run = ParserRun()
            run.feed(Array(start.utf8))
            let piece = [UInt8](repeating: 0x61, count: 1000)
            for _ in 0..<40 { run.feed(piece) }
            #expect(run.finish() == [.fails(status)])
        }
    }

    @Test func `the time to parse grows with the size alone`() {
        // A head that comes byte by byte must not be searched from its start again: 30 KiB would take 450 M steps.
        let head = Self.base + String(repeating: "X: " + Self.repeated(900) + "\r\n", count: 33) + "\r\n"
        let bytes = Array(head.utf8)
        let clock = ContinuousClock()
        let time = clock.measure {
            for _ in 0..<20 {
                let outcomes = ParserRun.outcomes(of: bytes, cutAt: Array(bytes.indices.dropFirst()))
                #expect(outcomes == [.serves("GET /")])
            }
        }
        #expect(time < .seconds(5), "600 KB byte by byte took \(time)")
    }
}

@Suite struct ParserHeadTests {
    private func head(of text: String) throws -> HTTPRequestHead {
        var run = ParserRun()
        run.feed(Array(text.utf8))
        return try #require(run.heads.first)
    }

    @Test func `path and query are told apart and kept as sent`() throws {
        let head = try head(of: "GET /a%20b/c?d=%20&e?f HTTP/1.1\r\nHost: Example.COM:81\r\nX-A: 1\r\n\r\n")
        #expect(head.path == "/a b/c")
        #expect(head.query == "d=%20&e?f")
        #expect(head.request.path == "/a%20b/c?d=%20&e?f")
        #expect(head.request.authority == "Example.COM:81")
        #expect(head.request.headerFields.count == 1, "Host is the authority")
    }

    @Test func `the authority of an absolute target replaces Host`() throws {
        let head = try head(of: "GET http://b:82/c?d HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(head.request.authority == "b:82")
        #expect(head.request.path == "/c?d")
        #expect(head.query == "d")
    }

    @Test func `a target without query has none, and an empty one is empty`() throws {
        #expect(try head(of: "GET /a HTTP/1.1\r\nHost: a\r\n\r\n").query == nil)
        #expect(try head(of: "GET /a? HTTP/1.1\r\nHost: a\r\n\r\n").query == "")
    }

    @Test func `the length of a body is told before it`() throws {
        #expect(try head(of: ParserCases.post("Content-Length: 7")).bodyLength == .fixed(7))
        #expect(try head(of: ParserCases.post("Transfer-Encoding: chunked")).bodyLength == .chunked)
        #expect(try head(of: ParserCases.post()).bodyLength == .fixed(0))
    }
}
