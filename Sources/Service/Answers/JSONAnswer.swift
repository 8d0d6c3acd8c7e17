// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// Heads of answers with a JSON body.
enum JSONAnswer {
    /// A head of the given status.
    static func head(_ status: HTTPResponse.Status) -> HTTPResponse {
        var head = HTTPResponse(status: status)
        head.headerFields[.contentType] = "application/json"
        head.headerFields[.cacheControl] = "no-store"
        return head
    }

    /// The head of the answer to OPTIONS, which has no body.
    static func options(allow methods: [String]) -> HTTPResponse {
        HTTPResponse(status: .noContent, headerFields: [.allow: methods.joined(separator: ", ")])
    }

    /// The status of a code that an error can have, with its standard phrase (RFC 9110, section 15).
    private static func status(_ code: Int) -> HTTPResponse.Status {
        let statuses: [HTTPResponse.Status] = [
            .badRequest, .unauthorized, .notFound, .methodNotAllowed, .requestTimeout, .preconditionFailed,
            .unsupportedMediaType, .internalServerError, .serviceUnavailable,
            HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"),
        ]
        return statuses.first { $0.code == code } ?? HTTPResponse.Status(code: code)
    }

    /// The head for an error: Retry-After, Allow and WWW-Authenticate where they belong.
    static func head(_ error: APIError) -> HTTPResponse {
        var head = head(status(error.status))
        if let seconds = error.retryAfter { head.headerFields[.retryAfter] = String(seconds) }
        if case .methodNotAllowed(_, let allow) = error {
            head.headerFields[.allow] = allow.joined(separator: ", ")
        }
        if case .unauthorized(let hasKey) = error {
            head.headerFields[.wwwAuthenticate] =
                hasKey ? "Bearer realm=\"temper\", error=\"invalid_token\"" : "Bearer realm=\"temper\""
        }
        return head
    }
}
