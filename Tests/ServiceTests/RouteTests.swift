// SPDX-License-Identifier: Apache-2.0

import Engine
import Glibc
import HTTPServing
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct RouteTests {
    @Test func unknownPathIs404AsJSON() throws {
        let answer = try TestService().send(.get, "/nope")
        #expect(answer.status == 404 && answer.errorCode == "not_found")
    }

    @Test(arguments: [
        (HTTPRequest.Method.get, "/v1/completions", "POST, OPTIONS"), (.put, "/tokenize", "POST, OPTIONS"),
        (.post, "/v1/models", "GET, HEAD, OPTIONS"), (.delete, "/metrics", "GET, HEAD, OPTIONS"),
        (.post, "/livez", "GET, HEAD, OPTIONS"),
    ])
    func wrongMethodIs405WithAllow(_ method: HTTPRequest.Method, _ path: String, _ allow: String) throws {
        let answer = try TestService().send(method, path)
        #expect(answer.status == 405 && answer.fields[.allow] == allow && answer.errorCode == "method_not_allowed")
    }

    @Test(arguments: [("/v1/completions", "POST, OPTIONS"), ("/v1/models/a", "GET, HEAD, OPTIONS")])
    func optionsAreToldWithoutAKey(_ path: String, _ allow: String) throws {
        let answer = try TestService { $0.keys = APIKeys(["k"]) }.send(.options, path)
        #expect(answer.status == 204 && answer.fields[.allow] == allow && answer.body.isEmpty)
        #expect(try TestService().send(.options, "/nope").status == 404)
    }

    private static let heads: [(HTTPRequest.Method, String, key: String?, mediaType: String?, status: Int?)] = [
        (.post, "/v1/completions", "Bearer k", "application/json", nil),
        (.post, "/v1/completions", "Bearer k", "text/plain", 415), (.post, "/tokenize", "Bearer k", nil, 415),
        (.post, "/v1/completions", "Bearer x", "application/json", 401),
        (.post, "/v1/completions", nil, "application/json", 401), (.post, "/health", nil, "application/json", 405),
        (.post, "/nope", nil, "application/json", 401), (.post, "/nope", "Bearer k", "application/json", 404),
        (.put, "/", nil, nil, 405), (.get, "/", nil, nil, nil), (.options, "/v1/completions", nil, nil, nil),
        (.get, "/v1/models", "Bearer k", nil, nil), (.get, "/livez", nil, nil, nil),
    ]

    @Test(arguments: heads)
    func headsAreJudgedBeforeTheBody(
        _ method: HTTPRequest.Method, _ path: String, _ key: String?, _ mediaType: String?, _ status: Int?
    ) throws {
        let service = TestService { options in
            options.keys = APIKeys(["k"])
            options.assets = { request in
                guard request.path == "/" else { return nil }
                return (HTTPResponse(status: request.head.method == .get ? .ok : .methodNotAllowed), [])
            }
        }
        var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
        head.headerFields[.authorization] = key
        head.headerFields[.contentType] = mediaType
        let answer = service.service.checkHead(HTTPServerRequest(head: head, path: path))
        #expect(answer?.head.status.code == status)
        #expect(answer?.head.status.reasonPhrase != "")
    }

    @Test(arguments: [
        (HTTPRequest.Method.get, "/nope", "Not Found"), (.get, "/tokenize", "Method Not Allowed"),
        (.post, "/tokenize", "Bad Request"), (.get, "/readyz", "Service Unavailable"),
    ])
    func errorsCarryTheStandardPhrase(_ method: HTTPRequest.Method, _ path: String, _ phrase: String) throws {
        let service = TestService()
        if path == "/readyz" { service.service.drain() }
        let responder = service.begin(method, path)
        try #require(responder.wait { $0.isFinished })
        #expect(responder.snapshot.head?.status.reasonPhrase == phrase)
    }

    @Test(arguments: [
        ("application/json", 200), ("application/json; charset=utf-8", 200), ("Application/JSON", 200),
        ("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("application/jsonx", 415),
    ])
    func bodyMustBeJSON(_ mediaType: String, _ status: Int) throws {
        let answer = try TestService().send(
            .post, "/v1/completions", "{\"prompt\":\"a\"}", fields: [.contentType: mediaType])
        #expect(answer.status == status)
    }

    @Test(arguments: [
        ("", "invalid_json"), ("{", "invalid_json"), ("{\"a\":1,\"a\":2}", "invalid_json"), ("[]", "invalid_type"),
        ("{\"prompt\":\"\\ud800\"}", "invalid_json"), (String(repeating: "[", count: 100_000), "invalid_json"),
    ])
    func malformedBodyIs400(_ body: String, _ code: String) throws {
        let answer = try TestService().complete(body)
        #expect(answer.status == 400 && answer.errorCode == code)
    }

    @Test func largeBodyIsAnsweredToo() throws {
        let service = TestService(FakeEngine(models: [FakeEngine.model(contextLength: 200_000)]))
        let text = String(repeating: "a", count: 100_000)
        let answer = try service.complete("{\"prompt\":\"\(text)\",\"max_tokens\":1}")
        #expect(answer.status == 200 && answer.json["usage"]?["prompt_tokens"] == .integer(100_001))
    }

    // MARK: Models

    @Test func modelsAreListed() throws {
        let engine = FakeEngine(models: [FakeEngine.model("one"), FakeEngine.model("org/two")])
        let service = TestService(engine)
        let list = try service.send(.get, "/v1/models").json
        #expect(list["object"] == .string("list"))
        #expect(list["data"]?.arrayValue?.map { $0["id"]?.stringValue } == ["one", "org/two"])
        let one = try service.send(.get, "/v1/models/org/two").json
        #expect(one["id"] == .string("org/two") && one["object"] == .string("model"))
        #expect(one["max_model_len"] == .integer(64) && one["created"] == .integer(1_700_000_000))
        #expect(try service.send(.get, "/v1/models/three").status == 404)
        _ = try service.complete("{\"prompt\":\"a\",\"model\":\"org/two\"}")
        #expect(engine.submissions.first?.model == "org/two")
    }

    @Test func unknownModelIs404() throws {
        let answer = try TestService().complete("{\"prompt\":\"a\",\"model\":\"gpt-4\"}")
        #expect(answer.status == 404 && answer.errorCode == "model_not_found" && answer.param == "model")
        #expect(answer.json["error"]?["allowed"]?["values"] == .array([.string("fake")]))
    }

    // MARK: Health

    @Test func loadingServerLivesAndIsNotReady() throws {
        let service = TestService(isLoaded: false)
        #expect(try service.send(.get, "/livez").status == 200)
        for path in ["/readyz", "/health"] {
            let answer = try service.send(.get, path)
            #expect(answer.status == 503 && answer.errorCode == "loading" && answer.fields[.retryAfter] != nil)
        }
        #expect(try service.complete("{\"prompt\":\"a\"}").errorCode == "loading")
        #expect(try service.send(.get, "/metrics").status == 200)
        service.service.start(service.engine)
        #expect(try service.send(.get, "/readyz").status == 200)
        #expect(try service.complete("{\"prompt\":\"a\"}").status == 200)
    }

    @Test func drainingServerRefusesNewWork() throws {
        let service = TestService()
        service.service.drain()
        #expect(service.engine.isDrained)
        #expect(try service.send(.get, "/livez").status == 200)
        #expect(try service.send(.get, "/readyz").status == 503)
        let answer = try service.complete("{\"prompt\":\"a\"}")
        #expect(answer.status == 503 && answer.errorCode == "shutting_down" && answer.fields[.retryAfter] == "5")
    }

    @Test(arguments: [
        (EngineError.queueFull(limit: 64), 503, "queue_full"), (.shuttingDown, 503, "shutting_down"),
        (.cacheOverflow(neededTokens: 9, capacityTokens: 1), 400, "cache_capacity_exceeded"),
        (.nonFiniteLogits(position: 1), 500, "non_finite_logits"),
        (.contextOverflow(index: 0, promptTokens: 9, maxTokens: 9, contextLength: 9), 400, "context_length_exceeded"),
    ])
    func engineErrorsHaveTheirStatus(_ error: EngineError, _ status: Int, _ code: String) throws {
        let service = TestService()
        service.engine.refuse(error)
        let answer = try service.complete("{\"prompt\":\"a\"}")
        #expect(answer.status == status && answer.errorCode == code)
        #expect((answer.fields[.retryAfter] != nil) == (status == 503))
    }

    // MARK: Keys

    @Test func keyIsAskedForExceptByHealthRoutes() throws {
        let service = TestService { $0.keys = APIKeys(["secret-1", "secret-2"]) }
        for path in ["/livez", "/readyz", "/health"] { #expect(try service.send(.get, path).status == 200) }
        for path in ["/v1/models", "/metrics", "/v1/capabilities", "/tokenizer_info", "/nope"] {
            let answer = try service.send(.get, path)
            #expect(answer.status == 401 && answer.errorCode == "invalid_api_key", "\(path)")
            #expect(answer.fields[.wwwAuthenticate] == "Bearer realm=\"temper\"")
        }
        for (value, status) in [
            ("Bearer secret-1", 200), ("bearer secret-2", 200), ("Bearer secret-3", 401), ("Bearer secret-", 401),
            ("Basic secret-1", 401), ("secret-1", 401), ("Bearer ", 401), ("Bearer secret-1 x", 401),
        ] {
            let answer = try service.send(.get, "/v1/models", fields: [.authorization: value])
            #expect(answer.status == status, "\(value)")
            #expect(!answer.text.contains("secret"))
        }
    }

    @Test func keyFileIsReadIfItsModeIsTight() throws {
        let path = "/tmp/temper-keys-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        func write(_ text: String, mode: mode_t) {
            unlink(path)
            let descriptor = open(path, O_CREAT | O_WRONLY, mode)
            _ = text.withCString { Glibc.write(descriptor, $0, text.utf8.count) }
            fchmod(descriptor, mode)
            close(descriptor)
        }
        write("# ours\n\nk1\r\nk2", mode: 0o600)
        let keys = try APIKeys(path: path)
        let service = TestService { $0.keys = keys }
        #expect(try service.send(.get, "/v1/models", fields: [.authorization: "Bearer k1"]).status == 200)
        #expect(try service.send(.get, "/v1/models", fields: [.authorization: "Bearer k2"]).status == 200)
        #expect(try service.send(.get, "/v1/models", fields: [.authorization: "Bearer # ours"]).status == 401)
        for mode: mode_t in [0o640, 0o604, 0o620, 0o644] {
            write("k", mode: mode)
            #expect(throws: KeyFileError.tooOpen(path: path, mode: mode)) { try APIKeys(path: path) }
        }
        write("# none\n", mode: 0o600)
        #expect(throws: KeyFileError.empty(path: path)) { try APIKeys(path: path) }
        write("k1\na b\n", mode: 0o600)
        #expect(throws: KeyFileError.badLine(path: path, line: 2)) { try APIKeys(path: path) }
        unlink(path)
        #expect(throws: KeyFileError.self) { try APIKeys(path: path) }
        #expect(throws: KeyFileError.self) { try APIKeys(path: "/tmp") }
    }

    // MARK: Page

    @Test func pageIsServedWithoutAKeyAndRoutesWin() throws {
        let service = TestService { options in
            options.keys = APIKeys(["k"])
            options.assets = { request in
                guard request.path == "/" || request.path == "/livez" else { return nil }
                let isGet = request.head.method == .get
                return (HTTPResponse(status: isGet ? .ok : .methodNotAllowed), Array("page".utf8))
            }
        }
        #expect(try service.send(.get, "/").text == "page")
        #expect(try service.send(.get, "/livez").text == "{\"status\":\"ok\"}")
        #expect(try service.send(.post, "/").status == 405)
        #expect(try service.send(.post, "/other").status == 401)
    }
}
