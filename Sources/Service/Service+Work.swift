// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Engine
import HTTPServing
import StrictJSON

// The routes that give work to an engine.
extension Service {
    func generate(
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
            for case let shots? in plan.prompts.map(\.shots) where shots.pins == false {
                ExamplePins(engine: body.engine).release(shots.set ?? "")
            }
            guard body.values[RequestFields.keep] else {
                return run(
                    GenerationAnswer(plan: plan), GenerationGroup(plan.requests), body.model, body.engine, responder,
                    &record)
            }
            runKept(plan, body, responder, &record)
        }
    }

    /// Makes an answer whose run is kept, for which there is room.
    func runKept(
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

    func compare(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.compare, request, &record)
        try plan(body, responder, &record) { [planner] assembly throws(APIError) in
            try planner.comparison(body.values, assembly: assembly, warnings: body.warnings)
        } then: { plan, record in
            self.run(ComparisonAnswer(plan: plan), plan.group, body.model, body.engine, responder, &record)
        }
    }

    func score(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.score, request, &record)
        try plan(body, responder, &record) { [planner] assembly throws(APIError) in
            try planner.scoring(body.values, assembly: assembly, warnings: body.warnings)
        } then: { plan, record in
            self.run(ScoreAnswer(plan: plan), plan.group, body.model, body.engine, responder, &record)
        }
    }

    func distribution(
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

    func replay(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        var object = try object(of: request)
        // The model is the receipt's unless the request names one.
        if object["model"]?.isNull ?? true, let name = object["receipt"]?["model"] { object["model"] = name }
        let body = try read(.replay, object, &record)
        let plan = try planner.replay(
            body.values, assembly: try assembly(body.model, body.values), warnings: body.warnings)
        run(
            ReplayAnswer(plan: plan), GenerationGroup(plan.requests), body.model, body.engine, responder, &record)
    }

    func whatIf(
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
            body.values, run: kept, id: id, assembly: try assembly(body.model, body.values), warnings: body.warnings,
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
    func run(
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

    func makeCurve(
        _ request: HTTPServerRequest, _ responder: any HTTPResponder, _ record: inout RequestRecord
    ) throws(APIError) {
        let body = try read(.curve, request, &record)
        let plan = try CurvePlan(body.values, assembly: try assembly(body.model, body.values), warnings: body.warnings)
        record.isStreamed = plan.isStreamed
        metrics.generation(began: true)
        let session = CurveSession(plan: plan, responder: responder) { [self, record] outcome in
            metrics.generation(began: false)
            finish(record.ended(outcome))
        }
        session.start(body.engine, queue: DispatchQueue(label: "temper.curve", target: answerPool))
    }

    func ablate(
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
}
