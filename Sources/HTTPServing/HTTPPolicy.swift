// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes

/// Which requests a server takes by where they come from: guards against DNS rebinding and cross-site requests, and
/// the origins that may read answers (CORS).
public struct HTTPPolicy: Sendable, Hashable {
    /// Whether a server bound to a loopback address takes only loopback names in Host: `localhost`, addresses of
    /// 127.0.0.0/8, `[::1]`, and ``hostNames``. Another Host is answered 421.
    public var checksHostOnLoopback = true
    /// Further host names to take, without port. If not empty on a server that is not bound to loopback, only these
    /// and loopback names are taken.
    public var hostNames: Set<String> = []
    /// Whether POST, PUT, PATCH and DELETE are refused (403) when Origin is not the host itself, or when
    /// `Sec-Fetch-Site: cross-site` is sent, unless the origin is in ``allowedOrigins``.
    public var refusesCrossSite = true
    /// Origins such as "http://localhost:3000" that may send any request and read the answers; "*" for all.
    public var allowedOrigins: Set<String> = []

    /// The methods that some path has, as told in answers to `OPTIONS *` and to CORS preflights.
    public var methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

    private static let fetchSite = HTTPField.Name("Sec-Fetch-Site")

    /// The defaults: loopback names on loopback, nothing across sites.
    public init() {}

    /// Whether an entry of ``allowedOrigins`` can match: "*", "null", or scheme, host and port, unless it is the scheme's
    /// own, as a browser sends them in Origin (RFC 6454, section 6.2): "https://example.org", "http://localhost:3000".
    public static func isOrigin(_ text: String) -> Bool {
        if text == "*" || text == "null" { return true }
        let bytes = Array(text.utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8),
            let first = bytes.first, (first | 0x20) >= UInt8(ascii: "a"), (first | 0x20) <= UInt8(ascii: "z"),
            let authority = Authority(bytes[(colon + 3)...]), bytes.last != UInt8(ascii: ":")
        else { return false }
        switch (text.prefix { $0 != ":" }.lowercased(), authority.port) {
        case ("http", 80), ("https", 443): return false
        default: break
        }
        return bytes[..<colon].allSatisfy { byte in
            byte.isASCIIDigit || "+-.".utf8.contains(byte)
                || (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
        }
    }

    /// Whether an entry of ``hostNames`` can match: a name or an address, an IPv6 one in brackets, without scheme and port.
    public static func isHostName(_ text: String) -> Bool {
        guard let authority = Authority(Array(text.utf8)) else { return false }
        return authority.port == nil && text.utf8.last != UInt8(ascii: ":") && authority.host == text.lowercased()
    }

    /// Whether an origin, as sent in Origin, is allow-listed.
    func allows(origin: String) -> Bool {
        !allowedOrigins.isEmpty && (allowedOrigins.contains("*") || allowedOrigins.contains(origin.lowercased()))
    }

    /// Why the request is refused by origin or host; nil if it is not.
    func refusal(of head: HTTPRequestHead, boundToLoopback: Bool) -> HTTPRejection? {
        if let authority = head.authority, !takes(authority, boundToLoopback: boundToLoopback) {
            return HTTPRejection(
                .misdirectedRequest, code: "foreign_host",
                "This server is not known by the name in Host. Allow the name explicitly to use it.", closes: false)
        }
        guard refusesCrossSite else { return nil }
        switch head.request.method {
        case .post, .put, .patch, .delete: break
        default: return nil
        }
        let fields = head.request.headerFields
        let origins = fields[values: .origin]
        guard origins.count <= 1 else { return .crossSite }
        if let origin = origins.first {
            if allows(origin: origin) { return nil }
            guard let authority = head.authority, Self.isSame(origin: origin, host: authority) else {
                return .crossSite
            }
        }
        if let name = Self.fetchSite, fields[values: name].contains("cross-site") {
            return .crossSite
        }
        return nil
    }

    /// The answer to a CORS preflight (Fetch, section 3.2.2); nil if the request is none.
    func preflightAnswer(to head: HTTPRequestHead) -> HTTPResponse? {
        let fields = head.request.headerFields
        guard head.request.method == .options, let origin = fields[.origin],
            fields.contains(.accessControlRequestMethod), allows(origin: origin)
        else { return nil }
        var response = HTTPResponse(status: .noContent)
        response.headerFields[.accessControlAllowMethods] = methodList
        let names = fields[values: .accessControlRequestHeaders].flatMap { Array($0.utf8).listElements }
        if !names.isEmpty, names.allSatisfy({ $0.allIn(.token) }) {
            response.headerFields[.accessControlAllowHeaders] =
                names.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", ")
        }
        response.headerFields[.accessControlMaxAge] = "600"
        return response
    }

    /// The answer to OPTIONS for the server as a whole (RFC 9110, section 9.3.7).
    var serverOptions: HTTPResponse {
        HTTPResponse(status: .noContent, headerFields: [.allow: methodList])
    }

    private var methodList: String { methods.map(\.rawValue).joined(separator: ", ") }

    /// The fields that let an allow-listed origin read an answer.
    func sharingFields(for head: HTTPRequestHead?) -> HTTPFields {
        guard !allowedOrigins.isEmpty else { return [:] }
        var fields: HTTPFields = [.vary: "Origin"]
        if let origin = head?.request.headerFields[.origin], allows(origin: origin) {
            fields[.accessControlAllowOrigin] = allowedOrigins.contains("*") ? "*" : origin
            fields[.accessControlExposeHeaders] = "X-Request-ID, Retry-After"
        }
        return fields
    }

    private func takes(_ authority: Authority, boundToLoopback: Bool) -> Bool {
        guard (boundToLoopback && checksHostOnLoopback) || !hostNames.isEmpty else { return true }
        return authority.isLoopback || hostNames.contains(authority.host)
    }

    /// Whether an origin `scheme://host[:port]` names the host the request was sent to. A port that is missing in Host
    /// is the default of the origin's scheme, for the sake of servers behind TLS.
    private static func isSame(origin: String, host: Authority) -> Bool {
        let bytes = Array(origin.utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8),
            let other = Authority(bytes[(colon + 3)...])
        else { return false }
        let defaultPort: UInt16
        switch origin.prefix(while: { $0 != ":" }).lowercased() {
        case "http": defaultPort = 80
        case "https": defaultPort = 443
        default: return false
        }
        return other.host == host.host && (other.port ?? defaultPort) == (host.port ?? defaultPort)
    }
}

extension HTTPRejection {
    static let crossSite = HTTPRejection(
        .forbidden, code: "cross_site", "Requests from other origins are refused unless the origin is allowed.",
        closes: false)
}

extension HTTPPolicy {
    /// With names and origins in lowercase, as they are compared.
    var normalized: HTTPPolicy {
        var copy = self
        copy.hostNames = Set(hostNames.map { $0.lowercased() })
        copy.allowedOrigins = Set(allowedOrigins.map { $0.lowercased() })
        return copy
    }
}
