// SPDX-License-Identifier: Apache-2.0

/// The conformance tables, each case with the section that judges it.
enum ParserCases {
    /// A request head with Host, the given further lines, and whatever follows.
    static func post(_ lines: String..., body: String = "") -> String {
        "POST / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n" + body
    }

    static func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked", body: body) }

    static func get(_ target: String, _ lines: String..., host: String = "Host: a\r\n") -> String {
        "GET \(target) HTTP/1.1\r\n\(host)" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    static let next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
    static let served = Outcome.serves("GET /next")
}

extension ParserCases {
    static let requestLines: [ParserCase] = [
        ParserCase("9112 3", "the simplest request", get("/"), .serves("GET /")),
        ParserCase("9112 3", "nothing yet", ""),
        ParserCase("9112 3", "half a request line", "GET / HT", .waits),
        ParserCase("9112 2.2", "one empty line before", "\r\n" + get("/"), .serves("GET /")),
        ParserCase("9112 2.2", "two empty lines before", "\r\n\r\n" + get("/"), .fails(400)),
        ParserCase("9112 2.2", "an empty line between two requests", next + "\r\n" + next, served, served),
        ParserCase("9112 2.2", "bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 2.2", "bare LF before the request line", "\n" + get("/"), .fails(400)),
        ParserCase("9112 2.2", "bare CR within the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 2.2", "CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3", "two spaces after the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3", "two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3", "a space after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3", "a space before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3", "a tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3", "a space within the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3", "no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3", "only a word", "HELLO\r\n\r\n", .fails(400)),
        ParserCase("9110 9.1", "a method that is no token", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 2.3", "HTTP/0.9 without version", "GET /\r\n", .fails(400)),
        ParserCase("9112 2.3", "HTTP/0.9 with version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", .fails(505)),
        ParserCase("9110 15.6.6", "HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", .fails(505)),
        ParserCase("9110 15.6.6", "HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", .fails(505)),
        ParserCase("9110 2.5", "HTTP/1.2 is served as 1.1", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", .serves("GET /")),
        ParserCase("9112 2.3", "lowercase http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 2.3", "HTTP/1", "GET / HTTP/1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 2.3", "HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 2.3", "HTTP/01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 2.3", "HTTP/1,1", "GET / HTTP/1,1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 2.3", "another protocol", "GET / ICAP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9113 3.4", "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .fails(400)),
        ParserCase("9112 2.2", "a TLS hello", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", .fails(400)),
        ParserCase("9112 2.2", "random bytes", "\u{FE}\u{80}\u{12}\u{99}", .fails(400)),
        ParserCase("9112 3", "NUL in the method", "G\u{0}T / HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
    ]

    static let targets: [ParserCase] = [
        ParserCase("9112 3.2.1", "a path with a query", get("/a/b?c=d&e"), .serves("GET /a/b")),
        ParserCase("9112 3.2.1", "an empty query", get("/a?"), .serves("GET /a")),
        ParserCase("9112 3.2.1", "a question mark in the query", get("/a?b?c"), .serves("GET /a")),
        ParserCase("9112 3.2.2", "absolute-form", get("http://a/b?c"), .serves("GET /b")),
        ParserCase("9112 3.2.2", "absolute-form with another Host", get("http://x:8080/b"), .serves("GET /b")),
        ParserCase("9112 3.2.2", "absolute-form in capitals", get("HTTP://a/b"), .serves("GET /b")),
        ParserCase("9112 3.2.2", "absolute-form without path", get("http://a"), .serves("GET /")),
        ParserCase("9112 3.2.2", "absolute-form with query only", get("http://a?b"), .serves("GET /")),
        ParserCase("9112 3.2.2", "absolute-form without Host", get("http://a/", host: ""), .fails(400)),
        ParserCase("9110 4.2.4", "absolute-form with userinfo", get("http://me:pw@a/"), .fails(400)),
        ParserCase("9110 4.2.1", "absolute-form without authority", get("http:///b"), .fails(400)),
        ParserCase("9112 3.2.2", "another scheme", get("ftp://a/b"), .fails(400)),
        ParserCase("9112 3.2.3", "authority-form for GET", get("a:80"), .fails(400)),
        ParserCase("9112 3.2", "a path without slash", get("b"), .fails(400)),
        ParserCase("9112 3.2", "a query alone", get("?b"), .fails(400)),
        ParserCase("9112 3.2.4", "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", .serves("OPTIONS *")),
        ParserCase(
            "9112 3.2.4", "OPTIONS of an absolute target without path", "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
            .serves("OPTIONS *")),
        ParserCase("9112 3.2.4", "GET *", get("*"), .fails(400)),
        ParserCase("9112 3.2.4", "OPTIONS *x", "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", .fails(400)),
        ParserCase("9112 3.2", "a fragment", get("/a#b"), .fails(400)),
        ParserCase("9112 3.2", "bytes above ASCII", get("/\u{C3}\u{A4}"), .fails(400)),
        ParserCase("3986 2.1", "percent-encoded UTF-8", get("/%C3%A4%20b"), .serves("GET /ä b")),
        ParserCase("3986 2.1", "decoded once only", get("/%252e%252e/b"), .serves("GET /%2e%2e/b")),
        ParserCase("3986 2.1", "an encoded slash", get("/models/a%2Fb"), .serves("GET /models/a/b")),
        ParserCase("3986 2.1", "a percent sign without digits", get("/a%2"), .fails(400)),
        ParserCase("3986 2.1", "a percent sign with other digits", get("/a%zz"), .fails(400)),
        ParserCase("3986 3.3", "a dot-dot segment", get("/a/../b"), .fails(400)),
        ParserCase("3986 3.3", "a dot segment", get("/./b"), .fails(400)),
        ParserCase("3986 3.3", "dots at the end", get("/a/.."), .fails(400)),
        ParserCase("3986 3.3", "encoded dots", get("/%2e%2E/etc/passwd"), .fails(400)),
        ParserCase("3986 3.3", "dots behind an encoded slash", get("/a%2f..%2fb"), .fails(400)),
        ParserCase("3986 3.3", "three dots are a name", get("/.../b"), .serves("GET /.../b")),
        ParserCase("3986 3.3", "an empty segment", get("/a//b"), .fails(400)),
        ParserCase("3986 3.3", "two slashes", get("//a"), .fails(400)),
        ParserCase("3986 3.3", "a slash at the end", get("/a/"), .serves("GET /a/")),
        ParserCase("3986 3.3", "a backslash", get("/a\\..\\b"), .fails(400)),
        ParserCase("3986 3.3", "an encoded backslash", get("/a%5c..%5cb"), .fails(400)),
        ParserCase("3986 7.3", "an encoded NUL", get("/a%00.html"), .fails(400)),
        ParserCase("3986 7.3", "an encoded line end", get("/a%0d%0aX:b"), .fails(400)),
        ParserCase("3629 3", "overlong UTF-8 for a slash", get("/%c0%af"), .fails(400)),
        ParserCase("3629 3", "overlong UTF-8 for dots", get("/%c0%ae%c0%ae/"), .fails(400)),
        ParserCase("3629 3", "half a character", get("/%e2%82"), .fails(400)),
        ParserCase("3986 3.3", "braces in a path", get("/{a}"), .fails(400)),
        ParserCase("3986 3.4", "braces and brackets in a query", get("/a?b[]={c}|^"), .serves("GET /a")),
        ParserCase("3986 3.4", "quotes in a query", get("/a?b=\"c\""), .fails(400)),
        ParserCase("3986 3.3", "sub-delims in a path", get("/a;v=1,2/@:$!'()*+"), .serves("GET /a;v=1,2/@:$!'()*+")),
    ]

    static let hosts: [ParserCase] = [
        ParserCase("9112 3.2", "no Host", get("/", host: ""), .fails(400)),
        ParserCase("9112 3.2", "no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", .serves("GET /", keeps: false)),
        ParserCase("9112 3.2", "two Hosts", get("/", "Host: a"), .fails(400)),
        ParserCase("9112 3.2", "two different Hosts", get("/", "Host: b"), .fails(400)),
        ParserCase("9112 3.2", "an empty Host", get("/", host: "Host:\r\n"), .fails(400)),
        ParserCase("9112 3.2", "Host with a space", get("/", host: "Host: a b\r\n"), .fails(400)),
        ParserCase("9112 3.2", "Host with a path", get("/", host: "Host: a/b\r\n"), .fails(400)),
        ParserCase("9112 3.2", "Host with userinfo", get("/", host: "Host: me@a\r\n"), .fails(400)),
        ParserCase("9112 3.2", "Host as a list", get("/", host: "Host: a, b\r\n"), .fails(400)),
        ParserCase("9112 3.2", "Host as a list without space", get("/", host: "Host: a,b\r\n"), .fails(400)),
        ParserCase("9112 3.2", "Host with a scheme", get("/", host: "Host: http://a\r\n"), .fails(400)),
        ParserCase("9112 3.2", "Host above ASCII", get("/", host: "Host: \u{E4}\r\n"), .fails(400)),
        ParserCase("9110 7.2", "Host with a port", get("/", host: "Host: a.example:8080\r\n"), .serves("GET /")),
        ParserCase("3986 3.2.3", "Host with an empty port", get("/", host: "Host: a:\r\n"), .serves("GET /")),
        ParserCase("3986 3.2.3", "Host with a port of letters", get("/", host: "Host: a:http\r\n"), .fails(400)),
        ParserCase("3986 3.2.3", "Host with a negative port", get("/", host: "Host: a:-1\r\n"), .fails(400)),
        ParserCase("3986 3.2.3", "Host with port 65536", get("/", host: "Host: a:65536\r\n"), .fails(400)),
        ParserCase("3986 3.2.3", "Host with two ports", get("/", host: "Host: a:1:2\r\n"), .fails(400)),
        ParserCase("3986 3.2.2", "Host in IPv6", get("/", host: "Host: [::1]:80\r\n"), .serves("GET /")),
        ParserCase("3986 3.2.2", "Host in broken IPv6", get("/", host: "Host: [::1\r\n"), .fails(400)),
        ParserCase("3986 3.2.2", "Host in IPv6 without address", get("/", host: "Host: [1:2]\r\n"), .fails(400)),
        ParserCase("3986 3.2.2", "Host in IPv6 with junk", get("/", host: "Host: [::1]x\r\n"), .fails(400)),
        ParserCase("9110 5.1", "Host in capitals", get("/", host: "HOST:a\r\n"), .serves("GET /")),
    ]

    static let fieldLines: [ParserCase] = [
        ParserCase("9112 5", "blanks around a value", get("/", "X:  \t a b \t "), .serves("GET /")),
        ParserCase("9112 5", "an empty value", get("/", "X:"), .serves("GET /")),
        ParserCase("9112 5", "a colon in the value", get("/", "X: a:b"), .serves("GET /")),
        ParserCase("9112 5.1", "a space before the colon", get("/", "X : a"), .fails(400)),
        ParserCase("9112 5.1", "a tab before the colon", get("/", "X\t: a"), .fails(400)),
        ParserCase("9112 5.1", "a space within the name", get("/", "X Y: a"), .fails(400)),
        ParserCase("9112 5.2", "a folded value", get("/", "X: a", " b"), .fails(400)),
        ParserCase("9112 5.2", "a value folded with a tab", get("/", "X: a", "\tb"), .fails(400)),
        ParserCase(
            "9112 5.2", "a folded Transfer-Encoding", post("Transfer-Encoding:", " chunked", body: "0\r\n\r\n"),
            .fails(400)),
        ParserCase("9112 2.2", "a blank before the first field", get("/", host: " Host: a\r\n"), .fails(400)),
        ParserCase("9112 2.2", "a line of blanks", get("/", " "), .fails(400)),
        ParserCase("9112 5", "no colon", get("/", "X"), .fails(400)),
        ParserCase("9112 5", "an empty name", get("/", ": a"), .fails(400)),
        ParserCase("9110 5.6.2", "brackets in a name", get("/", "X[0]: a"), .fails(400)),
        ParserCase("9110 5.6.2", "a name above ASCII", get("/", "X\u{E4}: a"), .fails(400)),
        ParserCase("9110 5.6.2", "a name of all token characters", get("/", "!#$%&'*+-.^_`|~0aZ: a"), .serves("GET /")),
        ParserCase("9112 2.2", "bare LF after a field", get("/", "X: a\nY: b"), .fails(400)),
        ParserCase("9112 2.2", "bare CR in a value", get("/", "X: a\rb"), .fails(400)),
        ParserCase("9112 2.2", "LF for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", .fails(400)),
        ParserCase("9110 5.5", "NUL in a value", get("/", "X: a\u{0}b"), .fails(400)),
        ParserCase("9110 5.5", "NUL in a name", get("/", "X\u{0}: b"), .fails(400)),
        ParserCase("9110 5.5", "VT in a value", get("/", "X: a\u{B}b"), .fails(400)),
        ParserCase("9110 5.5", "DEL in a value", get("/", "X: a\u{7F}b"), .fails(400)),
        ParserCase("9110 5.5", "ESC in a value", get("/", "X: \u{1B}[31m"), .fails(400)),
        ParserCase("9110 5.5", "obs-text in a value", get("/", "X: \u{E4}\u{FF}"), .serves("GET /")),
        ParserCase("9112 5", "half a field", "GET / HTTP/1.1\r\nHost: a\r\nX: b", .waits),
        ParserCase("9112 2.1", "fields without the empty line", "GET / HTTP/1.1\r\nHost: a\r\n", .waits),
    ]

    static let connections: [ParserCase] = [
        ParserCase("9112 9.3", "HTTP/1.1 persists", next + next, served, served),
        ParserCase("9112 9.3", "close", get("/", "Connection: close"), .serves("GET /", keeps: false)),
        ParserCase("9112 9.3", "close in a list", get("/", "Connection: x, CLOSE ,y"), .serves("GET /", keeps: false)),
        ParserCase(
            "9112 9.3", "close in a second field", get("/", "Connection: x", "Connection: close"),
            .serves("GET /", keeps: false)),
        ParserCase(
            "9112 9.3", "close wins over keep-alive", get("/", "Connection: keep-alive, close"),
            .serves("GET /", keeps: false)),
        ParserCase("9112 9.3", "an unknown option", get("/", "Connection: closed"), .serves("GET /")),
        ParserCase(
            "9112 9.3", "HTTP/1.0 does not persist", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", .serves("GET /", keeps: false)
        ),
        ParserCase(
            "9112 9.3", "HTTP/1.0 with keep-alive persists", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            .serves("GET /")),
        ParserCase("9110 7.8", "Upgrade is ignored", get("/", "Connection: upgrade", "Upgrade: h2c"), .serves("GET /")),
        ParserCase(
            "9112 9.3.2", "three requests at once", next + post("Content-Length: 2", body: "hi") + next, served,
            .serves("POST /", body: "hi"), served),
        ParserCase("9112 9.3.2", "junk after a request", next + "\u{0}\u{1}", served, .fails(400)),
        ParserCase("9112 9.3.2", "a bad request ends the reading", next + "GET /\r\n" + next, served, .fails(400)),
    ]

    static let semantics: [ParserCase] = [
        ParserCase(
            "9110 10.1.1", "100-continue", post("Content-Length: 2", "Expect: 100-continue", body: "hi"),
            .invites("POST /", body: "hi")),
        ParserCase(
            "9110 10.1.1", "100-continue in capitals", post("Content-Length: 2", "Expect: 100-Continue", body: "hi"),
            .invites("POST /", body: "hi")),
        ParserCase(
            "9110 10.1.1", "100-continue for a chunked body",
            post("Transfer-Encoding: chunked", "Expect: 100-continue", body: "0\r\n\r\n"), .invites("POST /")),
        ParserCase("9110 10.1.1", "100-continue without body", get("/", "Expect: 100-continue"), .serves("GET /")),
        ParserCase(
            "9110 10.1.1", "100-continue in HTTP/1.0 is ignored",
            "POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi",
            .serves("POST /", body: "hi", keeps: false)),
        ParserCase("9110 10.1.1", "another expectation", post("Expect: 200-ok"), .refuses(417)),
        ParserCase("9110 10.1.1", "two expectations", post("Expect: 100-continue, x"), .refuses(417)),
        ParserCase(
            "9110 10.1.1", "100-continue over the limit", post("Content-Length: 99999999999", "Expect: 100-continue"),
            .fails(413)),
        ParserCase("9110 9.1", "an unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n" + next, .refuses(501), served),
        ParserCase("9110 9.1", "a lowercase method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", .refuses(501)),
        ParserCase("9110 9.3.6", "CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", .refuses(501, closes: true)),
        ParserCase("9110 9.3.8", "TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n" + next, .refuses(501), served),
        ParserCase("9110 9.3.2", "HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + next, .serves("HEAD /"), served),
        ParserCase(
            "9110 9.3", "PUT, PATCH and DELETE",
            ["PUT", "PATCH", "DELETE"].map { "\($0) / HTTP/1.1\r\nHost: a\r\n\r\n" }.joined(), .serves("PUT /"),
            .serves("PATCH /"), .serves("DELETE /")),
        ParserCase(
            "9110 15.5.16", "a compressed body", post("Content-Encoding: gzip", "Content-Length: 2", body: "hi"),
            .refuses(415)),
        ParserCase(
            "9110 15.5.16", "an identity body", post("Content-Encoding: identity", "Content-Length: 2", body: "hi"),
            .serves("POST /", body: "hi")),
        ParserCase(
            "9110 14.2", "Range on POST is ignored",
            post("Range: bytes=0-9223372036854775807", "Content-Length: 2", body: "hi"), .serves("POST /", body: "hi")),
        ParserCase(
            "9110 9.1", "a refused request keeps its body",
            "BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + next, .refuses(501), served),
    ]
}
