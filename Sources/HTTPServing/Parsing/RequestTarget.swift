// SPDX-License-Identifier: Apache-2.0

/// The target of a request line (RFC 9112, section 3.2), resolved once.
struct RequestTarget: Hashable, Sendable {
    /// Path and query as sent, or "*".
    var raw: String
    /// The path, percent-decoded once; "*" for the server as a whole.
    var path: String
    /// What follows "?", as sent.
    var query: String?
    /// The authority of an absolute target, as sent.
    var authority: String?

    /// The target "/".
    static let root = RequestTarget(path: "/")

    private init(path: String) {
        (raw, self.path, query, authority) = (path, path, nil, nil)
    }

    /// Reads origin-form, absolute-form, and asterisk-form for OPTIONS.
    init(_ bytes: ArraySlice<UInt8>, method: String) throws(HTTPRejection) {
        if bytes.elementsEqual("*".utf8) {
            guard method == "OPTIONS" else {
                throw .badRequest("invalid_target", "The target * is for OPTIONS only.")
            }
            (raw, path, query, authority) = ("*", "*", nil, nil)
            return
        }
        var origin = bytes
        if bytes.first != UInt8(ascii: "/") {
            origin = try Self.originPart(ofAbsolute: bytes)
            let prefix = bytes[..<origin.startIndex]
            let schemeEnd = prefix.firstIndex(of: UInt8(ascii: "/")) ?? prefix.endIndex
            authority = String(decoding: prefix[schemeEnd...].dropFirst(2), as: UTF8.self)
        }
        let pathEnd = origin.firstIndex(of: UInt8(ascii: "?")) ?? origin.endIndex
        let pathBytes = origin[..<pathEnd]
        if pathEnd < origin.endIndex {
            let queryBytes = origin[origin.index(after: pathEnd)...]
            guard queryBytes.allIn(.query) else {
                throw .badRequest("invalid_target", "The query holds a character that must be percent-encoded.")
            }
            query = String(decoding: queryBytes, as: UTF8.self)
        }
        if pathBytes.isEmpty {
            // RFC 9112, section 3.2.4: OPTIONS for an absolute target without path means the server as a whole.
            path = method == "OPTIONS" && query == nil ? "*" : "/"
        } else {
            path = try Self.decodedPath(pathBytes)
        }
        raw = pathBytes.isEmpty ? path : String(decoding: pathBytes, as: UTF8.self)
        if let query { raw += "?" + query }
    }

    /// The part of `http://authority/path?query` that begins with the path (or "?"); checks scheme and authority.
    private static func originPart(ofAbsolute bytes: ArraySlice<UInt8>) throws(HTTPRejection) -> ArraySlice<UInt8> {
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8),
            bytes[..<colon].equalsIgnoringCase("http") || bytes[..<colon].equalsIgnoringCase("https")
        else { throw .badRequest("invalid_target", "The request target must be a path or an absolute http URI.") }
        let rest = bytes[(colon + 3)...]
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        guard Authority(rest[..<end]) != nil else {
            throw .badRequest("invalid_target", "The authority of the request target is not valid.")
        }
        return rest[end...]
    }

    /// Decodes percent-encoding once. What remains must be UTF-8 without control characters and backslashes, and its
    /// segments neither empty (but for the last) nor "." nor "..".
    private static func decodedPath(_ bytes: ArraySlice<UInt8>) throws(HTTPRejection) -> String {
        guard bytes.allIn(.path) else {
            throw .badRequest("invalid_target", "The path holds a character that must be percent-encoded.")
        }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "%") else {
                decoded.append(bytes[index])
                index += 1
                continue
            }
            guard bytes.endIndex - index >= 3, let high = bytes[index + 1].hexValue, let low = bytes[index + 2].hexValue
            else { throw .badRequest("invalid_target", "The path holds a percent sign without two hex digits.") }
            decoded.append(high << 4 | low)
            index += 3
        }
        guard !decoded.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }) else {
            throw .badRequest("invalid_target", "The path holds an encoded control character or backslash.")
        }
        guard let path = String(validating: decoded, as: UTF8.self) else {
            throw .badRequest("invalid_target", "The path is not UTF-8.")
        }
        let segments = decoded.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (position, segment) in segments.enumerated() {
            let isEmpty = segment.isEmpty && position + 1 < segments.count
            if isEmpty || segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) {
                throw .badRequest("invalid_target", "The path holds an empty, \".\" or \"..\" segment.")
            }
        }
        return path
    }
}
