// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes

/// The head of a request as the parser hands it out: grammar, framing and Host are checked.
public struct HTTPRequestHead: Sendable, Hashable {
    /// How the end of the body is known (RFC 9112, section 6).
    public enum BodyLength: Sendable, Hashable {
        /// No body, or one of the given number of bytes.
        case fixed(Int)
        /// Chunked transfer coding.
        case chunked

        /// Whether at least one byte of framing or body follows the head.
        var isEmpty: Bool { self == .fixed(0) }
    }

    /// Method, authority, path with query, and fields; Host is moved to the authority.
    public var request: HTTPRequest
    /// The path, percent-decoded once; "*" for the server as a whole.
    public var path: String
    /// What follows "?", as sent.
    public var query: String?
    /// Whether the request is HTTP/1.0; else it is HTTP/1.1 or a later minor version.
    public var isHTTP10: Bool
    /// Whether the connection persists after the answer (RFC 9112, section 9.3).
    public var keepsAlive: Bool
    /// The length of the body.
    public var bodyLength: BodyLength
    /// Why the request is refused although its end is known; nil for a request to be served.
    public var rejection: HTTPRejection?
    /// The authority, parsed.
    var authority: Authority?
}

/// A request head while its lines come in.
struct HeadInProgress: Sendable {
    var method = ""
    var target: RequestTarget
    var isHTTP10 = false
    /// The values of Host, which HTTPTypes keeps as the authority.
    var hosts: [HTTPField] = []
    /// All other fields.
    var fields = HTTPFields()
    var fieldCount = 0
    var blockBytes = 0

