// SPDX-License-Identifier: Apache-2.0

package import Dispatch
package import Engine
package import Evaluation
import Prompting
import Synchronization

/// A point of an n-shot curve.
package struct CurvePoint: Sendable, Equatable {
    /// The number of shots.
    package var count: Int
    /// A score from 0 to 1 for each item that was asked.
    package var scores: [Double] = []
    /// How many examples were shown, over all items.
    package var shownTotal = 0
    /// Prompt tokens of all requests, and how many of them needed no computation.
    package var promptTokens = 0
    package var cachedTokens = 0

    /// The mean score.
    package var score: Double { scores.isEmpty ? 0 : scores.reduce(0, +) / Double(scores.count) }

    /// The mean number of examples that were shown.
    package var meanShown: Double { scores.isEmpty ? 0 : Double(shownTotal) / Double(scores.count) }

    /// Where the mean lies with some confidence.
    package func interval(_ metric: AnswerScoring.Metric, confidence: Double) -> Interval {
        guard metric == .rougeL else {
            return Proportion.wilson(
                successes: scores.count { $0 == 1 }, of: scores.count, confidence: confidence)
        }
        // Of a single score nothing is known but itself.
        return Bootstrap.mean(scores, seed: 0, confidence: confidence) ?? Interval(low: score, high: score)
    }
}

/// What happens while a curve is made.
package enum CurveEvent: Sendable {
    /// A point has grown; the last growth of a point completes it.
    case point(CurvePoint, isComplete: Bool)
    /// All points are complete; the last event.
    case completed([CurvePoint], GenerationUsage)
    /// The curve could not be finished; the last event.
    case failed(APIError)
}

