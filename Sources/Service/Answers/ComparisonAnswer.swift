// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import StrictJSON

/// One continuation of a comparison as far as it is known.
struct ComparedChoice: Sendable {
    var text = ""
    var tokens: [ReportedToken] = []
    var reason: FinishReason?
    /// Where it left the first lane's.
    var divergence: Divergence?
}

/// The answer of `/v1/compare` as it grows.
struct ComparisonAnswer: AnswerBuilder {
    private let plan: ComparisonPlan
    private let writer: ComparisonWriter
    /// By lane and choice.
    private var choices: [[ComparedChoice]]
    private var hasStarted = false
    private(set) var usage = GenerationUsage()

    init(plan: ComparisonPlan) {
        self.plan = plan
        writer = ComparisonWriter(plan: plan)
        choices = plan.requests.map { Array(repeating: ComparedChoice(), count: $0.choiceCount) }
        usage.promptTokens = plan.promptTokens
    }

    var isStreamed: Bool { plan.isStreamed }

    func error(_ error: EngineError) -> APIError { APIError(error, param: plan.promptParam) }

    mutating func receive(_ event: GenerationEvent) -> [[UInt8]] {
        switch event {
        case .delta(let lane, let choice, let text, let tokens):
            choices[lane][choice].text += text
            choices[lane][choice].tokens += tokens
            usage.generatedTokens += tokens.count
        case .diverged(let lane, let choice, let divergence):
            guard plan.isPaired(lane) else { return [] }
            choices[lane][choice].divergence = divergence
        case .finished(let lane, let choice, let reason): choices[lane][choice].reason = reason
        case .prompt, .distributions, .embedding, .searched, .completed, .failed: break
        }
        guard isStreamed else { return [] }
        defer { hasStarted = true }
        return (hasStarted ? [] : [writer.start()]) + (writer.event(event).map { [$0] } ?? [])
    }

    mutating func complete(_ usages: [GenerationUsage]) -> [[UInt8]] {
        let result = result(usages)
        usage = result.usage
        guard isStreamed else { return [result.json] }
        let last = writer.last(result.choices, result.metrics, usages, total: usage)
        return hasStarted ? [last] : [writer.start(), last]
    }

    /// What is known when all is done.
    func result(_ usages: [GenerationUsage]) -> FinishedComparison {
        let choices = choices.map { best($0) }
        return FinishedComparison(
            plan: plan, choices: choices,
            metrics: ComparisonMetrics(choices, references: plan.references, seed: UInt64(bitPattern: plan.seed)),
            usages: usages, usage: GenerationUsage(lanes: usages, promptTokens: plan.promptTokens))
    }
}

extension ComparisonAnswer {
    /// The choices that are returned: the best by mean log-probability, ties in the order of the draws.
    private func best(_ drawn: [ComparedChoice]) -> [ComparedChoice] {
        guard drawn.count > plan.samples else { return drawn }
        let means = drawn.map { MeanLogprob.of($0.tokens.map(\.logprob)) }
        return MeanLogprob.order(means).prefix(plan.samples).map { drawn[$0] }
    }
}

/// How `best_of` ranks.
enum MeanLogprob {
    /// The mean; of no tokens minus infinity: nothing speaks for them.
    static func of(_ logprobs: [Float?]) -> Double {
        let known = logprobs.compactMap { $0.map(Double.init) }
        return known.isEmpty ? -.infinity : known.reduce(0, +) / Double(known.count)
    }

    /// The places of the means, the greatest first, ties in their order.
    static func order(_ means: [Double]) -> [Int] {
        means.indices.sorted { left, right in
            means[left] != means[right] ? means[left] > means[right] : left < right
        }
    }
}

extension GenerationUsage {
    /// The sum over requests whose prompts begin alike, which is counted once. Times are the longest.
    init(lanes usages: [GenerationUsage], promptTokens: Int) {
        self.init(total: usages)
        self.promptTokens = promptTokens
        cachedTokens = usages.first?.cachedTokens ?? 0
    }
}
