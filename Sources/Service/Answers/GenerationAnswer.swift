// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Tokenizers

/// The answer of the generation routes as it grows.
struct GenerationAnswer: AnswerBuilder {
    private let plan: GenerationPlan
    private let writer: AnswerWriter
    private var choices: [ChoiceState]
    /// What searches decided, by prompt; of a stream nothing is kept.
    private var search: [[SearchStep]]
    private var isFirstChunk = true
    private(set) var usage = GenerationUsage()
    /// By choice, where they are made one answer.
    private var samples: [Sample]

    /// A choice's own text and the log-probabilities of its tokens.
    private struct Sample {
        var text = ""
        var logprob = 0.0
        var count = 0
        var mean: Double { count > 0 ? logprob / Double(count) : 0 }
    }

    init(plan: GenerationPlan) {
        self.plan = plan
        writer = AnswerWriter(plan: plan)
        choices = []
        search = plan.prompts.map { _ in [] }
        samples = plan.aggregation.map { _ in Array(repeating: Sample(), count: plan.choiceCount) } ?? []
        for prompt in plan.prompts {
            var choice = ChoiceState(labeller: TokenLabeller(tokenizer: plan.model.tokenizer))
            if plan.echoes { choice.text = prompt.text }
            choices.append(contentsOf: repeatElement(choice, count: plan.choiceCount))
        }
    }

    var isStreamed: Bool { plan.stream != nil }

    func error(_ error: EngineError) -> APIError { APIError(error, param: plan.param(0)) }

    mutating func receive(_ event: GenerationEvent) -> [[UInt8]] {
        switch event {
        case .prompt(let index, let tokens): receivePrompt(index, tokens)
        case .delta(let index, let choice, let text, let tokens): receiveDelta(index, choice, text, tokens)
        case .finished(let index, let choice, let reason): receiveFinish(index, choice, reason)
        case .searched(let index, let step): receiveStep(index, step)
        case .distributions, .embedding, .diverged, .completed, .failed: []  // Not asked for, or the session's.
        }
    }

    mutating func complete(_ usages: [GenerationUsage]) -> [[UInt8]] {
        usage = GenerationUsage(total: usages)
        let vote = plan.aggregation?.vote(samples.map(\.text), means: samples.map(\.mean))
        guard let stream = plan.stream else {
            return [writer.answer(ranked, vote: vote, search: search, usage: usage)]
        }
        let hasLast = stream.includesUsage || plan.receipt != nil || plan.whatIf != nil
        return (vote.map { [writer.voteChunk($0)] } ?? []) + (hasLast ? [writer.lastChunk(choices, usage: usage)] : [])
    }

    /// The choices that are returned: of each prompt the best by mean log-probability, ties in the order of the draws.
    private var ranked: [ChoiceState] {
        guard plan.returnedCount < plan.choiceCount else { return choices }
        return plan.prompts.indices.flatMap { index -> ArraySlice<ChoiceState> in
            let start = index * plan.choiceCount
            let drawn = choices[start..<start + plan.choiceCount]
            // An empty choice has nothing that speaks for it.
            func mean(_ choice: ChoiceState) -> Double {
                choice.rankedCount > 0 ? choice.logprobSum / Double(choice.rankedCount) : -.infinity
            }
            let order = drawn.indices.sorted { left, right in
                let (a, b) = (mean(choices[left]), mean(choices[right]))
                return a != b ? a > b : left < right
            }
            return order.prefix(plan.returnedCount).map { choices[$0] }[...]
        }
    }

    // MARK: Events

    private mutating func receiveStep(_ index: Int, _ step: SearchStep) -> [[UInt8]] {
        guard search.indices.contains(index) else { return [] }
        guard isStreamed else {
            search[index].append(step)
            return []
        }
        return [writer.searchChunk(step, prompt: index, isFirst: takeFirst())]
    }

    private func position(_ index: Int, _ choice: Int) -> Int? {
        let position = index * plan.choiceCount + choice
        return choices.indices.contains(position) ? position : nil
    }

    private mutating func receivePrompt(_ index: Int, _ tokens: [ReportedToken]) -> [[UInt8]] {
        guard plan.prompts.indices.contains(index) else { return [] }
        let prompt = plan.prompts[index]
        usage.promptTokens += prompt.ids.count
        var pieces: [[UInt8]] = []
        for choice in 0..<plan.choiceCount {
            guard let position = position(index, choice) else { continue }
            if plan.echoes {
                var alignment = EchoAlignment(text: prompt.text, tokenizer: plan.model.tokenizer)
                for token in tokens {
                    let labelled = choices[position].labeller.label(token, shownBytes: alignment.take(token))
                    choices[position].tokens.append(labelled)
                }
                choices[position].labeller.skip(to: prompt.text.unicodeScalars.count)
            }
            guard isStreamed else { continue }
            if plan.endpoint == .chat || plan.echoes { pieces += open(position) }
        }
        return pieces
    }

    private mutating func receiveDelta(
        _ index: Int, _ choice: Int, _ text: String, _ tokens: [ReportedToken]
    ) -> [[UInt8]] {
        guard let position = position(index, choice) else { return [] }
        var pieces = isStreamed ? open(position) : []
        usage.generatedTokens += tokens.count
        if plan.receipt != nil { choices[position].ids += tokens.map(\.id) }
        if samples.indices.contains(choice) {
            samples[choice].text += text
            samples[choice].logprob += tokens.reduce(0) { $0 + ($1.statistics?.rawLogprob ?? 0) }
            samples[choice].count += tokens.count
        }
        var labelled: [LabelledToken] = []
        if plan.logprobCount != nil || plan.isTraced || plan.extras.contains(.tokenIDs) {
            labelled = tokens.map { choices[position].labeller.label($0) }
        }
        if plan.returnedCount < plan.choiceCount {
            choices[position].logprobSum += tokens.reduce(0) { $0 + Double($1.logprob ?? 0) }
            choices[position].rankedCount += tokens.count
        }
        guard isStreamed else {
            choices[position].text += text
            choices[position].tokens.append(contentsOf: labelled)
            return []
        }
        guard !text.isEmpty || !labelled.isEmpty else { return pieces }
        pieces.append(
            writer.chunk(index: position, text: text, tokens: labelled[...], isFirst: takeFirst(), usage: usage))
        return pieces
    }

    private mutating func receiveFinish(_ index: Int, _ choice: Int, _ reason: FinishReason) -> [[UInt8]] {
        guard let position = position(index, choice) else { return [] }
        choices[position].reason = reason
        guard isStreamed else { return [] }
        let opening = open(position)
        return opening + [
            writer.chunk(index: position, text: "", tokens: [], reason: reason, isFirst: takeFirst(), usage: usage)
        ]
    }

    // MARK: Streams

    /// What comes first of a choice: the role in a chat, the prompt where it is echoed.
    private mutating func open(_ position: Int) -> [[UInt8]] {
        guard !choices[position].isOpened else { return [] }
        choices[position].isOpened = true
        if plan.endpoint == .chat {
            return [
                writer.chunk(
                    index: position, text: "", tokens: [], opensRole: true, isFirst: takeFirst(), usage: usage)
            ]
        }
        guard plan.echoes else { return [] }
        let choice = choices[position]
        choices[position].text = ""
        choices[position].tokens = []
        return [
            writer.chunk(
                index: position, text: choice.text, tokens: choice.tokens[...], isFirst: takeFirst(), usage: usage)
        ]
    }

    private mutating func takeFirst() -> Bool {
        defer { isFirstChunk = false }
        return isFirstChunk
    }
}
