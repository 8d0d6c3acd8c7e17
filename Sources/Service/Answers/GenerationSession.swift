// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Engine
import HTTPServing
import HTTPTypes
import Synchronization
import Tokenizers

/// One generation request from submission to the last byte of its answer.
///
/// Events of the engine are handled on one serial queue, in order. The head of a stream is held back until the first
/// event, so that an error before it is an ordinary HTTP answer.
final class GenerationSession: Sendable {
    /// What is known of the answer; touched on `queue` only, so its lock never waits.
    private struct Progress {
        var choices: [ChoiceState]
        var usage = GenerationUsage()
        var body: (any HTTPBodyWriter)?
        var isFirstChunk = true
        var isDone = false
        /// Whether something was sent since the timer fired last.
        var isLively = false
        var bytes = 0
        var timer: (any DispatchSourceTimer)?
    }

    /// What other threads may touch.
    private struct Control {
        var handle: (any GenerationHandle)?
        var isCancelled = false
        /// The answer is complete: the handle, which leads back here, is not kept.
        var isOver = false
    }

    private let plan: GenerationPlan
    private let writer: AnswerWriter
    private let responder: any HTTPResponder
    private let queue: DispatchQueue
    private let keepAlive: Duration
    private let finished: @Sendable (GenerationOutcome) -> Void
    private let progress: Mutex<Progress>
    private let control = Mutex(Control())

    /// - Parameter finished: called once, with what became of the request.
    init(
        plan: GenerationPlan, responder: any HTTPResponder, queue: DispatchQueue, keepAlive: Duration,
        finished: @escaping @Sendable (GenerationOutcome) -> Void
    ) {
        self.plan = plan
        writer = AnswerWriter(plan: plan)
        self.responder = responder
        self.queue = queue
        self.keepAlive = keepAlive
        self.finished = finished
        var choices: [ChoiceState] = []
        for prompt in plan.prompts {
            var choice = ChoiceState(labeller: TokenLabeller(tokenizer: plan.model.tokenizer))
            if plan.echoes { choice.text = prompt.text }
            choices.append(contentsOf: repeatElement(choice, count: plan.choiceCount))
        }
        progress = Mutex(Progress(choices: choices))
    }

    /// Submits the work and answers when it comes.
    func start(_ engine: any InferenceEngine) {
        responder.onDisconnect { [weak self] in self?.cancel() }
        if plan.stream != nil { queue.async { self.startTimer() } }
        do throws(EngineError) {
            let handle = try engine.submit(plan.requests, model: plan.model.id) { [self] event in
                queue.async { self.receive(event) }
            }
            let isCancelled = control.withLock { control in
                if !control.isOver { control.handle = handle }
                return control.isCancelled
            }
            if isCancelled { handle.cancel() }
        } catch {
            queue.async { self.receive(.failed(error)) }
        }
    }

    /// Stops the work: the client is gone.
    private func cancel() {
        let handle = control.withLock { control in
            control.isCancelled = true
            return control.handle
        }
        handle?.cancel()
    }

    private var handle: (any GenerationHandle)? { control.withLock { $0.handle } }
    private var isCancelled: Bool { control.withLock { $0.isCancelled } }

    // MARK: Events, on the queue

    private func receive(_ event: GenerationEvent) {
        progress.withLock { progress in
            guard !progress.isDone else { return }
            switch event {
            case .prompt(let index, let tokens): receivePrompt(index, tokens, &progress)
            case .delta(let index, let choice, let text, let tokens):
                receiveDelta(index, choice, text, tokens, &progress)
            case .finished(let index, let choice, let reason): receiveFinish(index, choice, reason, &progress)
            case .completed(let usages): complete(usages, &progress)
            case .failed(let error): fail(error, &progress)
            }
        }
    }

    private func position(_ index: Int, _ choice: Int, _ progress: Progress) -> Int? {
        let position = index * plan.choiceCount + choice
        return progress.choices.indices.contains(position) ? position : nil
    }

    private func receivePrompt(_ index: Int, _ tokens: [ReportedToken], _ progress: inout Progress) {
        guard plan.prompts.indices.contains(index) else { return }
        let prompt = plan.prompts[index]
        progress.usage.promptTokens += prompt.ids.count
        for choice in 0..<plan.choiceCount {
            guard let position = position(index, choice, progress) else { continue }
            if plan.echoes {
                var alignment = EchoAlignment(text: prompt.text, tokenizer: plan.model.tokenizer)
                for token in tokens {
                    let labelled = progress.choices[position].labeller.label(token, shownBytes: alignment.take(token))
                    progress.choices[position].tokens.append(labelled)
                }
                progress.choices[position].labeller.skip(to: prompt.text.unicodeScalars.count)
            }
            guard plan.stream != nil else { continue }
            if writer.plan.endpoint == .chat || plan.echoes { open(position, &progress) }
        }
    }

    private func receiveDelta(
        _ index: Int, _ choice: Int, _ text: String, _ tokens: [ReportedToken], _ progress: inout Progress
    ) {
        guard let position = position(index, choice, progress) else { return }
        let isStreamed = plan.stream != nil
        if isStreamed { open(position, &progress) }
        progress.usage.generatedTokens += tokens.count
        var labelled: [LabelledToken] = []
        if plan.logprobCount != nil || plan.extras.contains(.tokenIDs) {
            labelled = tokens.map { progress.choices[position].labeller.label($0) }
        }
        guard isStreamed else {
            progress.choices[position].text += text
            progress.choices[position].tokens.append(contentsOf: labelled)
            return
        }
        guard !text.isEmpty || !labelled.isEmpty else { return }
        send(
            writer.chunk(
                index: position, text: text, tokens: labelled[...], isFirst: takeFirst(&progress), usage: progress.usage
            ),
            &progress)
    }

