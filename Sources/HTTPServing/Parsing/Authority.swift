// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A host with an optional port, as in Host, an absolute target or an Origin (RFC 3986, section 3.2), held to what
/// HTTP servers meet: a name of unreserved characters, an IPv4 address or an IPv6 literal; never userinfo.
struct Authority: Hashable, Sendable {
    /// Lowercase; an IPv6 address keeps its brackets; without the dot that may end a name.
    var host: String
    /// nil if absent or empty.
    var port: UInt16?

    /// nil if the bytes are not of that form.
    init?(_ bytes: some BidirectionalCollection<UInt8>) {
        guard let first = bytes.first, bytes.count <= 300 else { return nil }
        let host: [UInt8]
        var rest = bytes[...]
        if first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let address = bytes[bytes.index(after: bytes.startIndex)..<end]
            guard Self.isIPv6(address) else { return nil }
            host = Array(bytes[...end])
            rest = bytes[bytes.index(after: end)...]
        } else {
            let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
            host = Array(bytes[..<end])
            guard !host.isEmpty, host.count <= 255, host.allIn(.hostName) else { return nil }
            rest = bytes[end...]
        }
        if !rest.isEmpty {
            guard rest.first == UInt8(ascii: ":") else { return nil }
            let digits = rest.dropFirst()
            guard digits.count <= 5, digits.allSatisfy(\.isASCIIDigit) else { return nil }
            if !digits.isEmpty {
                guard let value = UInt16(String(decoding: digits, as: UTF8.self)) else { return nil }
                port = value
            }
        }
        var name = String(decoding: host, as: UTF8.self).lowercased()
        if name.utf8.count > 1, name.utf8.last == UInt8(ascii: ".") { name.removeLast() }
        self.host = name
    }

    /// Whether the host is `localhost`, an address of 127.0.0.0/8 or `[::1]`.
    var isLoopback: Bool {
        if host == "localhost" || host == "[::1]" { return true }
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1 && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }

    private static func isIPv6(_ bytes: some Collection<UInt8>) -> Bool {
        guard bytes.count <= 45,
            bytes.allSatisfy({ $0.hexValue != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
        else { return false }
        var address = in6_addr()
        return inet_pton(AF_INET6, String(decoding: bytes, as: UTF8.self), &address) == 1
    }
}
