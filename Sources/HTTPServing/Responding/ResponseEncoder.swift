// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPTypes

/// Turns response heads into bytes. Whatever a handler gives, no CR, LF or NUL of its own gets out.
struct ResponseEncoder: Sendable {
    /// How the end of the body is told (RFC 9112, section 6.3).
    enum Framing: Sendable, Hashable {
        /// The status has no body and no length: 1xx, 204, 304.
        case none
        case length(Int)
        case chunked
        case untilClose
    }

    /// What the server adds to a head.
    struct Surroundings: Sendable {
        var framing: Framing
        var isHTTP10 = false
        var keepsAlive = true
        var requestID: String?
        var extraFields: HTTPFields = [:]
    }

    private var dateSecond: time_t = -1
    private var dateField: [UInt8] = []

    /// Appends status line and fields; false, with nothing appended, if the head cannot be sent.
    mutating func append(
        _ head: HTTPResponse, _ surroundings: Surroundings, to output: inout [UInt8]
    ) -> Bool {
        let code = head.status.code
        guard (200...999).contains(code), Self.isSafe(Array(head.status.reasonPhrase.utf8)) else { return false }
        let start = output.count
        output.append(contentsOf: "HTTP/1.1 \(code) \(head.status.reasonPhrase)\r\n".utf8)
        for fields in [head.headerFields, surroundings.extraFields] {
            for field in fields {
                switch field.name.canonicalName {
                case "content-length", "transfer-encoding", "connection", "keep-alive", "date", "x-request-id": continue
                default: break
                }
                let isSafe = field.withUnsafeBytesOfValue { value in
                    guard Self.isSafe(value) else { return false }
                    output.append(contentsOf: field.name.rawName.utf8)
                    output.append(contentsOf: ": ".utf8)
                    output.append(contentsOf: value)
                    output.append(contentsOf: "\r\n".utf8)
                    return true
                }
                guard isSafe else {
                    output.removeSubrange(start...)
                    return false
                }
            }
        }
        switch surroundings.framing {
        case .none, .untilClose: break
        case .length(let count): output.append(contentsOf: "Content-Length: \(count)\r\n".utf8)
        case .chunked: output.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8)
        }
        if !surroundings.keepsAlive {
            output.append(contentsOf: "Connection: close\r\n".utf8)
        } else if surroundings.isHTTP10 {
            output.append(contentsOf: "Connection: keep-alive\r\n".utf8)
        }
        if let id = surroundings.requestID { output.append(contentsOf: "X-Request-ID: \(id)\r\n".utf8) }
        appendDate(to: &output)
        output.append(contentsOf: "\r\n".utf8)
        return true
    }

    private static func isSafe(_ bytes: some Sequence<UInt8>) -> Bool {
        !bytes.contains { $0 == .carriageReturn || $0 == .lineFeed || $0 == 0 }
    }

    /// Date (RFC 9110, section 6.6.1), made once a second.
    private mutating func appendDate(to output: inout [UInt8]) {
        let now = time(nil)
        if now != dateSecond {
            dateSecond = now
            dateField = Array("Date: \(Self.date(now))\r\n".utf8)
        }
        output.append(contentsOf: dateField)
    }

    /// An IMF-fixdate (RFC 9110, section 5.6.7) such as "Sun, 06 Nov 1994 08:49:37 GMT".
    static func date(_ seconds: time_t) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func padded(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(days[Int(parts.tm_wday)]), \(padded(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(parts.tm_year + 1900) \(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec)) GMT"
    }
}

/// Request ids: what a client may give, and new ones.
enum RequestID {
    private static let fieldName = HTTPField.Name("X-Request-ID")

    /// The client's X-Request-ID if it is one value of 1 to 128 visible US-ASCII characters; else a new one.
    static func id(for head: HTTPRequestHead) -> String {
        guard let name = fieldName else { return make() }
        let given = head.request.headerFields[values: name]
        guard given.count == 1, let id = given.first, (1...128).contains(id.utf8.count),
            id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return make() }
        return id
    }

    /// A random id of 128 bits.
    static func make() -> String {
        func hex(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return "req-" + hex(.random(in: 0 ... .max)) + hex(.random(in: 0 ... .max))
    }
}
