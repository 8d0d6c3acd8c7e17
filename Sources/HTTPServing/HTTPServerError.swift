// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why a server could not be started or its assets not be loaded.
public enum HTTPServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The host is no IPv4 or IPv6 address (and not "localhost").
    case invalidHost(String)
    /// The port is not in 0...65535.
    case invalidPort(Int)
    /// Another socket listens on the address.
    case addressInUse(String)
    /// No such address on this machine, or no permission for the port.
    case cannotBind(String, reason: String)
    /// A system call failed.
    case systemCall(String, reason: String)
    /// A file or folder of static assets cannot be read.
    case unreadableAsset(path: String, reason: String)
    /// The static assets are larger or more than allowed.
    case assetsTooLarge(path: String, limit: String)

    /// What went wrong, for people.
    public var description: String {
        switch self {
        case .invalidHost(let host): "'\(host)' is not an IPv4 or IPv6 address or 'localhost'"
        case .invalidPort(let port): "port \(port) is not in 0...65535"
        case .addressInUse(let address): "address \(address) is in use"
        case .cannotBind(let address, let reason): "cannot bind \(address): \(reason)"
        case .systemCall(let name, let reason): "\(name): \(reason)"
        case .unreadableAsset(let path, let reason): "cannot read \(path): \(reason)"
        case .assetsTooLarge(let path, let limit): "\(path) is beyond the limit of \(limit)"
        }
    }

    /// The text of the current `errno`.
    static func reason(_ code: Int32 = errno) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
