// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import StrictJSON

/// The framing of server-sent events (WHATWG HTML, section 9.2).
enum ServerSentEvents {
    /// The event after the last one of a complete stream.
    static let done = Array("data: [DONE]\n\n".utf8)
    /// A comment, which clients skip: keeps proxies from closing an idle connection.
    static let keepAlive = Array(": keep-alive\n\n".utf8)

    /// One event with a JSON object as its data.
    static func data(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(members)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(writer.bytes.count + 8)
        bytes.append(contentsOf: "data: ".utf8)
        bytes.append(contentsOf: writer.bytes)
        bytes.append(contentsOf: "\n\n".utf8)
        return bytes
    }

    /// The head of a stream: no cache, and no buffering by proxies such as nginx.
    static var head: HTTPResponse {
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = "text/event-stream; charset=utf-8"
        head.headerFields[.cacheControl] = "no-cache"
        if let name = HTTPField.Name("X-Accel-Buffering") { head.headerFields[name] = "no" }
        return head
    }
}
