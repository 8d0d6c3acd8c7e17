// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPServing

/// Why a key file cannot be used.
public enum KeyFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// It cannot be read; the system's reason.
    case unreadable(path: String, reason: String)
    /// Others than its owner may read or write it.
    case tooOpen(path: String, mode: UInt32)
    /// It holds no key.
    case empty(path: String)
    /// A line is longer than a key may be, or is not printable ASCII without spaces.
    case badLine(path: String, line: Int)
    /// It is larger than a key file may be.
    case tooLarge(path: String, limit: Int)

    /// The error in a sentence.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "key file \(path): \(reason)"
        case .tooOpen(let path, let mode):
            "key file \(path): mode \(String(mode, radix: 8)) lets others read or write it; chmod 600 it"
        case .empty(let path): "key file \(path): no key in it"
        case .badLine(let path, let line):
            "key file \(path), line \(line): expected 1 to 1024 printable ASCII characters without spaces"
        case .tooLarge(let path, let limit): "key file \(path): larger than \(limit) bytes"
        }
    }
}

/// The keys that open the server, as digests.
public struct APIKeys: Sendable {
    /// SHA-256 in hexadecimal: no key stands in memory for long, and all are compared at one length.
    private let digests: [String]

    /// The given keys.
    public init(_ keys: [String]) {
        digests = keys.map { SHA256.hexDigest(of: Array($0.utf8)) }
    }

    /// The keys of a file: one per line; empty lines and lines that begin with `#` are skipped.
    ///
    /// - Throws: ``KeyFileError``; also if the file's mode lets group or others read or write it.
    public init(path: String) throws(KeyFileError) {
        let limit = 1 << 20
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(path: path, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(path: path, reason: "not a regular file") }
        guard status.st_mode & 0o077 == 0 else { throw .tooOpen(path: path, mode: status.st_mode & 0o777) }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw .unreadable(path: path, reason: String(cString: strerror(errno)))
            }
            if count == 0 { break }
            text.append(contentsOf: buffer[..<count])
            guard text.count <= limit else { throw .tooLarge(path: path, limit: limit) }
        }
        try self.init(path: path, text: text)
    }

    private init(path: String, text: [UInt8]) throws(KeyFileError) {
        var keys: [String] = []
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            var line = line
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
            guard line.count <= 1024, line.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw .badLine(path: path, line: index + 1)
            }
            keys.append(String(decoding: line, as: UTF8.self))
        }
        guard !keys.isEmpty else { throw .empty(path: path) }
        self.init(keys)
    }

    /// Whether `key` is one of the keys. Takes the same time whichever it is and wherever a wrong one differs.
    func contains(_ key: Substring) -> Bool {
        let digest = SHA256.hexDigest(of: Array(key.utf8))
        return digests.reduce(false) { found, candidate in
            // Every byte of every digest is looked at.
            let difference = zip(candidate.utf8, digest.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
            return difference == 0 || found
        }
    }

    /// Checks an Authorization field (RFC 6750 section 2.1).
    func check(authorization: String?) throws(APIError) {
        guard let authorization else { throw .unauthorized(hasKey: false) }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .unauthorized(hasKey: false) }
        guard contains(parts[1].drop(while: { $0 == " " })) else { throw .unauthorized(hasKey: true) }
    }
}
