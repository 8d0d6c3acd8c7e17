// SPDX-License-Identifier: Apache-2.0

import Glibc

/// An IPv4 or IPv6 address with a port.
struct SocketAddress: Sendable {
    private var storage: sockaddr_storage
    private var length: socklen_t

    /// Reads an address literal; "localhost" is 127.0.0.1. No name is looked up.
    init(host: String, port: Int) throws(HTTPServerError) {
        guard let port = UInt16(exactly: port) else { throw .invalidPort(port) }
        storage = sockaddr_storage()
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        let literal = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        if inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host, &v4.sin_addr) == 1 {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: v4, as: sockaddr_in.self) }
        } else if inet_pton(AF_INET6, literal, &v6.sin6_addr) == 1 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: v6, as: sockaddr_in6.self) }
        } else {
            throw .invalidHost(host)
        }
    }

    /// The address that `fill` (getsockname, accept) writes; nil if it fails with a negative result.
    init?(_ fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { fill($0, &length) }
        }
        guard result >= 0 else { return nil }
        (self.storage, self.length) = (storage, length)
    }

    var family: Int32 { Int32(storage.ss_family) }

    /// The port in host order.
    var port: Int {
        withUnsafeBytes(of: storage) { bytes in
            // sin_port and sin6_port stand at the same offset.
            Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        }
    }

    /// The address without port, an IPv6 address without brackets.
    var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        return withUnsafeBytes(of: storage) { bytes in
            let offset = family == AF_INET6 ? 8 : 4
            guard let base = bytes.baseAddress,
                let result = inet_ntop(family, base + offset, &text, socklen_t(text.count))
            else { return "unknown" }
            return String(cString: result)
        }
    }

    /// Such as "127.0.0.1:8080" or "[::1]:8080".
    var description: String { family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var isLoopback: Bool {
        Authority(Array((family == AF_INET6 ? "[\(host)]" : host).utf8))?.isLoopback ?? false
    }

    /// Whether this is the IPv6 address "::", which can take IPv4 connections too.
    var isIPv6Wildcard: Bool { family == AF_INET6 && host == "::" }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