    private func receiveFinish(_ index: Int, _ choice: Int, _ reason: FinishReason, _ progress: inout Progress) {
        guard let position = position(index, choice, progress) else { return }
        progress.choices[position].reason = reason
        guard plan.stream != nil else { return }
        open(position, &progress)
        send(
            writer.chunk(
                index: position, text: "", tokens: [], reason: reason, isFirst: takeFirst(&progress),
                usage: progress.usage), &progress)
    }

    private func complete(_ usages: [GenerationUsage], _ progress: inout Progress) {
        let total = GenerationUsage(total: usages)
        progress.usage = total
        if let stream = plan.stream {
            openStream(&progress)
            if stream.includesUsage { send(writer.usageChunk(total), &progress) }
            progress.bytes += ServerSentEvents.done.count
            let body = progress.body
            finish(GenerationOutcome(status: 200, error: nil, usage: total, bytes: progress.bytes), &progress)
            body?.write(ServerSentEvents.done)
            body?.finish()
        } else {
            let body = writer.answer(progress.choices, usage: total)
            finish(GenerationOutcome(status: 200, error: nil, usage: total, bytes: body.count), &progress)
            responder.send(JSONAnswer.head(.ok), body: body)
        }
    }

    private func fail(_ error: EngineError, _ progress: inout Progress) {
        let apiError = APIError(error, param: plan.param(0))
        let body = progress.body
        let bytes = body == nil ? apiError.body : AnswerWriter.errorEvent(apiError)
        progress.bytes += bytes.count
        let status = error == .cancelled && isCancelled ? GenerationOutcome.clientGone : apiError.status
        finish(
            GenerationOutcome(status: status, error: apiError, usage: progress.usage, bytes: progress.bytes),
            &progress)
        if let body {
            body.write(bytes)
            body.finish()
        } else {
            responder.send(JSONAnswer.head(apiError), body: bytes)
        }
    }

    /// Counts the request before its last byte is sent: who has the answer finds it in the metrics.
    private func finish(_ outcome: GenerationOutcome, _ progress: inout Progress) {
        progress.isDone = true
        progress.timer?.cancel()
        progress.timer = nil
        progress.choices = []
        progress.body = nil
        control.withLock { control in
            control.handle = nil
            control.isOver = true
        }
        finished(outcome)
    }

    // MARK: Streams

    /// Sends what comes first of a choice: the role in a chat, the prompt where it is echoed.
    private func open(_ position: Int, _ progress: inout Progress) {
        openStream(&progress)
        guard !progress.choices[position].isOpened else { return }
        progress.choices[position].isOpened = true
        if plan.endpoint == .chat {
            send(
                writer.chunk(
                    index: position, text: "", tokens: [], opensRole: true, isFirst: takeFirst(&progress),
                    usage: progress.usage), &progress)
        } else if plan.echoes {
            let choice = progress.choices[position]
            progress.choices[position].text = ""
            progress.choices[position].tokens = []
            send(
                writer.chunk(
                    index: position, text: choice.text, tokens: choice.tokens[...], isFirst: takeFirst(&progress),
                    usage: progress.usage), &progress)
        }
    }

    private func openStream(_ progress: inout Progress) {
        guard progress.body == nil else { return }
        let body = responder.stream(ServerSentEvents.head)
        body.onWritable { [weak self] in
            guard let self else { return }
            // On the queue, so that it comes after the pause that it ends.
            queue.async { self.handle?.resume() }
        }
        progress.body = body
    }

    private func takeFirst(_ progress: inout Progress) -> Bool {
        defer { progress.isFirstChunk = false }
        return progress.isFirstChunk
    }

    private func send(_ bytes: [UInt8], _ progress: inout Progress) {
        progress.bytes += bytes.count
        progress.isLively = true
        guard let body = progress.body, !body.write(bytes) else { return }
        handle?.pause()
    }

    private func startTimer() {
        progress.withLock { progress in
            guard !progress.isDone else { return }
            let timer = DispatchSource.makeTimerSource(queue: queue)
            let nanoseconds = Int(keepAlive / .nanoseconds(1))
            timer.schedule(
                deadline: .now() + .nanoseconds(nanoseconds), repeating: .nanoseconds(nanoseconds),
                leeway: .milliseconds(100))
            timer.setEventHandler { [weak self] in self?.sendKeepAlive() }
            progress.timer = timer
            timer.resume()
        }
    }

    private func sendKeepAlive() {
        progress.withLock { progress in
            guard !progress.isDone else { return }
            let wasLively = progress.isLively
            progress.isLively = false
            if wasLively { return }
            openStream(&progress)
            progress.body?.write(ServerSentEvents.keepAlive)
            progress.bytes += ServerSentEvents.keepAlive.count
        }
    }
}

/// What became of a generation request, for log and metrics.
struct GenerationOutcome: Sendable {
    /// The status logged for a client that left before its answer was complete.
    static let clientGone = 499

    var status: Int
    var error: APIError?
    var usage: GenerationUsage
    var bytes: Int
}

extension GenerationUsage {
    /// The sum over the requests of a group; times are the longest.
    init(total usages: [GenerationUsage]) {
        self.init()
        for usage in usages {
            promptTokens += usage.promptTokens
            cachedTokens += usage.cachedTokens
            generatedTokens += usage.generatedTokens
            queueDuration = max(queueDuration, usage.queueDuration)
            prefillDuration = max(prefillDuration, usage.prefillDuration)
            decodeDuration = max(decodeDuration, usage.decodeDuration)
        }
    }
}
