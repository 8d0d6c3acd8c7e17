// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes

/// A request that the HTTP layer itself refuses: what it answers and whether the connection can go on.
public struct HTTPRejection: Error, Sendable, Hashable {
    /// The status to answer with.
    public var status: HTTPResponse.Status
    /// A machine-readable name of the cause, such as "header_too_large".
    public var code: String
    /// What is wrong, for people. Never holds bytes of the request.
    public var message: String
    /// Whether the connection must be closed because the end of the message is unknown or not worth waiting for.
    public var closes: Bool
    /// Fields the answer must carry, such as Allow.
    public var fields: HTTPFields

    /// A refusal.
    public init(
        _ status: HTTPResponse.Status, code: String, _ message: String, closes: Bool = true, fields: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.closes = closes
        self.fields = fields
    }

    /// The answer: a JSON body in the shape of the OpenAI API.
    public func response() -> (head: HTTPResponse, body: [UInt8]) {
        var head = HTTPResponse(status: status, headerFields: fields)
        head.headerFields[.contentType] = "application/json"
        let kind = status.code >= 500 ? "server_error" : "invalid_request_error"
        var text = "{\"error\":{\"message\":\""
        text += Self.escaped(message)
        text += "\",\"type\":\"\(kind)\",\"param\":null,\"code\":\"\(Self.escaped(code))\"}}"
        return (head, Array(text.utf8))
    }

    /// `text` with the escapes of a JSON string (RFC 8259, section 7).
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..."\u{1F}":
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension HTTPRejection {
    static func badRequest(_ code: String, _ message: String) -> HTTPRejection {
        HTTPRejection(.badRequest, code: code, message)
    }

    static let incomplete = badRequest("incomplete_message", "The connection ended in the middle of a message.")
    static let headTimeout = HTTPRejection(
        .requestTimeout, code: "head_timeout", "The request head did not arrive in time.")
    static let bodyTimeout = HTTPRejection(
        .requestTimeout, code: "body_timeout", "The request body did not arrive in time.")
    static let noAnswer = HTTPRejection(
        .internalServerError, code: "no_answer", "The request was not answered.", closes: false)
    static let badResponse = HTTPRejection(
        .internalServerError, code: "invalid_response", "The answer could not be sent as HTTP.", closes: false)
    static let bodyMemory = HTTPRejection(
        .serviceUnavailable, code: "bodies_in_memory", "Too many request bodies are in memory. Try again later.",
        fields: [.retryAfter: "1"])
    static let tooManyConnections = HTTPRejection(
        .serviceUnavailable, code: "too_many_connections", "Too many connections. Try again later.",
        fields: [.retryAfter: "1"])
}
