// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Engine
import HTTPServing
import HTTPTypes
import Synchronization

/// One request for an ablation: scores all its prompts, then answers.
final class AblationSession: Sendable {
    private struct Progress {
        var handle: (any GenerationHandle)?
        var logprobs: [Double]
        var isGone = false
        var isOver = false
    }

    private let plan: AblationPlan
    private let responder: any HTTPResponder
    private let queue: DispatchQueue
    private let finished: @Sendable (GenerationOutcome) -> Void
    private let progress: Mutex<Progress>

    /// - Parameter finished: called once, with what became of the request.
    init(
        plan: AblationPlan, responder: any HTTPResponder, queue: DispatchQueue,
        finished: @escaping @Sendable (GenerationOutcome) -> Void
    ) {
        self.plan = plan
        self.responder = responder
        self.queue = queue
        self.finished = finished
        progress = Mutex(Progress(logprobs: plan.continuations.map { _ in -.infinity }))
    }

    /// Submits the work and answers when it is done.
    func start(_ engine: any InferenceEngine) {
        responder.onDisconnect { [weak self] in self?.leave() }
        do throws(EngineError) {
            let handle = try engine.submit(plan.continuations.map(\.request), model: plan.model.id) { [self] event in
                queue.async { self.receive(event) }
            }
            let isGone = progress.withLock { progress in
                if !progress.isOver { progress.handle = handle }
                return progress.isGone
            }
            if isGone { handle.cancel() }
        } catch {
            queue.async { self.fail(error) }
        }
    }

    private func leave() {
        let handle = progress.withLock { progress in
            progress.isGone = true
            return progress.handle
        }
        handle?.cancel()
    }

    // MARK: On the queue

    private func receive(_ event: GenerationEvent) {
        switch event {
        case .prompt(let index, let tokens):
            guard plan.continuations.indices.contains(index) else { return }
            let sum = tokens.dropFirst(plan.continuations[index].start)
                .reduce(0) { $0 + Double($1.logprob ?? -.infinity) }
            progress.withLock { $0.logprobs[index] = sum }
        case .delta, .distributions, .embedding, .searched, .diverged, .finished: break
        case .completed(let usages):
            let total = GenerationUsage(total: usages)
            let body = plan.body(end().logprobs, usage: total)
            finished(GenerationOutcome(status: 200, error: nil, usage: total, bytes: body.count))
            responder.send(JSONAnswer.head(.ok), body: body)
        case .failed(let error): fail(error)
        }
    }

    private func fail(_ error: EngineError) {
        let apiError = APIError(error, param: "prompt")
        let status = end().isGone ? GenerationOutcome.clientGone : apiError.status
        finished(
            GenerationOutcome(
                status: status, error: apiError, usage: GenerationUsage(), bytes: apiError.body.count))
        responder.send(JSONAnswer.head(apiError), body: apiError.body)
    }

    /// Lets go of the handle, which leads back here.
    private func end() -> Progress {
        progress.withLock { progress in
            progress.handle = nil
            progress.isOver = true
            return progress
        }
    }
}
