// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Engine
import HTTPServing
import HTTPTypes
import Prompting
import StrictJSON
import Tokenizers

// Which route is answered how, and how a body is read.
extension Service {
    func answerGet(
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
            .watermark, .assemble, .curve, .ablate, .exampleSets, .exampleSet:
            throw .methodNotAllowed(request.head.method.rawValue, allow: route.methods)
        }
    }

    func answerPost(
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
                        body.values, assembly: try assembly(body.model, body.values), warnings: body.warnings),
                    responder, record)
            case .detokenize:
                let body = try read(.detokenize, request, &record)
                send(
                    try TokenizeRoutes.detokenize(body.values, model: body.model, warnings: body.warnings), responder,
                    record)
            case .watermark: try detectWatermark(request, responder, &record)
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

    /// Counting takes its time: away from the connection's queue.
    private func detectWatermark(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.watermark, request, &record)
        let gone = Flag()
        responder.onDisconnect { gone.raise() }
        answerPool.async { [self, record] in
            do throws(APIError) {
                let answer = try WatermarkRoute.detect(
                    body.values, model: body.model, warnings: body.warnings, isWanted: { !gone.isRaised })
                guard let answer else { return finish(record.abandoned) }
                send(answer, responder, record)
            } catch {
                refuse(error, responder, record)
            }
        }
    }

    func answerExampleSets(
        _ route: Route, _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: RequestRecord
    ) {
        do throws(APIError) {
            guard let library = options.library else { throw .routeNotFound(request.path) }
            let answer = try ExampleSetRoutes.answer(
                route, request, library, pins: ExamplePins(engine: snapshot.engine))
            send(answer.body, head: answer.head, responder, record)
        } catch {
            refuse(error, responder, record)
        }
    }

    /// A body as an object; nothing of it is checked.
    func object(of request: HTTPServerRequest) throws(APIError) -> JSONObject {
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
    func read(
        _ endpoint: Endpoint, _ request: HTTPServerRequest, _ record: inout RequestRecord
    ) throws(APIError) -> Body {
        try read(endpoint, try object(of: request), &record)
    }

    func read(
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

    /// What a body says, read.
    typealias Body = (
        values: FieldValues, model: ModelInfo, engine: any InferenceEngine, warnings: [RequestWarning]
    )

    /// Makes a plan and goes on with it; where the plan depends on what the model knows, the model is asked first.
    func plan<Plan: Sendable>(
        _ body: Body, _ responder: any HTTPResponder, _ record: inout RequestRecord,
        make: @escaping @Sendable (PromptAssembly) throws(APIError) -> Plan,
        then: @escaping @Sendable (Plan, inout RequestRecord) -> Void
    ) throws(APIError) {
        let assembly = try assembly(body.model, body.values)
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
}

/// The bodies of the health routes.
private enum StatusBody {
    static let live = Array("{\"status\":\"ok\"}".utf8)
    static let ready = Array("{\"status\":\"ok\"}".utf8)
}
