// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Evaluation
import Glibc
import StrictJSON

/// The answer of `/v1/score` as it grows.
struct ScoreAnswer: AnswerBuilder {
    private let plan: ScorePlan
    /// The tokens of each choice.
    private var tokens: [[ReportedToken]]
    private(set) var usage = GenerationUsage()
    let isStreamed = false

    init(plan: ScorePlan) {
        self.plan = plan
        tokens = plan.group.requests.map { _ in [] }
    }

    func error(_ error: EngineError) -> APIError { APIError(error, param: RequestFields.scoreChoices.name) }

    mutating func receive(_ event: GenerationEvent) -> [[UInt8]] {
        if case .prompt(let index, let reported) = event { tokens[index] = reported }
        return []
    }

    mutating func complete(_ usages: [GenerationUsage]) -> [[UInt8]] {
        usage = GenerationUsage(total: usages)
        let scores = zip(plan.choices, tokens).map { Score($0, $1) }
        let logarithms = scores.map(\.sum)
        let calibration = calibration(logarithms)
        let largest = logarithms.max() ?? 0
        let total = logarithms.reduce(0) { $0 + exp($1 - largest) }
        var writer = JSONWriter(reservingCapacity: 4096)
        writer.object { answer in
            plan.head.write(object: "score", to: &answer)
            answer.member(
                "choices",
                array: { array in
                    for (index, score) in scores.enumerated() {
                        array.object { entry in
                            entry.member("index", index)
                            entry.member("logprob", score.sum)
                            entry.member("logprob_per_token", score.perToken)
                            entry.member("logprob_per_byte", score.perByte)
                            entry.member("share", exp(score.sum - largest) / total)
                            if let calibration {
                                entry.member("prior_logprob", calibration.prior[index])
                                entry.member("calibrated_logprob", calibration.calibrated[index])
                            }
                            entry.member("bytes", plan.choices[index].byteCount)
                            entry.member("is_greedy", tokens[index].allSatisfy(Self.isLikeliest))
                            write(tokens[index], to: &entry)
                        }
                    }
                })
            answer.member(
                "best",
                object: { best in
                    best.member("logprob", Self.best(scores.map(\.sum)))
                    best.member("logprob_per_token", Self.best(scores.map(\.perToken)))
                    best.member("logprob_per_byte", Self.best(scores.map(\.perByte)))
                    if let calibration { best.member("calibrated_logprob", Self.best(calibration.calibrated)) }
                })
            if plan.extras.contains(.assembled) {
                answer.key("assembled")
                AssembledWriter.write(plan.prompt, plan.model, to: &answer)
            }
            let scored = tokens.reduce(0) { $0 + $1.count }
            answer.member(
                "usage",
                object: { usage in
                    usage.member("prompt_tokens", plan.promptTokens)
                    usage.member("scored_tokens", scored)
                    usage.member("total_tokens", plan.promptTokens + scored)
                })
            if !plan.warnings.isEmpty {
                answer.member(
                    "warnings", array: { array in for warning in plan.warnings { warning.write(to: &array) } })
            }
        }
        return [writer.bytes]
    }

    /// What each choice is divided by, and what is left; nil where that is not asked for.
    private func calibration(_ query: [Double]) -> (prior: [Double], calibrated: [Double])? {
        guard let input = plan.calibration else { return nil }
        let count = plan.choices.count
        let others = input.inputs.indices.map { place in
            tokens[(place + 1) * count..<(place + 2) * count].map { sequence in
                sequence.reduce(0) { $0 + Double($1.logprob ?? 0) }
            }
        }
        let prior = Calibration.prior(input.method, query: query, others: others)
        return (prior, Calibration.calibrated(query, prior: prior))
    }

    /// The sums of a choice.
    private struct Score {
        var sum: Double
        var perToken: Double
        /// Nil for tokens without bytes.
        var perByte: Double?

        init(_ choice: ScorePlan.Choice, _ tokens: [ReportedToken]) {
            sum = tokens.reduce(0) { $0 + Double($1.logprob ?? 0) }
            perToken = sum / Double(max(1, tokens.count))
            perByte = choice.byteCount > 0 ? sum / Double(choice.byteCount) : nil
        }
    }

    /// The first place of the largest value.
    private static func best(_ values: [Double?]) -> Int? {
        guard let largest = values.compactMap({ $0 }).max() else { return nil }
        return values.firstIndex(of: largest)
    }

    private static func isLikeliest(_ token: ReportedToken) -> Bool { token.top.first?.id == token.id }

    private func write(_ tokens: [ReportedToken], to writer: inout JSONWriter) {
        writer.member(
            "tokens",
            array: { array in
                for token in tokens {
                    array.object { entry in
                        entry.member("id", token.id)
                        entry.member("text", TokenLabel.text(token.bytes, id: token.id, plan.model.tokenizer))
                        entry.member("logprob", token.logprob.map(TokenLabel.writable))
                        entry.member("is_likeliest", Self.isLikeliest(token))
                    }
                }
            })
    }
}
