// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPServing
import HTTPTypes
import Logging

/// What is logged and counted of one request. Prompts and texts never are.
struct RequestRecord: Sendable {
    var method: String
    var path: String
    /// The route as declared, for metrics: "/v1/models/{id}", "other".
    var route: String
    var peer: String
    var id: String
    var start: ContinuousClock.Instant
    var status = 0
    var bytes = 0
    var model: String?
    var usage: GenerationUsage?
    var errorCode: String?
    var param: String?
    var isStreamed = false

    init(_ request: HTTPServerRequest, route: String) {
        method = request.head.method.rawValue
        path = request.path
        self.route = route
        peer = request.peer
        id = request.id
        start = ContinuousClock.now
    }

    /// The record of a request whose client left before its work began.
    var abandoned: RequestRecord {
        var record = self
        record.status = GenerationOutcome.clientGone
        return record
    }

    /// The record of a generation that came to an end.
    func ended(_ outcome: GenerationOutcome) -> RequestRecord {
        var record = self
        record.status = outcome.status
        record.usage = outcome.usage
        record.bytes = outcome.bytes
        record.errorCode = outcome.error?.code
        return record
    }

    /// The record as fields of a log line; empty ones are left out.
    func metadata(duration: Duration) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            "id": .string(id), "peer": .string(peer), "method": .string(method), "path": .string(path),
            "status": .stringConvertible(status), "bytes": .stringConvertible(bytes),
            "ms": .string(Self.milliseconds(duration)),
        ]
        if let model { fields["model"] = .string(model) }
        if let errorCode { fields["error"] = .string(errorCode) }
        if let param { fields["param"] = .string(param) }
        if isStreamed { fields["stream"] = .stringConvertible(true) }
        if let usage {
            fields["prompt_tokens"] = .stringConvertible(usage.promptTokens)
            fields["cached_tokens"] = .stringConvertible(usage.cachedTokens)
            fields["generated_tokens"] = .stringConvertible(usage.generatedTokens)
            fields["queue_ms"] = .string(Self.milliseconds(usage.queueDuration))
            fields["prefill_ms"] = .string(Self.milliseconds(usage.prefillDuration))
            fields["decode_ms"] = .string(Self.milliseconds(usage.decodeDuration))
        }
        return fields
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let tenths = Int64((duration / .microseconds(100)).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
