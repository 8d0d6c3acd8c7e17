// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPServing

/// A blocking TCP client that sends and reads raw bytes; every read has a time limit.
final class TestClient {
    enum Failure: Error { case connect(Int32), timeout(received: String), closed(received: String), malformed(String) }

    /// One response as it came over the wire.
    struct Response {
        var status: Int
        var fields: [(name: String, value: String)]
        var body: [UInt8]

        func field(_ name: String) -> String? { fields.first { $0.name == name.lowercased() }?.value }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isOpen = true

    init(port: Int, receiveBufferBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure.connect(errno) }
        if var bytes = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            Glibc.close(descriptor)
            isOpen = false
            throw Failure.connect(code)
        }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close() }

    func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }

    /// Closes so that the peer gets RST.
    func reset() {
        var value = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Ends the sending side: FIN.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Sends all; false if the peer does not take it.
    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { rest in
                Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// Waits until bytes, FIN or an error can be read; false if the time is over.
    private func waitReadable(_ seconds: Double) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, Int32(seconds * 1000)) > 0
    }

    /// Reads some bytes: nil at the end or at a reset.
    func receive(seconds: Double = 5) throws -> [UInt8]? {
        guard waitReadable(seconds) else {
            throw Failure.timeout(received: String(decoding: buffer, as: UTF8.self))
        }
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes[..<count]) : nil
    }

    /// All bytes until the peer closes.
    func receiveToEnd(seconds: Double = 5) throws -> [UInt8] {
        while let bytes = try receive(seconds: seconds) { buffer += bytes }
        defer { buffer = [] }
        return buffer
    }

    /// Whether the peer closes, with nothing more sent, in time.
    func isClosedByPeer(seconds: Double = 5) -> Bool {
        guard buffer.isEmpty, let bytes = try? receive(seconds: seconds) as [UInt8]?? else { return false }
        return bytes == nil
    }

    private func fill(seconds: Double) throws {
        guard let bytes = try receive(seconds: seconds) else {
            throw Failure.closed(received: String(decoding: buffer, as: UTF8.self))
        }
        buffer += bytes
    }

    private func take(_ count: Int, seconds: Double) throws -> [UInt8] {
        while buffer.count < count { try fill(seconds: seconds) }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private func takeLine(seconds: Double) throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                let line = try take(end + 1, seconds: seconds)
                guard line.count >= 2, line[line.count - 2] == 0x0D else { throw Failure.malformed("bare LF") }
                return String(decoding: line.dropLast(2), as: UTF8.self)
            }
            try fill(seconds: seconds)
        }
    }

    /// Reads one response. `hasBody` is false for the answer to HEAD.
    func response(hasBody: Bool = true, seconds: Double = 5) throws -> Response {
        let statusLine = try takeLine(seconds: seconds).split(separator: " ", maxSplits: 2)
        guard statusLine.count >= 2, statusLine[0] == "HTTP/1.1", let status = Int(statusLine[1]) else {
            throw Failure.malformed("status line \(statusLine)")
        }
        var response = Response(status: status, fields: [], body: [])
        while true {
            let line = try takeLine(seconds: seconds)
            if line.isEmpty { break }
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { throw Failure.malformed(line) }
            response.fields.append((parts[0].lowercased(), String(parts[1].drop { $0 == " " })))
        }
        guard hasBody, status >= 200, status != 204, status != 304 else { return response }
        if let length = response.field("content-length") {
            guard let count = Int(length) else { throw Failure.malformed("length \(length)") }
            response.body = try take(count, seconds: seconds)
        } else if response.field("transfer-encoding") == "chunked" {
            while let chunk = try chunk(seconds: seconds) { response.body += chunk }
        } else {
            response.body = try receiveToEnd(seconds: seconds)
        }
        return response
    }

    /// Reads one chunk of a chunked body: nil after the last.
    func chunk(seconds: Double = 5) throws -> [UInt8]? {
        let line = try takeLine(seconds: seconds)
        guard let size = Int(line, radix: 16) else { throw Failure.malformed("chunk size \(line)") }
        let bytes = try take(size, seconds: seconds)
        guard try takeLine(seconds: seconds).isEmpty else { throw Failure.malformed("chunk end") }
        return size == 0 ? nil : bytes
    }
}
