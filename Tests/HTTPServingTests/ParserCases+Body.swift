// SPDX-License-Identifier: Apache-2.0

extension ParserCases {
    static let lengths: [ParserCase] = [
        ParserCase("9112 6.2", "a body", post("Content-Length: 5", body: "hello"), .serves("POST /", body: "hello")),
        ParserCase("9112 6.3", "no length, no body", post(), .serves("POST /")),
        ParserCase("9110 8.6", "length 0", post("Content-Length: 0"), .serves("POST /")),
        ParserCase(
            "9110 8.6", "zeros in front", post("Content-Length: 0005", body: "hello"), .serves("POST /", body: "hello")),
        ParserCase("9110 8.6", "a minus", post("Content-Length: -1"), .fails(400)),
        ParserCase("9110 8.6", "minus zero", post("Content-Length: -0"), .fails(400)),
        ParserCase("9110 8.6", "a plus", post("Content-Length: +5", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "a hexadecimal length", post("Content-Length: 0x5", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "an underscore", post("Content-Length: 1_0", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "a space within", post("Content-Length: 1 0", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "a fraction", post("Content-Length: 5.0", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "an exponent", post("Content-Length: 1e1", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "an empty length", post("Content-Length:", body: "hello"), .fails(400)),
        ParserCase(
            "9110 8.6", "full-width digits", post("Content-Length: \u{EF}\u{BC}\u{95}", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "a list of equal lengths", post("Content-Length: 5, 5", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "a list of lengths", post("Content-Length: 5, 3", body: "hello"), .fails(400)),
        ParserCase(
            "9112 6.3", "two equal lengths", post("Content-Length: 5", "Content-Length: 5", body: "hello"), .fails(400)),
        ParserCase(
            "9112 6.3", "two lengths", post("Content-Length: 5", "Content-Length: 3", body: "hello"), .fails(400)),
        ParserCase("9110 8.6", "length 2^63", post("Content-Length: 9223372036854775808"), .fails(413)),
        ParserCase(
            "9110 8.6", "length 2^64 + 5", post("Content-Length: 18446744073709551621", body: "hello"), .fails(413)),
        ParserCase("9110 8.6", "40 digits", post("Content-Length: " + String(repeating: "9", count: 40)), .fails(413)),
        ParserCase("9110 15.5.14", "one byte over the limit", post("Content-Length: 16777217"), .fails(413)),
        ParserCase(
            "9112 5.1", "a space before the colon of a length", post("Content-Length : 5", body: "hello"), .fails(400)),
        ParserCase("9112 8", "a short body", post("Content-Length: 6", body: "hello"), .waits),
        ParserCase(
            "9112 6.3", "bytes after the body", post("Content-Length: 5", body: "hello\u{1}"),
            .serves("POST /", body: "hello"), .fails(400)),
        ParserCase(
            "9112 9.3.2", "a request after the body", post("Content-Length: 5", body: "hello" + next),
            .serves("POST /", body: "hello"), served),
        ParserCase("9110 9.3.1", "GET with a body", get("/", "Content-Length: 2") + "hi", .serves("GET /", body: "hi")),
    ]

    static let codings: [ParserCase] = [
        ParserCase("9112 7.1", "chunked", chunked("5\r\nhello\r\n0\r\n\r\n"), .serves("POST /", body: "hello")),
        ParserCase(
            "9110 5.5", "chunked in capitals", post("TRANSFER-ENCODING: Chunked", body: "0\r\n\r\n"), .serves("POST /")),
        ParserCase(
            "9112 6.3", "length, then coding",
            post("Content-Length: 5", "Transfer-Encoding: chunked", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 6.3", "coding, then length",
            post("Transfer-Encoding: chunked", "Content-Length: 5", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 6.3", "length 0 and coding",
            post("Content-Length: 0", "Transfer-Encoding: chunked", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 6.1", "a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .fails(400)),
        ParserCase("9112 6.3", "identity", post("Transfer-Encoding: identity"), .fails(400)),
        ParserCase("9112 6.3", "an unknown coding alone", post("Transfer-Encoding: xchunked"), .fails(400)),
        ParserCase(
            "9112 6.1", "gzip, chunked", post("Transfer-Encoding: gzip, chunked", body: "0\r\n\r\n"), .fails(501)),
        ParserCase(
            "9112 6.3", "chunked, gzip", post("Transfer-Encoding: chunked, gzip", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 7.1", "chunked with a parameter", post("Transfer-Encoding: chunked;a=b", body: "0\r\n\r\n"),
            .fails(400)),
        ParserCase(
            "9112 6.1", "chunked twice in a list", post("Transfer-Encoding: chunked, chunked", body: "0\r\n\r\n"),
            .fails(400)),
        ParserCase(
            "9112 6.1", "chunked twice",
            post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 6.1", "chunked and identity in two fields",
            post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 7", "chunked in quotes", post("Transfer-Encoding: \"chunked\"", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 7", "chunked after a comma", post("Transfer-Encoding: ,chunked", body: "0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7", "an empty coding", post("Transfer-Encoding:", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9110 5.5", "VT before chunked", post("Transfer-Encoding: \u{B}chunked", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9110 5.5", "FF after chunked", post("Transfer-Encoding: chunked\u{C}", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9110 5.5", "NUL after chunked", post("Transfer-Encoding: chunked\u{0}", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9110 5.5", "NBSP before chunked", post("Transfer-Encoding: \u{A0}chunked", body: "0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 5.1", "a space before the colon of a coding", post("Transfer-Encoding : chunked", body: "0\r\n\r\n"),
            .fails(400)),
        ParserCase(
            "9110 5.1", "an underscore for the hyphen is another field", post("Transfer_Encoding: chunked"),
            .serves("POST /")),
        ParserCase(
            "9112 5", "blanks around chunked", post("Transfer-Encoding: \t chunked \t", body: "0\r\n\r\n"),
            .serves("POST /")),
    ]

    static let chunks: [ParserCase] = [
        ParserCase(
            "9112 7.1", "two chunks", chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), .serves("POST /", body: "abcde")),
        ParserCase(
            "9112 7.1", "line ends within a chunk", chunked("4\r\n\r\n\r\n\r\n0\r\n\r\n"),
            .serves("POST /", body: "\r\n\r\n")),
        ParserCase(
            "9112 7.1", "capital and zero digits", chunked("000A\r\n0123456789\r\n0\r\n\r\n"),
            .serves("POST /", body: "0123456789")),
        ParserCase("9112 7.1", "several zeros as the last chunk", chunked("000\r\n\r\n"), .serves("POST /")),
        ParserCase("9112 7.1", "a prefix of a hexadecimal size", chunked("0x5\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a minus in a size", chunked("-2\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a plus in a size", chunked("+5\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "an underscore in a size", chunked("5_\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a space before a size", chunked(" 5\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a space after a size", chunked("5 \r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a tab after a size", chunked("5\t\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "an empty size", chunked("\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a size that is no number", chunked("xyz\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a size of 2^64 + 5", chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a size of 2^63", chunked("8000000000000000\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9110 15.5.14", "a size of 2^63 - 1", chunked("7fffffffffffffff\r\nhello\r\n0\r\n\r\n"), .fails(413)),
        ParserCase("9110 15.5.14", "a size over the limit", chunked("1000001\r\nhello\r\n0\r\n\r\n"), .fails(413)),
        ParserCase("9112 7.1", "NUL after a size", chunked("5\u{0}\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 2.2", "bare LF after a size", chunked("5\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 2.2", "bare CR after a size", chunked("5\rhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "no line end after a chunk", chunked("5\r\nhello0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a chunk longer than its size", chunked("5\r\nhellothere\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1", "a chunk shorter than its size", chunked("6\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 2.2", "bare LF after a chunk", chunked("5\r\nhello\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 8", "no last chunk", chunked("5\r\nhello\r\n"), .waits),
        ParserCase("9112 8", "a last chunk without the end", chunked("5\r\nhello\r\n0\r\n"), .waits),
        ParserCase(
            "9112 7.1.1", "an extension", chunked("5;a=b\r\nhello\r\n0;c\r\n\r\n"), .serves("POST /", body: "hello")),
        ParserCase(
            "9112 7.1.1", "a quoted extension", chunked("5;a=\"b;\\\"c\"\r\nhello\r\n0\r\n\r\n"),
            .serves("POST /", body: "hello")),
        ParserCase(
            "9112 7.1.1", "blanks around an extension", chunked("5 ; a = b ;c\r\nhello\r\n0\r\n\r\n"),
            .serves("POST /", body: "hello")),
        ParserCase("9112 7.1.1", "an extension without name", chunked("5;=b\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1.1", "an empty extension", chunked("5;\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1.1", "an extension without its value", chunked("5;a=\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1.1", "an open quote", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 7.1.1", "a quote that ends in a backslash", chunked("5;a=\"b\\\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1.1", "bare LF in an extension", chunked("5;a\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1.1", "bare CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 7.1.1", "an extension of 1 MiB",
            chunked("5;" + String(repeating: "a", count: 1 << 20) + "\r\nhello\r\n0\r\n\r\n"), .fails(400)),
        ParserCase(
            "9112 7.1.1", "2000 small extensions of 10 bytes",
            chunked(String(repeating: "1;aaaaaaaaa\r\nx\r\n", count: 2000) + "0\r\n\r\n"), .fails(400)),
    ]

    static let trailers: [ParserCase] = [
        ParserCase(
            "9112 7.1.2", "a trailer is dropped", chunked("0\r\nX: a\r\nY: b\r\n\r\n" + next), .serves("POST /"), served
        ),
        ParserCase(
            "9110 6.5.1", "framing in trailers means nothing",
            chunked("0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\nHost: b\r\n\r\n" + next), .serves("POST /"),
            served),
        ParserCase("9112 7.1.2", "a trailer without colon", chunked("0\r\nX\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1.2", "a trailer with a space before the colon", chunked("0\r\nX : a\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1.2", "a folded trailer", chunked("0\r\nX: a\r\n b\r\n\r\n"), .fails(400)),
        ParserCase("9112 7.1.2", "NUL in a trailer", chunked("0\r\nX: \u{0}\r\n\r\n"), .fails(400)),
        ParserCase("9112 2.2", "bare LF in a trailer", chunked("0\r\nX: a\n\r\n"), .fails(400)),
        ParserCase(
            "9110 5.4", "a trailer of 1 MiB", chunked("0\r\nX: " + String(repeating: "a", count: 1 << 20) + "\r\n\r\n"),
            .fails(431)),
        ParserCase(
            "9110 5.4", "trailers of 9 KiB", chunked("0\r\n" + String(repeating: "X: 234567\r\n", count: 900) + "\r\n"),
            .fails(431)),
        ParserCase("9112 7.1.2", "a request line for a trailer", chunked("0\r\nGET / HTTP/1.1\r\n\r\n"), .fails(400)),
    ]
}
