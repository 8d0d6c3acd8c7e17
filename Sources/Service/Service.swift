// SPDX-License-Identifier: Apache-2.0

import Dispatch
public import Engine
public import HTTPServing
import HTTPTypes
public import Logging
import Prompting
import StrictJSON
import Synchronization
import Tokenizers

/// What a service is told at its start.
public struct ServiceOptions: Sendable {
    /// The keys that open the server; nil: no key is asked for.
    public var keys: APIKeys?
    /// The longest that a generation may take; nil: no limit.
    public var requestTimeLimit: Duration?
    /// The time without an event after which a stream sends a comment.
    public var keepAliveInterval: Duration = .seconds(15)
    /// Bodies larger than this are read away from the connection's queue, so that others on it do not wait.
    public var inlineBodyBytes = 16 * 1024
    /// The most bytes of runs that are kept to be decoded again.
    public var keptRunBytes = 256 << 20
    /// Names the build, in `system_fingerprint` and metrics.
    public var version: String
    /// Whether requests may bring chat templates of their own.
    public var allowsChatTemplates = false
    /// The example sets; nil: no requests can name any, and they have no routes.
    public var library: ExampleLibrary?
    /// Answers, whatever the method and without a key, for paths that are no route of the API, such as the page's files;
    /// nil for a path that it does not know.
    public var assets: (@Sendable (HTTPServerRequest) -> HTTPAnswer?)?

    /// The defaults for the given version.
    public init(version: String) {
        self.version = version
    }
}

/// The routes of the API over an engine. Any thread may call.
///
///     let service = Service(options: ServiceOptions(version: "0.1.0"), logger: logger)
///     // serve service.handle(_:responder:) with service.checkHead(_:), load the models, then:
///     service.start(engine)
///
/// Until ``start(_:)`` the service lives and is not ready: generation is answered 503.
public final class Service: Sendable {
    private enum Stage {
        case loading
        case running
        case draining
    }

    private struct State {
        var stage = Stage.loading
        var engine: (any InferenceEngine)?
        /// By model; read once, when the engine comes.
        var chatTemplates: [String: Result<ChatTemplate, PromptingError>] = [:]
    }

    let options: ServiceOptions
    private let logger: Logger
    let metrics = ServiceMetrics()
    let planner: GenerationPlanner
    let runs: RunCache
    private let memory = ModelMemory()
    private let state = Mutex(State())
    /// What the serial queue of each generation runs on: a large answer holds up no other.
    let answerPool = DispatchQueue(label: "temper.answers", qos: .userInitiated, attributes: .concurrent)
    let bodyPool = DispatchQueue(label: "temper.bodies", qos: .userInitiated, attributes: .concurrent)

    /// A service that is loading.
    public init(options: ServiceOptions, logger: Logger) {
        self.options = options
        self.logger = logger
        planner = GenerationPlanner(timeLimit: options.requestTimeLimit, version: options.version)
        runs = RunCache(limitBytes: options.keptRunBytes)
    }

    /// Takes requests from now on.
    public func start(_ engine: any InferenceEngine) {
        var templates: [String: Result<ChatTemplate, PromptingError>] = [:]
        for model in engine.models {
            templates[model.id] = Result { () throws(PromptingError) in try ChatTemplate(model.tokenizer) }
        }
        state.withLock { state in
            state.engine = engine
            state.chatTemplates = templates
            if state.stage == .loading { state.stage = .running }
        }
    }

    /// Refuses new work from now on, and says so to those who ask whether it is ready; running work goes on.
    public func drain() {
        let engine = state.withLock { state in
            state.stage = .draining
            return state.engine
        }
        engine?.drain()
    }

    /// Generation requests that have no complete answer yet.
    public var generationsInFlight: Int { metrics.generationsInFlight }

    /// Answers one request; the server's handler. Does not block.
    public func handle(_ request: HTTPServerRequest, responder: any HTTPResponder) {
        let route = Route(path: request.path)
        let record = RequestRecord(request, route: route?.name ?? "other")
        do throws(APIError) {
            switch try target(of: request, route) {
            case .answer(let answer): send(answer.body, head: answer.head, responder, record)
            case .get(let route): try answerGet(route, request, responder, record)
            case .post(let route) where request.body.count <= options.inlineBodyBytes:
                answerPost(route, request, responder, record)
            case .exampleSets(let route):
                bodyPool.async { self.answerExampleSets(route, request, responder, record) }
            case .post(let route):
                let gone = Flag()
                responder.onDisconnect { gone.raise() }
                bodyPool.async {
                    guard !gone.isRaised else { return self.finish(record.abandoned) }
                    self.answerPost(route, request, responder, record)
                }
            }
        } catch {
            refuse(error, responder, record)
        }
    }

    /// Refuses a request whose path, method, key or media type rules it out, before its body is read; nil for one to go
    /// on with. The server's ``HTTPServing/HTTPServer/Configuration/headCheck``.
    public func checkHead(_ request: HTTPServerRequest) -> HTTPAnswer? {
        let route = Route(path: request.path)
        var record = RequestRecord(request, route: route?.name ?? "other")
        let answer: HTTPAnswer
        do throws(APIError) {
            guard case .answer(let found) = try target(of: request, route), found.head.status.kind == .clientError
            else { return nil }
            answer = found
        } catch {
            record.errorCode = error.code
            answer = (JSONAnswer.head(error), error.body)
        }
        record.status = answer.head.status.code
        record.bytes = answer.body.count
        finish(record)
        return answer
    }