    /// Reads `method SP request-target SP HTTP-version` (RFC 9112, section 3).
    init(line: ArraySlice<UInt8>) throws(HTTPRejection) {
        let parts = line.split(separator: .space, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[1].isEmpty else {
            throw .badRequest("invalid_request_line", "The request line is not METHOD SP target SP HTTP/1.1.")
        }
        guard parts[0].allIn(.token) else {
            throw .badRequest("invalid_method", "The method is not a token.")
        }
        let method = String(decoding: parts[0], as: UTF8.self)
        let version = parts[2]
        guard version.count == 8, version.starts(with: "HTTP/".utf8), let dot = version.dropFirst(6).first,
            dot == UInt8(ascii: "."), let major = version.dropFirst(5).first, let minor = version.last,
            major.isASCIIDigit, minor.isASCIIDigit, method != "PRI"
        else { throw .badRequest("invalid_version", "The protocol version is not HTTP/1.1 or HTTP/1.0.") }
        guard major == UInt8(ascii: "1") else {
            throw HTTPRejection(
                .httpVersionNotSupported, code: "unsupported_version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        }
        self.method = method
        isHTTP10 = minor == UInt8(ascii: "0")
        if method == "CONNECT" {
            // Authority-form (RFC 9112, section 3.2.3), refused below whatever it names.
            target = .root
        } else {
            target = try RequestTarget(parts[1], method: method)
        }
    }

    /// The finished head: framing (RFC 9112, section 6), Host (3.2), Connection (9.3), and what is refused.
    func finished(limits: HTTPLimits) throws(HTTPRejection) -> HTTPRequestHead {
        let bodyLength = try framing(limits: limits)
        let authority = try checkedAuthority()
        let request = HTTPRequest(
            method: HTTPRequest.Method(method) ?? .get, scheme: "http", authority: authority.text, path: target.raw,
            headerFields: fields)
        return HTTPRequestHead(
            request: request, path: target.path, query: target.query, isHTTP10: isHTTP10, keepsAlive: keepsAlive,
            bodyLength: bodyLength, rejection: semanticRejection, authority: authority.parsed)
    }

    /// The length of the body. Everything ambiguous is an error (RFC 9112, sections 6.1 to 6.3).
    private func framing(limits: HTTPLimits) throws(HTTPRejection) -> HTTPRequestHead.BodyLength {
        let codings = fields[fields: .transferEncoding]
        let lengths = fields[fields: .contentLength]
        guard codings.isEmpty else {
            guard !isHTTP10 else {
                throw .badRequest("invalid_framing", "Transfer-Encoding is not allowed in HTTP/1.0.")
            }
            guard lengths.isEmpty else {
                throw .badRequest("invalid_framing", "Both Content-Length and Transfer-Encoding are given.")
            }
            try Self.checkCodings(codings)
            return .chunked
        }
        guard let field = lengths.first else { return .fixed(0) }
        guard lengths.count == 1 else {
            throw .badRequest("invalid_framing", "Content-Length is given more than once.")
        }
        let digits = field.bytes
        guard !digits.isEmpty, digits.allSatisfy(\.isASCIIDigit) else {
            throw .badRequest("invalid_framing", "Content-Length is not a number.")
        }
        guard let length = Int(String(decoding: digits, as: UTF8.self)), length <= limits.bodyBytes else {
            throw .bodyTooLarge(limit: limits.bodyBytes)
        }
        return .fixed(length)
    }

    private static func checkCodings(_ codings: [HTTPField]) throws(HTTPRejection) {
        guard codings.count == 1, let field = codings.first else {
            throw .badRequest("invalid_framing", "Transfer-Encoding is given more than once.")
        }
        let value = field.bytes
        if value.equalsIgnoringCase("chunked") { return }
        let names = value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { $0.trimmed }
        let chunkedCount = names.filter { $0.equalsIgnoringCase("chunked") }.count
        guard names.allSatisfy({ !$0.isEmpty && $0.allIn(.token) }), chunkedCount == 1,
            names.last?.equalsIgnoringCase("chunked") == true
        else { throw .badRequest("invalid_framing", "The last transfer coding must be chunked, once.") }
        throw HTTPRejection(
            .notImplemented, code: "unknown_transfer_coding", "Only the transfer coding \"chunked\" is supported.")
    }

    private func checkedAuthority() throws(HTTPRejection) -> (text: String?, parsed: Authority?) {
        guard hosts.count <= 1 else { throw .badRequest("invalid_host", "Host is given more than once.") }
        var result: (text: String?, parsed: Authority?) = (nil, nil)
        if let host = hosts.first {
            guard let parsed = Authority(host.bytes) else {
                throw .badRequest("invalid_host", "Host is not a host with an optional port.")
            }
            result = (host.value, parsed)
        } else if !isHTTP10 {
            throw .badRequest("missing_host", "Host is missing.")
        }
        // RFC 9112, section 3.2.2: the authority of an absolute target replaces Host.
        if let text = target.authority { result = (text, Authority(Array(text.utf8))) }
        return result
    }

    private var keepsAlive: Bool {
        var asksToKeep = false
        for field in fields[fields: .connection] {
            for option in field.bytes.listElements {
                if option.equalsIgnoringCase("close") { return false }
                if option.equalsIgnoringCase("keep-alive") { asksToKeep = true }
            }
        }
        return asksToKeep || !isHTTP10
    }

    /// What a well-framed request is refused for; the connection can go on.
    private var semanticRejection: HTTPRejection? {
        switch method {
        case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS": break
        default:
            return HTTPRejection(
                .notImplemented, code: "unknown_method", "The method is not implemented.", closes: method == "CONNECT")
        }
        for field in fields[fields: .expect] where !isHTTP10 {
            guard field.bytes.listElements.allSatisfy({ $0.equalsIgnoringCase("100-continue") }) else {
                return HTTPRejection(
                    .expectationFailed, code: "unknown_expectation", "Only Expect: 100-continue is supported.",
                    closes: false)
            }
        }
        for field in fields[fields: .contentEncoding] {
            guard field.bytes.listElements.allSatisfy({ $0.equalsIgnoringCase("identity") }) else {
                return HTTPRejection(
                    .unsupportedMediaType, code: "unsupported_content_encoding",
                    "Request bodies must be sent without Content-Encoding.", closes: false,
                    fields: [.acceptEncoding: "identity"])
            }
        }
        return nil
    }
}

extension HTTPRejection {
    static func bodyTooLarge(limit: Int) -> HTTPRejection {
        HTTPRejection(.contentTooLarge, code: "body_too_large", "The body is larger than \(limit) bytes.")
    }
}

extension HTTPField {
    /// The value's bytes.
    var bytes: [UInt8] { withUnsafeBytesOfValue { Array($0) } }
}
