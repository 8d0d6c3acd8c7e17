// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// The answer to a request that the handler never sees.
struct Refusal: Sendable {
    let head: HTTPResponse
    let body: [UInt8]
    /// Whether the connection ends with the answer.
    var closes: Bool
    /// The rule of the HTTP layer that refuses; nil for an answer of ``HTTPServer/Configuration/headCheck``.
    let rejection: HTTPRejection?

    init(_ rejection: HTTPRejection) {
        (head, body) = rejection.response()
        closes = rejection.closes
        self.rejection = rejection
    }

    init(_ answer: HTTPAnswer) {
        (head, body) = answer
        closes = false
        rejection = nil
    }
}
