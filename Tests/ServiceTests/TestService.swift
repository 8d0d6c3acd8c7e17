// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPServing
import HTTPTypes
import Logging
import Service
import StrictJSON
import Testing

/// An answer as a client sees it.
struct Answer {
    var status: Int
    var fields: HTTPFields
    var body: [UInt8]
    var pieces: [[UInt8]]
    var isStreamed: Bool

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON; null if it is none.
    var json: JSON { (try? JSONParser.parse(body)) ?? .null }

    var errorCode: String? { json["error"]?["code"]?.stringValue }
    var param: String? { json["error"]?["param"]?.stringValue }

    /// The data of each event of a stream.
    var events: [String] {
        text.split(separator: "\n\n", omittingEmptySubsequences: true).filter { $0.hasPrefix("data: ") }
            .map { String($0.dropFirst(6)) }
    }

    var eventObjects: [JSON] { events.compactMap { try? JSONParser.parse($0.utf8) } }
}

/// A service over a fake engine, and a client of it.
struct TestService {
    let engine: FakeEngine
    let service: Service

    init(
        _ engine: FakeEngine = FakeEngine(), isLoaded: Bool = true, configure: (inout ServiceOptions) -> Void = { _ in }
    ) {
        self.engine = engine
        var options = ServiceOptions(version: "test")
        configure(&options)
        service = Service(options: options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        if isLoaded { service.start(engine) }
    }

    init(engine: FakeEngine, service: Service) {
        self.engine = engine
        self.service = service
    }

    /// Sends a request without waiting.
    func begin(
        _ method: HTTPRequest.Method, _ path: String, _ body: String = "", fields: HTTPFields = [:]
    ) -> InMemoryResponder {
        var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path, headerFields: fields)
        if method == .post, head.headerFields[.contentType] == nil {
            head.headerFields[.contentType] = "application/json"
        }
        let responder = InMemoryResponder()
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        service.handle(
            HTTPServerRequest(
                head: head, path: parts[0], query: parts.count > 1 ? parts[1] : nil, body: Array(body.utf8)),
            responder: responder)
        return responder
    }

    /// Sends a request and waits for the whole answer.
    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String = "", fields: HTTPFields = [:]
    ) throws -> Answer {
        let responder = begin(method, path, body, fields: fields)
        try #require(responder.wait { $0.isFinished }, "no answer to \(method) \(path)")
        return try Self.answer(responder)
    }

    func complete(_ body: String) throws -> Answer { try send(.post, "/v1/completions", body) }
    func chat(_ body: String) throws -> Answer { try send(.post, "/v1/chat/completions", body) }

    static func answer(_ responder: InMemoryResponder) throws -> Answer {
        let state = responder.snapshot
        let head = try #require(state.head)
        #expect(state.sendCount == 1)
        #expect(!head.status.reasonPhrase.isEmpty, "\(head.status) has no phrase")
        return Answer(
            status: head.status.code, fields: head.headerFields, body: Array(state.pieces.joined()),
            pieces: state.pieces, isStreamed: state.isStreamed)
    }
}

/// The JSON of a text; fails the test if it is none.
func parse(_ text: String) throws -> JSON { try JSONParser.parse(text.utf8) }

extension JSON {
    /// Without the members that differ from run to run.
    var stable: JSON {
        guard let object = objectValue else { return self }
        var copy = JSONObject()
        for (key, value) in object.members where !["id", "created", "system_fingerprint"].contains(key) {
            copy[key] = value
        }
        return .object(copy)
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByFloatLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral text: String) { self = .string(text) }
    /// A number.
    public init(floatLiteral number: Double) { self = .number(number) }
    /// An integer.
    public init(integerLiteral number: Int64) { self = .integer(number) }
    /// An object; of members with the same name the last counts.
    public init(dictionaryLiteral members: (String, JSON)...) {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        self = .object(object)
    }
}
