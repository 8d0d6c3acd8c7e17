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

    private let options: ServiceOptions
    private let logger: Logger
    private let metrics = ServiceMetrics()
    private let planner: GenerationPlanner
    private let runs: RunCache
    private let memory = ModelMemory()
    private let state = Mutex(State())
    /// What the serial queue of each generation runs on: a large answer holds up no other.
    private let answerPool = DispatchQueue(label: "temper.answers", qos: .userInitiated, attributes: .concurrent)
    private let bodyPool = DispatchQueue(label: "temper.bodies", qos: .userInitiated, attributes: .concurrent)

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

    private var snapshot: (isReady: Bool, engine: (any InferenceEngine)?) {
        state.withLock { ($0.stage == .running, $0.engine) }
    }

    /// The engine if work is taken.
    private func workingEngine() throws(APIError) -> any InferenceEngine {
        let (stage, engine) = state.withLock { ($0.stage, $0.engine) }
        if stage == .draining { throw .shuttingDown }
        guard let engine else { throw .loading }
        return engine
    }

    private func model(_ name: String?, _ engine: any InferenceEngine) throws(APIError) -> ModelInfo {
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

    private func assembly(_ model: ModelInfo) -> PromptAssembly {
        let template = state.withLock { $0.chatTemplates[model.id] }
        return PromptAssembly(
            model: model, chatTemplate: template ?? .failure(.noChatTemplate), library: options.library,
            book: ModelBook(model, memory: memory))
    }

    // MARK: Routes

    private func answerGet(
        _ route: Route, _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: RequestRecord
    ) throws(APIError) {
        let (isReady, engine) = snapshot
        switch route {
        case .live: send(StatusBody.live, responder, record)
        case .ready:
            _ = try workingEngine()
            send(StatusBody.ready, responder, record)
        case .metrics:
            let text = metrics.text(engine: engine, isReady: isReady, version: options.version)
            var head = HTTPResponse(status: .ok)
            head.headerFields[.contentType] = "text/plain; version=0.0.4; charset=utf-8"
            send(Array(text.utf8), head: head, responder, record)
        case .capabilities:
            send(
                CapabilitiesRoute.body(models: engine?.models ?? [], version: options.version), responder, record)
        case .models:
            guard let engine else { throw .loading }
            send(ModelRoutes.list(engine.models), responder, record)
        case .model(let name):
            guard let engine else { throw .loading }
            send(ModelRoutes.one(try model(name, engine)), responder, record)
        case .tokenizerInfo:
            guard let engine else { throw .loading }
            send(ModelRoutes.tokenizerInfo(try model(nil, engine)), responder, record)
        case .completions, .chatCompletions, .compare, .score, .distribution, .replay, .whatIf, .tokenize, .detokenize,
            .assemble, .curve, .ablate, .exampleSets, .exampleSet:
            throw .methodNotAllowed(request.head.method.rawValue, allow: route.methods)
        }
    }

    private func answerPost(
        _ route: Route, _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: RequestRecord
    ) {
        var record = record
        do throws(APIError) {
            switch route {
            case .completions: try generate(.completions, request, responder, &record)
            case .chatCompletions: try generate(.chat, request, responder, &record)
            case .compare: try compare(request, responder, &record)
            case .score: try score(request, responder, &record)
            case .distribution: try distribution(request, responder, &record)
            case .replay: try replay(request, responder, &record)
            case .whatIf: try whatIf(request, responder, &record)
            case .tokenize:
                let body = try read(.tokenize, request, &record)
                send(
                    try TokenizeRoutes.tokenize(
                        body.values, assembly: assembly(body.model), warnings: body.warnings), responder,
                    record)
            case .detokenize:
                let body = try read(.detokenize, request, &record)
                send(
                    try TokenizeRoutes.detokenize(body.values, model: body.model, warnings: body.warnings), responder,
                    record)
            case .assemble:
                // The dry run of what the body is for.
                let object = try object(of: request)
                let endpoint: Endpoint = object["messages"].map { !$0.isNull } == true ? .chat : .completions
                let body = try read(endpoint, object, &record)
                try plan(body, responder, &record) { [planner] assembly throws(APIError) in
                    try planner.plan(body.values, endpoint: endpoint, assembly: assembly, warnings: body.warnings)
                } then: { plan, record in
                    self.send(AssembledWriter.dryRun(plan), responder, record)
                }
            case .curve: try makeCurve(request, responder, &record)
            case .ablate: try ablate(request, responder, &record)
            default: throw .routeNotFound(request.path)
            }
        } catch {
            refuse(error, responder, record)
        }
    }

    private func answerExampleSets(
        _ route: Route, _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: RequestRecord
    ) {
        do throws(APIError) {
            guard let library = options.library else { throw .routeNotFound(request.path) }
            let answer = try ExampleSetRoutes.answer(route, request, library)
            send(answer.body, head: answer.head, responder, record)
        } catch {
            refuse(error, responder, record)
        }
    }

    /// A body as an object; nothing of it is checked.
    private func object(of request: HTTPServerRequest) throws(APIError) -> JSONObject {
        _ = try workingEngine()
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(request.body)
        } catch {
            throw .invalidJSON(error)
        }
        return try Read.object(json, "body")
    }

    /// The checked fields of a body, with the model they are for.
    private func read(
        _ endpoint: Endpoint, _ request: HTTPServerRequest, _ record: inout RequestRecord
    ) throws(APIError) -> Body {
        try read(endpoint, try object(of: request), &record)
    }

    private func read(
        _ endpoint: Endpoint, _ object: JSONObject, _ record: inout RequestRecord
    ) throws(APIError) -> Body {
        let engine = try workingEngine()
        // Model and strictness come first: all else is checked against them.
        var reading = FieldReading(limits: nil)
        var name: String?
        if let given = object["model"], !given.isNull {
            name = try RequestFields.model.read(given, "model", &reading)
        }
        let model = try model(name, engine)
        record.model = model.id
        reading.limits = ModelLimits(
            contextLength: model.contextLength, vocabularySize: model.tokenizer.vocabularySize)
        if let given = object["strict"], !given.isNull {
            reading.isStrict = try RequestFields.strict.read(given, "strict", &reading)
        }
        let values = try RequestSchema.read(object, for: endpoint, &reading)
        return (values, model, engine, reading.warnings)
    }

    private func generate(
        _ endpoint: Endpoint, _ request: HTTPServerRequest, _ responder: any HTTPResponder,
        _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(endpoint, request, &record)
        try plan(body, responder, &record) { [planner, runs] assembly throws(APIError) in
            let plan = try planner.plan(
                body.values, endpoint: endpoint, assembly: assembly, warnings: body.warnings)
            if body.values[RequestFields.keep] { try planner.reserve(plan, in: runs) }
            return plan
        } then: { [self] plan, record in
            guard body.values[RequestFields.keep] else {
                return run(
                    GenerationAnswer(plan: plan), GenerationGroup(plan.requests), body.model, body.engine, responder,
                    &record)
            }
            runKept(plan, body, responder, &record)
        }
    }

    /// Makes an answer whose run is kept, for which there is room.
    private func runKept(
        _ plan: GenerationPlan, _ body: Body, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) {
        let recorder = RunRecorder(choiceCount: plan.choiceCount)
        var request = plan.requests[0]
        request.recorder = recorder
        let kept = KeptRun(
            model: body.model.id, prompt: request.prompt,
            values: body.values.ofRun(seed: plan.seed, maxTokens: request.maxTokens), choiceCount: plan.choiceCount,
            recorder: recorder)
        run(
            GenerationAnswer(plan: plan), GenerationGroup([request]), body.model, body.engine, responder, &record
        ) { [runs] outcome in
            guard outcome.status == 200 else { return runs.drop(plan.id) }
            runs.keep(plan.id, kept, bytes: RunCache.bytes(tokenCount: recorder.tokenCount, of: plan.model))
        }
    }

    private func compare(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.compare, request, &record)
        try plan(body, responder, &record) { [planner] assembly throws(APIError) in
            try planner.comparison(body.values, assembly: assembly, warnings: body.warnings)
        } then: { plan, record in
            self.run(ComparisonAnswer(plan: plan), plan.group, body.model, body.engine, responder, &record)
        }
    }

    private func score(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.score, request, &record)
        try plan(body, responder, &record) { [planner] assembly throws(APIError) in
            try planner.scoring(body.values, assembly: assembly, warnings: body.warnings)
        } then: { plan, record in
            self.run(ScoreAnswer(plan: plan), plan.group, body.model, body.engine, responder, &record)
        }
    }

    private func distribution(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.distribution, request, &record)
        try plan(body, responder, &record) { [planner] assembly throws(APIError) in
            try planner.distribution(body.values, assembly: assembly, warnings: body.warnings)
        } then: { plan, record in
            self.run(
                DistributionAnswer(plan: plan), GenerationGroup([plan.request]), body.model, body.engine, responder,
                &record)
        }
    }

    private func replay(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        var object = try object(of: request)
        // The model is the receipt's unless the request names one.
        if object["model"]?.isNull ?? true, let name = object["receipt"]?["model"] { object["model"] = name }
        let body = try read(.replay, object, &record)
        let plan = try planner.replay(body.values, assembly: assembly(body.model), warnings: body.warnings)
        run(
            ReplayAnswer(plan: plan), GenerationGroup(plan.requests), body.model, body.engine, responder, &record)
    }

    private func whatIf(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        var object = try object(of: request)
        guard let id = object["run"]?.stringValue else {
            _ = try read(.whatIf, object, &record)
            throw .missing(param: RequestFields.run.name)
        }
        guard let kept = runs.run(id) else { throw .runNotFound(id) }
        if let named = object["model"]?.stringValue, named != kept.model {
            throw .unsupported(param: "model", reason: "the run is one of \(kept.model)", allowed: nil)
        }
        object["model"] = .string(kept.model)
        let body = try read(.whatIf, object, &record)
        let plan = try planner.whatIf(
            body.values, run: kept, id: id, assembly: assembly(body.model), warnings: body.warnings,
            isStrict: body.values[RequestFields.strict])
        var own = record
        own.isStreamed = plan.generation.stream != nil
        let engine = WhatIfEngine(plan: plan, engine: body.engine)
        // Decoding takes its time: away from the connection's queue.
        answerPool.async { [self, own] in
            var own = own
            run(
                GenerationAnswer(plan: plan.generation), GenerationGroup(plan.generation.requests), body.model, engine,
                responder, &own)
        }
    }

    /// Hands work to an engine; `answer` makes of its events what is sent.
    private func run(
        _ answer: any AnswerBuilder, _ group: GenerationGroup, _ model: ModelInfo, _ engine: any InferenceEngine,
        _ responder: any HTTPResponder, _ record: inout RequestRecord,
        finished: @escaping @Sendable (GenerationOutcome) -> Void = { _ in }
    ) {
        record.isStreamed = answer.isStreamed
        let queue = DispatchQueue(label: "temper.answer", target: answerPool)
        metrics.generation(began: true)
        let session = GenerationSession(
            answer: answer, responder: responder, queue: queue, keepAlive: options.keepAliveInterval
        ) { [self, record] outcome in
            metrics.generation(began: false)
            finished(outcome)
            finish(record.ended(outcome))
        }
        session.start(group, model: model.id, engine)
    }

    private func makeCurve(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.curve, request, &record)
        let plan = try CurvePlan(body.values, assembly: assembly(body.model), warnings: body.warnings)
        record.isStreamed = plan.isStreamed
        metrics.generation(began: true)
        let session = CurveSession(plan: plan, responder: responder) { [self, record] outcome in
            metrics.generation(began: false)
            finish(record.ended(outcome))
        }
        session.start(body.engine, queue: DispatchQueue(label: "temper.curve", target: answerPool))
    }

    private func ablate(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.ablate, request, &record)
        try plan(body, responder, &record) { assembly throws(APIError) in
            try AblationPlan(body.values, assembly: assembly, warnings: body.warnings)
        } then: { [self] plan, record in
            metrics.generation(began: true)
            let queue = DispatchQueue(label: "temper.ablation", target: answerPool)
            let session = AblationSession(plan: plan, responder: responder, queue: queue) { [self, record] outcome in
                metrics.generation(began: false)
                finish(record.ended(outcome))
            }
            session.start(body.engine)
        }
    }

    /// What a body says, read.
    private typealias Body = (
        values: FieldValues, model: ModelInfo, engine: any InferenceEngine, warnings: [RequestWarning]
    )

    /// Makes a plan and goes on with it; where the plan depends on what the model knows, the model is asked first.
    private func plan<Plan: Sendable>(
        _ body: Body, _ responder: any HTTPResponder, _ record: inout RequestRecord,
        make: @escaping @Sendable (PromptAssembly) throws(APIError) -> Plan,
        then: @escaping @Sendable (Plan, inout RequestRecord) -> Void
    ) throws(APIError) {
        let assembly = assembly(body.model)
        let plan: Plan
        do throws(APIError) {
            plan = try make(assembly)
        } catch {
            guard let missing = assembly.book.takeMissing() else { throw error }
            metrics.generation(began: true)
            let session = PlanningSession(
                assembly, engine: body.engine, queue: DispatchQueue(label: "temper.plan", target: answerPool),
                make: make
            ) { [self, record] result, isGone in
                var record = record
                metrics.generation(began: false)
                switch result {
                case .success(let plan): then(plan, &record)
                case .failure where isGone: finish(record.abandoned)
                case .failure(let error): refuse(error, responder, record)
                }
            }
            return session.start(missing, responder: responder)
        }
        then(plan, &record)
    }

    // MARK: Answers

    private func send(
        _ body: [UInt8], head: HTTPResponse = JSONAnswer.head(.ok), _ responder: any HTTPResponder,
        _ record: RequestRecord
    ) {
        var record = record
        record.status = head.status.code
        record.bytes = body.count
        finish(record)
        responder.send(head, body: body)
    }

    private func refuse(_ error: APIError, _ responder: any HTTPResponder, _ record: RequestRecord) {
        var record = record
        record.errorCode = error.code
        record.param = error.param
        send(error.body, head: JSONAnswer.head(error), responder, record)
    }

    private func finish(_ record: RequestRecord) {
        let duration = ContinuousClock.now - record.start
        metrics.record(record, duration: duration)
        let isProbe = Route(path: record.path)?.isProbe ?? false
        logger.log(
            level: isProbe ? .debug : record.status >= 500 ? .warning : .info, "request",
            metadata: record.metadata(duration: duration))
    }
}

/// Something that happened, for other threads to see.
private final class Flag: Sendable {
    private let state = Atomic<Bool>(false)

    var isRaised: Bool { state.load(ordering: .acquiring) }
    func raise() { state.store(true, ordering: .releasing) }
}

/// The bodies of the health routes.
private enum StatusBody {
    static let live = Array("{\"status\":\"ok\"}".utf8)
    static let ready = Array("{\"status\":\"ok\"}".utf8)
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