/// Makes an n-shot curve: asks the items with each number of shots, some at a time, and judges the answers.
///
/// Everything happens on one serial queue; the next questions are asked when all of the last ones are answered, so other
/// requests are served in between.
package final class CurveRun: Sendable {
    /// How many requests are asked at a time.
    private static let groupSize = 32

    private struct State {
        var points: [CurvePoint] = []
        var nextItem = 0
        var asked: [CurvePlan.Question] = []
        var texts: [String] = []
        var likelihoods: [Double] = []
        var usage = GenerationUsage()
        var isOver = false
    }

    private struct Control {
        var handle: (any GenerationHandle)?
        var inquiry: ModelInquiry?
        var isCancelled = false
    }

    private let plan: CurvePlan
    private let engine: any InferenceEngine
    private let queue: DispatchQueue
    private let sink: @Sendable (CurveEvent) -> Void
    private let state = Mutex(State())
    private let control = Mutex(Control())

    /// - Parameter sink: is called on `queue`, which is serial.
    package init(
        _ plan: CurvePlan, engine: any InferenceEngine, queue: DispatchQueue,
        sink: @escaping @Sendable (CurveEvent) -> Void
    ) {
        self.plan = plan
        self.engine = engine
        self.queue = queue
        self.sink = sink
    }

    /// Begins. The run keeps itself until its last event.
    package func start() { queue.async { self.state.withLock { self.ask(&$0) } } }

    /// Stops the work; the last event is a failure.
    package func cancel() {
        let (handle, inquiry) = control.withLock { control in
            control.isCancelled = true
            return (control.handle, control.inquiry)
        }
        handle?.cancel()
        inquiry?.cancel()
    }

    // MARK: On the queue

    /// Asks the next questions, or ends.
    private func ask(_ state: inout State) {
        guard !control.withLock({ $0.isCancelled }) else { return fail(.cancelled, &state) }
        if state.points.isEmpty || state.nextItem == plan.items.count {
            guard state.points.count < plan.counts.count else {
                state.isOver = true
                return sink(.completed(state.points, state.usage))
            }
            state.points.append(CurvePoint(count: plan.counts[state.points.count]))
            state.nextItem = 0
        }
        let count = plan.counts[state.points.count - 1]
        let share = max(1, Self.groupSize / max(1, plan.choices.count))
        let items = state.nextItem..<min(plan.items.count, state.nextItem + share)
        do throws(APIError) {
            var questions: [CurvePlan.Question] = []
            for item in items { questions.append(try plan.question(item, count: count)) }
            state.asked = questions
        } catch {
            guard let missing = plan.assembly.book.takeMissing() else { return fail(error, &state) }
            return inquire(missing)
        }
        state.nextItem = items.upperBound
        let requests = state.asked.flatMap(\.requests)
        state.texts = [String](repeating: "", count: requests.count)
        state.likelihoods = [Double](repeating: -.infinity, count: requests.count)
        do throws(EngineError) {
            let handle = try engine.submit(requests, model: plan.model.id) { [self] event in
                queue.async { self.state.withLock { self.receive(event, &$0) } }
            }
            let isCancelled = control.withLock { control in
                control.handle = handle
                return control.isCancelled
            }
            if isCancelled { handle.cancel() }
        } catch {
            fail(APIError(error, param: "test"), &state)
        }
    }

    /// Asks the model what it knows of the examples, then goes on.
    private func inquire(_ missing: [[ModelQuestion]]) {
        let inquiry = ModelInquiry(missing, for: plan.assembly.book, engine: engine, queue: queue) { [self] error in
            control.withLock { $0.inquiry = nil }
            state.withLock { state in
                if let error { fail(APIError(error, param: "shots"), &state) } else { ask(&state) }
            }
        }
        let isCancelled = control.withLock { control in
            control.inquiry = inquiry
            return control.isCancelled
        }
        if isCancelled { inquiry.cancel() }
        inquiry.start()
    }

    private func receive(_ event: GenerationEvent, _ state: inout State) {
        guard !state.isOver else { return }
        switch event {
        case .prompt(let index, let tokens):
            guard !plan.choices.isEmpty, state.likelihoods.indices.contains(index) else { return }
            let start = state.asked[index / plan.choices.count].starts[index % plan.choices.count]
            state.likelihoods[index] = tokens.dropFirst(start).reduce(0) { $0 + Double($1.logprob ?? -.infinity) }
        case .delta(let index, _, let text, _):
            if state.texts.indices.contains(index) { state.texts[index] += text }
        case .distributions, .embedding, .searched, .diverged, .finished: break
        case .completed(let usages): judge(usages, &state)
        case .failed(let error): fail(APIError(error, param: "test"), &state)
        }
    }

    private func judge(_ usages: [GenerationUsage], _ state: inout State) {
        release()
        let place = state.points.count - 1
        for (index, question) in state.asked.enumerated() {
            let reference = plan.items[question.item].output
            if plan.choices.isEmpty {
                state.points[place].scores.append(plan.scoring.score(state.texts[index], reference: reference))
            } else {
                let all = state.likelihoods[index * plan.choices.count..<(index + 1) * plan.choices.count]
                state.points[place].scores.append(likeliest(all) == reference ? 1 : 0)
            }
            state.points[place].shownTotal += question.shownCount
        }
        for usage in usages {
            state.points[place].promptTokens += usage.promptTokens
            state.points[place].cachedTokens += usage.cachedTokens
        }
        state.usage = GenerationUsage(total: [state.usage] + usages)
        sink(.point(state.points[place], isComplete: state.nextItem == plan.items.count))
        ask(&state)
    }

    /// The choice with the largest log-probability per byte; of equal ones the first.
    private func likeliest(_ likelihoods: ArraySlice<Double>) -> String {
        var best = plan.choices[0]
        var most = -Double.infinity
        for (choice, likelihood) in zip(plan.choices, likelihoods) {
            let value = likelihood / Double(max(1, choice.utf8.count))
            if value > most { (best, most) = (choice, value) }
        }
        return best
    }

    private func fail(_ error: APIError, _ state: inout State) {
        guard !state.isOver else { return }
        state.isOver = true
        release()
        sink(.failed(error))
    }

    /// Lets go of the handle, which leads back here.
    private func release() { control.withLock { $0.handle = nil } }
}
