// SPDX-License-Identifier: Apache-2.0

import Dispatch
package import Engine
import Evaluation
import HTTPServing
import HTTPTypes
package import StrictJSON
import Synchronization

/// One request for a curve, from the start to the last byte of its answer.
final class CurveSession: Sendable {
    private struct Progress {
        var body: (any HTTPBodyWriter)?
        var bytes = 0
        var run: CurveRun?
        var isGone = false
    }

    private let plan: CurvePlan
    private let responder: any HTTPResponder
    private let finished: @Sendable (GenerationOutcome) -> Void
    private let progress = Mutex(Progress())

    /// - Parameter finished: called once, with what became of the request.
    init(
        plan: CurvePlan, responder: any HTTPResponder, finished: @escaping @Sendable (GenerationOutcome) -> Void
    ) {
        self.plan = plan
        self.responder = responder
        self.finished = finished
    }

    /// Begins; answers when there is something to answer.
    func start(_ engine: any InferenceEngine, queue: DispatchQueue) {
        let run = CurveRun(plan, engine: engine, queue: queue) { self.receive($0) }
        let isGone = progress.withLock { progress in
            progress.run = run
            return progress.isGone
        }
        responder.onDisconnect { [weak self] in self?.leave() }
        if isGone { run.cancel() }
        run.start()
    }

    private func leave() {
        let run = progress.withLock { progress in
            progress.isGone = true
            return progress.run
        }
        run?.cancel()
    }

    private func receive(_ event: CurveEvent) {
        switch event {
        case .point(let point, let isComplete):
            guard plan.isStreamed else { return }
            send(
                ServerSentEvents.data { object in
                    object.member("object", "prompt.curve.point")
                    object.key("point")
                    CurveWriter.write(point, plan, to: &object)
                    object.member("is_complete", isComplete)
                })
        case .completed(let points, let usage):
            if plan.isStreamed {
                send(ServerSentEvents.data { CurveWriter.write(points, plan, usage, to: &$0) })
                end(ServerSentEvents.done, GenerationOutcome(status: 200, error: nil, usage: usage, bytes: 0))
            } else {
                var writer = JSONWriter()
                writer.object { CurveWriter.write(points, plan, usage, to: &$0) }
                finished(GenerationOutcome(status: 200, error: nil, usage: usage, bytes: writer.bytes.count))
                responder.send(JSONAnswer.head(.ok), body: writer.bytes)
            }
        case .failed(let error):
            let (hasBegun, isGone) = progress.withLock { ($0.body != nil, $0.isGone) }
            let status = isGone ? GenerationOutcome.clientGone : error.status
            let outcome = GenerationOutcome(status: status, error: error, usage: GenerationUsage(), bytes: 0)
            if hasBegun {
                end(AnswerWriter.errorEvent(error), outcome)
            } else {
                finished(outcome)
                responder.send(JSONAnswer.head(error), body: error.body)
            }
        }
        if case .point = event { return }
        // The run holds this object, and this object the run.
        progress.withLock { $0.run = nil }
    }

    private func send(_ bytes: [UInt8]) {
        let body = progress.withLock { progress in
            progress.bytes += bytes.count
            let body = progress.body ?? responder.stream(ServerSentEvents.head)
            progress.body = body
            return body
        }
        // A slow reader costs little: there are few events, and they are short.
        body.write(bytes)
    }

    private func end(_ bytes: [UInt8], _ outcome: GenerationOutcome) {
        let (body, count) = progress.withLock { ($0.body, $0.bytes + bytes.count) }
        var outcome = outcome
        outcome.bytes = count
        finished(outcome)
        body?.write(bytes)
        body?.finish()
    }
}

/// Writes n-shot curves.
package enum CurveWriter {
    /// The members of a whole curve.
    package static func write(
        _ points: [CurvePoint], _ plan: CurvePlan, _ usage: GenerationUsage, to writer: inout JSONWriter
    ) {
        writer.member("object", "prompt.curve")
        writer.member("model", plan.model.id)
        writer.member("metric", plan.scoring.metric.rawValue)
        writer.member("confidence", (plan.confidence * 1e6).rounded() / 1e6)
        writer.member(
            "points", array: { array in for point in points { write(point, plan, to: &array) } })
        writer.key("usage")
        AnswerWriter.write(usage, to: &writer)
        guard !plan.warnings.isEmpty else { return }
        writer.member("warnings", array: { array in for warning in plan.warnings { warning.write(to: &array) } })
    }

    static func write(_ point: CurvePoint, _ plan: CurvePlan, to writer: inout JSONWriter) {
        let interval = point.interval(plan.scoring.metric, confidence: plan.confidence)
        writer.object { object in
            object.member("count", point.count)
            object.member("n", point.scores.count)
            object.member("score", point.score)
            object.member(
                "interval",
                array: { array in
                    array.value(interval.low)
                    array.value(interval.high)
                })
            object.member("shown", point.meanShown)
            object.member("prompt_tokens", point.promptTokens)
            object.member("cached_tokens", point.cachedTokens)
        }
    }
}
