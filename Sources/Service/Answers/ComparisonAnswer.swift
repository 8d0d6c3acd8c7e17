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
        choices = plan.lanes.map { _ in Array(repeating: ComparedChoice(), count: plan.samples) }
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
        case .diverged(let lane, let choice, let divergence): choices[lane][choice].divergence = divergence
        case .finished(let lane, let choice, let reason): choices[lane][choice].reason = reason
        case .prompt, .distributions, .embedding, .searched, .completed, .failed: break
        }
        guard isStreamed else { return [] }
        defer { hasStarted = true }
        return (hasStarted ? [] : [writer.start()]) + (writer.event(event).map { [$0] } ?? [])
    }

    mutating func complete(_ usages: [GenerationUsage]) -> [[UInt8]] {
        usage = GenerationUsage(lanes: usages, promptTokens: plan.promptTokens)
        let metrics = ComparisonMetrics(choices, references: plan.references, seed: UInt64(bitPattern: plan.seed))
        guard isStreamed else { return [writer.answer(choices, metrics, usages, total: usage)] }
        let last = writer.last(choices, metrics, usages, total: usage)
        return hasStarted ? [last] : [writer.start(), last]
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
