// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// Bytes in from standard input and out to standard output and error.
enum Terminal {
    /// Writes all of `text` to standard output, at once.
    static func write(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }

    /// Writes a line to standard error.
    static func note(_ line: String) { write(Array((line + "\n").utf8), to: STDERR_FILENO) }

    /// Writes to standard error without ending the line.
    static func noteOpen(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    return
                }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// All of standard input.
    ///
    /// - Throws: an exit with code 1 if it cannot be read or is longer than 1 GiB.
    static func readAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw Failure("standard input: \(String(cString: strerror(errno)))")
            }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= 1 << 30 else { throw Failure("standard input: more than 1 GiB") }
        }
    }

    /// All of standard input as text.
    static func readText() throws -> String {
        guard let text = String(validating: try readAll(), as: UTF8.self) else {
            throw Failure("standard input: not UTF-8")
        }
        return text
    }
}

/// A failure that is told on standard error; the program ends with code 1.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// What went wrong with the file or folder at `path`, which is said once, whether or not the error names it too.
    init(_ error: some CustomStringConvertible, at path: String) {
        let text = error.description
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if text.hasPrefix(path) {
            description = text
        } else if text.hasPrefix(name + ":") || text.hasPrefix(name + " at ") {
            description = path + text.dropFirst(name.count)
        } else {
            description = "\(path): \(text)"
        }
    }
}