    // MARK: Checks

    /// What the head of a request asks for.
    private enum Target {
        case get(Route)
        case post(Route)
        case exampleSets(Route)
        /// Whatever the body is.
        case answer(HTTPAnswer)
    }

    /// Checks path, method, key and media type, in this order.
    private func target(of request: HTTPServerRequest, _ route: Route?) throws(APIError) -> Target {
        guard let route else {
            if let asset = options.assets?(request) { return .answer(asset) }
            try authorize(request)
            throw .routeNotFound(request.path)
        }
        let method = request.head.method
        guard route.methods.contains(method.rawValue) else {
            throw .methodNotAllowed(method.rawValue, allow: route.methods)
        }
        if method == .options { return .answer((JSONAnswer.options(allow: route.methods), [])) }
        if !route.isPublic { try authorize(request) }
        if route.isExampleSets {
            guard options.library != nil else { throw .routeNotFound(request.path) }
            try ExampleSetRoutes.checkMediaType(request)
            return .exampleSets(route)
        }
        guard route.isPost else { return .get(route) }
        try requireJSON(request)
        return .post(route)
    }

    private func authorize(_ request: HTTPServerRequest) throws(APIError) {
        guard let keys = options.keys else { return }
        try keys.check(authorization: request.head.headerFields[.authorization])
    }

    private func requireJSON(_ request: HTTPServerRequest) throws(APIError) {
        let found = request.head.headerFields[.contentType]
        let mediaType = found?.prefix { $0 != ";" }
        guard mediaType?.trimmingOuterSpaces.lowercased() == "application/json" else {
            throw .unsupportedMediaType(found)
        }
    }

    var snapshot: (isReady: Bool, engine: (any InferenceEngine)?) {
        state.withLock { ($0.stage == .running, $0.engine) }
    }

    /// The engine if work is taken.
    func workingEngine() throws(APIError) -> any InferenceEngine {
        let (stage, engine) = state.withLock { ($0.stage, $0.engine) }
        if stage == .draining { throw .shuttingDown }
        guard let engine else { throw .loading }
        return engine
    }

    func model(_ name: String?, _ engine: any InferenceEngine) throws(APIError) -> ModelInfo {
        let models = engine.models
        guard let name else {
            guard let first = models.first else { throw .loading }
            return first
        }
        guard let model = models.first(where: { $0.id == name }) else {
            throw .modelNotFound(name, available: models.map(\.id))
        }
        return model
    }

    /// What makes the prompts of a request.
    func assembly(_ model: ModelInfo, _ values: FieldValues) throws(APIError) -> PromptAssembly {
        let own = state.withLock { $0.chatTemplates[model.id] } ?? .failure(.noChatTemplate)
        let given = try chatTemplate(values, model)
        var assembly = PromptAssembly(
            model: model, chatTemplate: given.map { .success($0) } ?? own, library: options.library,
            book: ModelBook(model, memory: memory))
        assembly.variables = values[RequestFields.chatTemplateVariables]
        if given != nil { assembly.chatTemplateParam = RequestFields.chatTemplate.name }
        return assembly
    }

    /// The chat template of a request; nil: it has none.
    private func chatTemplate(_ values: FieldValues, _ model: ModelInfo) throws(APIError) -> ChatTemplate? {
        guard let source = values[RequestFields.chatTemplate] else { return nil }
        let param = RequestFields.chatTemplate.name
        guard options.allowsChatTemplates else {
            throw .unsupported(
                param: param,
                reason: "this server takes no templates from requests; it may with --allow-chat-templates", allowed: nil
            )
        }
        do throws(PromptingError) {
            return try ChatTemplate(model.tokenizer, ofRequest: source)
        } catch {
            throw .invalidValue(param: param, reason: error.description)
        }
    }

    // MARK: Answers

    func send(
        _ body: [UInt8], head: HTTPResponse = JSONAnswer.head(.ok), _ responder: any HTTPResponder,
        _ record: RequestRecord
    ) {
        var record = record
        record.status = head.status.code
        record.bytes = body.count
        finish(record)
        responder.send(head, body: body)
    }

    func refuse(_ error: APIError, _ responder: any HTTPResponder, _ record: RequestRecord) {
        var record = record
        record.errorCode = error.code
        record.param = error.param
        send(error.body, head: JSONAnswer.head(error), responder, record)
    }

    func finish(_ record: RequestRecord) {
        let duration = ContinuousClock.now - record.start
        metrics.record(record, duration: duration)
        let isProbe = Route(path: record.path)?.isProbe ?? false
        logger.log(
            level: isProbe ? .debug : record.status >= 500 ? .warning : .info, "request",
            metadata: record.metadata(duration: duration))
    }
}

/// Something that happened, for other threads to see.
final class Flag: Sendable {
    private let state = Atomic<Bool>(false)

    var isRaised: Bool { state.load(ordering: .acquiring) }
    func raise() { state.store(true, ordering: .releasing) }
}

extension Substring {
    /// Without spaces and tabs at both ends.
    fileprivate var trimmingOuterSpaces: Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
