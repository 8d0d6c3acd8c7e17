// SPDX-License-Identifier: Apache-2.0

import Decoding
package import Engine
package import StrictJSON

/// Why a request is not answered as asked. Each case has one HTTP status and one stable `code`.
package enum APIError: Error, Sendable, Equatable {
    /// The body is not JSON.
    case invalidJSON(JSONError)
    /// A value has the wrong JSON type.
    case wrongType(param: String, expected: String, found: String)
    /// A value lies outside what is allowed. `found` is the value, or its size, in words.
    case notAllowed(param: String, found: String, allowed: Allowed)
    /// A value breaks a rule that is not a range.
    case invalidValue(param: String, reason: String)
    /// Two names of one field have different values, or two fields exclude each other.
    case conflict(param: String, other: String)
    /// A field that must be there is not.
    case missing(param: String)
    /// No field has this name, and the request is strict.
    case unknownField(param: String)
    /// A field, or a value of it, that is known and cannot be honoured here.
    case unsupported(param: String, reason: String, allowed: Allowed?)
    /// Prompt and continuation do not fit the context.
    case contextOverflow(param: String, promptTokens: Int, maxTokens: Int, contextLength: Int)
    /// Prompts and continuations together need more key-value cache than there is.
    case cacheOverflow(neededTokens: Int, capacityTokens: Int)
    /// No model has this name.
    case modelNotFound(String, available: [String])
    /// No example set has this name, or it has no such version.
    case exampleSetNotFound(param: String?, id: String, version: String?)
    /// The example set has another version than was expected; nil: it is not there.
    case exampleSetChanged(found: String?)
    /// There is no room for more example sets; the limit in words.
    case exampleStoreFull(limit: String)
    /// A body that is no JSON is malformed; line and column from 1.
    case invalidImport(format: String, line: Int, column: Int, reason: String)
    /// No route has this path.
    case routeNotFound(String)
    /// The route does not know the method.
    case methodNotAllowed(String, allow: [String])
    /// The body's media type is none that the route takes.
    case unsupportedMediaType(String?, expected: String = "application/json")
    /// No key, or a wrong one.
    case unauthorized(hasKey: Bool)
    /// As many requests wait as may.
    case queueFull(limit: Int)
    /// The request waited too long.
    case queueTimeout
    /// The client read too slowly while others waited.
    case readerTooSlow
    /// Runs that are being made leave no room to keep another.
    case runCacheFull(limitBytes: Int)
    /// No run with this id is kept.
    case runNotFound(String)
    /// The models are not loaded yet.
    case loading
    /// The server is going down.
    case shuttingDown
    /// The model computed no usable logits.
    case nonFiniteLogits(position: Int)
    /// The work was stopped by the server.
    case cancelled
    /// A fault of the server; what it is, in words.
    case internalFault(String)

    /// The error for what an engine says. `param` names the prompt in the request.
    package init(_ error: EngineError, param: String) {
        switch error {
        case .queueFull(let limit): self = .queueFull(limit: limit)
        case .shuttingDown: self = .shuttingDown
        case .contextOverflow(_, let promptTokens, let maxTokens, let contextLength):
            self = .contextOverflow(
                param: param, promptTokens: promptTokens, maxTokens: maxTokens, contextLength: contextLength)
        case .cacheOverflow(let needed, let capacity):
            self = .cacheOverflow(neededTokens: needed, capacityTokens: capacity)
        case .emptyPrompt: self = .invalidValue(param: param, reason: "the prompt has no tokens")
        case .tokenOutOfRange(_, let position, let id, let vocabularySize):
            self = .notAllowed(
                param: "\(param)[\(position)]", found: String(id),
                allowed: Allowed(min: 0, max: Double(vocabularySize - 1)))
        case .nonFiniteLogits(let position): self = .nonFiniteLogits(position: position)
        case .decoding(.badLogit(_, _, let position)), .decoding(.noCandidates(let position)):
            self = .nonFiniteLogits(position: position)
        case .decoding(.nothingAllowed(let stage, let position)):
            self = .invalidValue(
                param: StageFields.of(stage).first?.name ?? stage.rawValue,
                reason: "leaves no token to draw at position \(position)")
        case .decoding(.constraintDeadEnd(let name, let position)):
            self = .invalidValue(
                param: name, reason: "the vocabulary cannot spell what it asks for at position \(position)")
        case .decoding(.constraintTooAmbiguous(let name, let position)):
            self = .invalidValue(
                param: name, reason: "too many readings of the text are open at position \(position)")
        case .decoding(.tooManyStops(let limit, let found)):
            self = .notAllowed(
                param: "stop", found: "\(found) strings",
                allowed: Allowed(min: 0, max: Double(limit), counting: "strings"))
        case .decoding(.emptyStop(let index)), .decoding(.stopTooLong(let index, _, _)):
            self = .notAllowed(
                param: "stop[\(index)]", found: "another length", allowed: RequestFields.stopLengthRange)
        case .decoding(.logitCount): self = .internalFault("the model computed logits of another vocabulary")
        case .queueTimeout: self = .queueTimeout
        case .cancelled: self = .cancelled
        case .readerTooSlow: self = .readerTooSlow
        case .weightsLost: self = .internalFault("a checkpoint was cut short on disk; restart the server")
        case .unknownModel(let name): self = .modelNotFound(name, available: [])
        }
    }

    /// The error for what a store of example sets says.
    init(_ error: ExampleStoreError) {
        switch error {
        case .changed(let found): self = .exampleSetChanged(found: found)
        case .full(let limit): self = .exampleStoreFull(limit: limit)
        case .medium: self = .internalFault(error.description)
        }
    }

    /// The HTTP status.
    package var status: Int {
        switch self {
        case .invalidJSON, .wrongType, .notAllowed, .invalidValue, .conflict, .missing, .unknownField, .unsupported,
            .contextOverflow, .cacheOverflow, .invalidImport:
            400
        case .unauthorized: 401
        case .modelNotFound, .exampleSetNotFound, .runNotFound, .routeNotFound: 404
        case .methodNotAllowed: 405
        case .queueTimeout, .readerTooSlow: 408
        case .exampleSetChanged: 412
        case .unsupportedMediaType: 415
        case .nonFiniteLogits, .internalFault: 500
        case .queueFull, .runCacheFull, .loading, .shuttingDown, .cancelled: 503
        case .exampleStoreFull: 507
        }
    }

    /// The stable name of the case.
    package var code: String {
        switch self {
        case .invalidJSON: "invalid_json"
        case .wrongType: "invalid_type"
        case .notAllowed, .invalidValue: "invalid_value"
        case .conflict: "conflicting_fields"
        case .missing: "missing_required_parameter"
        case .unknownField: "unknown_field"
        case .unsupported: "unsupported_field"
        case .contextOverflow: "context_length_exceeded"
        case .cacheOverflow: "cache_capacity_exceeded"
        case .modelNotFound: "model_not_found"
        case .exampleSetNotFound(_, _, let version):
            version == nil ? "example_set_not_found" : "example_set_version_not_found"
        case .exampleSetChanged: "example_set_changed"
        case .exampleStoreFull: "example_store_full"
        case .invalidImport(let format, _, _, _): "invalid_\(format)"
        case .routeNotFound: "not_found"
        case .methodNotAllowed: "method_not_allowed"
        case .unsupportedMediaType: "unsupported_media_type"
        case .unauthorized: "invalid_api_key"
        case .queueFull: "queue_full"
        case .queueTimeout: "queue_timeout"
        case .readerTooSlow: "reader_too_slow"
        case .runCacheFull: "run_cache_full"
        case .runNotFound: "run_not_found"
        case .loading: "loading"
        case .shuttingDown: "shutting_down"
        case .nonFiniteLogits: "non_finite_logits"
        case .cancelled: "cancelled"
        case .internalFault: "internal_error"
        }
    }

    /// OpenAI's coarse class of the error.
    package var type: String {
        switch status {
        case 401: "authentication_error"
        case 408: "timeout_error"
        case 503: "service_unavailable_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }

    /// The JSON path of the field at fault.
    package var param: String? {
        switch self {
        case .wrongType(let param, _, _), .notAllowed(let param, _, _), .invalidValue(let param, _),
            .conflict(let param, _), .missing(let param), .unknownField(let param), .unsupported(let param, _, _),
            .contextOverflow(let param, _, _, _):
            param
        case .modelNotFound: "model"
        case .runNotFound: "run"
        case .exampleSetNotFound(let param, _, _): param
        default: nil
        }
    }

    /// What would have been allowed, if that can be said.
    package var allowed: Allowed? {
        switch self {
        case .notAllowed(_, _, let allowed): allowed
        case .unsupported(_, _, let allowed): allowed
        case .modelNotFound(_, let available) where !available.isEmpty:
            Allowed(values: available.map { .string($0) })
        default: nil
        }
    }

    /// Seconds after which a client may try again.
    package var retryAfter: Int? {
        switch self {
        case .queueFull, .runCacheFull: 1
        case .loading: 2
        case .shuttingDown, .cancelled: 5
        default: nil
        }
    }

    /// The error in a sentence: what, where, found and expected.
    package var message: String {
        switch self {
        case .invalidJSON(let error): error.description
        case .wrongType(let param, let expected, let found): "\(param): expected \(expected), found \(found)"
        case .notAllowed(let param, let found, let allowed): "\(param): expected \(allowed.words), found \(found)"
        case .invalidValue(let param, let reason): "\(param): \(reason)"
        case .conflict(let param, let other): "\(param) and \(other) contradict each other"
        case .missing(let param): "\(param) is required"
        case .unknownField(let param): "\(param): no such field"
        case .unsupported(let param, let reason, _): "\(param): \(reason)"
        case .contextOverflow(let param, let promptTokens, let maxTokens, let contextLength):
            "\(param): the prompt has \(promptTokens) tokens and \(maxTokens) more are to be generated, but the "
                + "context holds \(contextLength) tokens; shorten the prompt or ask for truncation with "
                + "truncate_prompt_tokens"
        case .cacheOverflow(let needed, let capacity):
            "the request needs a key-value cache of \(needed) tokens, but there are \(capacity); ask for fewer "
                + "prompts, choices or tokens"
        case .modelNotFound(let name, _): "no model is named \"\(name.prefix(200))\""
        case .exampleSetNotFound(_, let id, let version):
            if let version {
                "the example set \"\(id.prefix(64))\" has no version \(version.prefix(64)) here"
            } else {
                "no example set is named \"\(id.prefix(64))\" here; the examples can be sent inline"
            }
        case .exampleSetChanged(let found):
            if let found { "the example set has version \(found) by now" } else { "there is no such example set" }
        case .exampleStoreFull(let limit): "no room for more example sets: \(limit)"
        case .invalidImport(let format, let line, let column, let reason):
            "\(format.uppercased()), line \(line), column \(column): \(reason)"
        case .routeNotFound(let path): "no route \(path.prefix(200))"
        case .methodNotAllowed(let method, let allow):
            "\(method.prefix(32)) is not allowed here; use \(allow.joined(separator: ", "))"
        case .unsupportedMediaType(let found, let expected):
            "expected Content-Type \(expected), found \(found.map { String($0.prefix(200)) } ?? "none")"
        case .unauthorized(let hasKey):
            hasKey ? "the API key is not valid" : "an API key is required: Authorization: Bearer KEY"
        case .queueFull(let limit): "the queue is full: \(limit) requests wait; try again later"
        case .queueTimeout: "the request waited longer in the queue than is allowed"
        case .readerTooSlow: "the answer was read too slowly while others waited"
        case .runCacheFull(let limit):
            "runs that are being made take all of the \(limit) bytes in which runs are kept; try again later"
        case .runNotFound(let id):
            "no run \"\(id.prefix(128))\" is kept; it was not asked for with keep, or others took its place"
        case .loading: "the model is being loaded; try again later"
        case .shuttingDown: "the server is shutting down"
        case .nonFiniteLogits(let position):
            "the model computed a value that is not a finite number at position \(position)"
        case .cancelled: "the work was stopped by the server"
        case .internalFault(let text): text
        }
    }

    /// The body: `{"error":{"message":…,"type":…,"param":…,"code":…}}` and, where they apply, `allowed` and counts.
    package var body: [UInt8] {
        var writer = JSONWriter()
        writer.object { write(to: &$0) }
        return writer.bytes
    }

    /// Writes the member `error`.
    func write(to writer: inout JSONWriter) {
        writer.member(
            "error",
            object: { error in
                error.member("message", message)
                error.member("type", type)
                error.member("param", param)
                error.member("code", code)
                if let allowed {
                    error.key("allowed")
                    allowed.write(to: &error)
                }
                if case .contextOverflow(_, let promptTokens, let maxTokens, let contextLength) = self {
                    error.member("prompt_tokens", promptTokens)
                    error.member("max_tokens", maxTokens)
                    error.member("context_length", contextLength)
                }
                if case .invalidImport(_, let line, let column, _) = self {
                    error.member("line", line)
                    error.member("column", column)
                }
            })
    }
}
