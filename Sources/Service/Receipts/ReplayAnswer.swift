// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON

/// The answer of `/v1/replay` as it grows: whether a receipt's answer comes out again, and where it first differs.
struct ReplayAnswer: AnswerBuilder {
    private struct Choice: Sendable {
        var ids: [Int32] = []
        var reason: FinishReason?
    }

    private let plan: ReplayPlan
    /// By prompt and choice.
    private var choices: [[Choice]]
    private(set) var usage = GenerationUsage()
    let isStreamed = false

    init(plan: ReplayPlan) {
        self.plan = plan
        choices = plan.requests.map { Array(repeating: Choice(), count: $0.choiceCount) }
    }

    func error(_ error: EngineError) -> APIError { APIError(error, param: ReplayPlan.param) }

    mutating func receive(_ event: GenerationEvent) -> [[UInt8]] {
        switch event {
        case .delta(let index, let choice, _, let tokens): choices[index][choice].ids += tokens.map(\.id)
        case .finished(let index, let choice, let reason): choices[index][choice].reason = reason
        case .prompt, .distributions, .embedding, .diverged, .searched, .completed, .failed: break
        }
        return []
    }

    mutating func complete(_ usages: [GenerationUsage]) -> [[UInt8]] {
        usage = GenerationUsage(total: usages)
        let hashes = plan.hashes.hashes(of: plan.model)
        let checks: [(name: String, expected: JSON, found: JSON)] = [
            ("checkpoint_sha256", .string(plan.receipt.checkpoint), .string(hashes.checkpoint)),
            ("tokenizer_sha256", .string(plan.receipt.tokenizer), .string(hashes.tokenizer)),
            ("settings", .object(plan.receipt.settings), plan.settings),
        ]
        let areEqual = checks.map { $0.expected.hasSameContent(as: $0.found) }
        let outputs = plan.receipt.outputs.map(compared)
        var writer = JSONWriter(reservingCapacity: 4096)
        writer.object { answer in
            plan.head.write(object: "replay", to: &answer)
            answer.member("verified", areEqual.allSatisfy(\.self) && outputs.allSatisfy(\.isEqual))
            answer.member(
                "checks",
                array: { array in
                    for (check, isEqual) in zip(checks, areEqual) {
                        array.object { object in
                            object.member("name", check.name)
                            object.member("equal", isEqual)
                            object.member("expected", check.expected)
                            object.member("found", check.found)
                        }
                    }
                })
            answer.member("outputs", array: { array in for output in outputs { write(output, to: &array) } })
            answer.key("usage")
            AnswerWriter.write(usage, to: &answer)
            if !plan.warnings.isEmpty {
                answer.member(
                    "warnings", array: { array in for warning in plan.warnings { warning.write(to: &array) } })
            }
        }
        return [writer.bytes]
    }

    // MARK: Comparison

    private struct Compared {
        var expected: ReceiptInput.Output
        var found: [Int32]
        var reason: FinishReason?
        /// The first place at which the tokens differ; nil: none, or unknown.
        var difference: Int?
        var isEqual: Bool
    }

    private func compared(_ expected: ReceiptInput.Output) -> Compared {
        let choice = choices[expected.prompt][expected.choice]
        // A time limit cut it anywhere; what was made until then must be the beginning.
        let wasCut = expected.detail == .string("timeout")
        var found = choice.ids
        if wasCut, let ids = expected.ids { found = Array(found.prefix(ids.count)) }
        var result = Compared(expected: expected, found: found, reason: choice.reason, isEqual: false)
        result.isEqual = Receipt.digest(of: found) == expected.digest
        if let ids = expected.ids, !result.isEqual {
            result.difference =
                zip(ids, found).enumerated().first { $1.0 != $1.1 }?.offset ?? min(ids.count, found.count)
        }
        if result.isEqual, !wasCut, let reason = expected.reason {
            result.isEqual = reason == choice.reason?.name && expected.detail == choice.reason?.detail ?? .null
        }
        return result
    }

    private func write(_ output: Compared, to writer: inout JSONWriter) {
        func write(_ name: String, _ ids: [Int32], _ place: Int, to writer: inout JSONWriter) {
            guard place < ids.count else {
                writer.key(name)
                return writer.null()
            }
            writer.member(
                name,
                object: { token in
                    token.member("id", ids[place])
                    token.member("text", TokenLabel.text(of: ids[place], plan.model.tokenizer))
                })
        }
        writer.object { object in
            object.member("prompt", output.expected.prompt)
            object.member("choice", output.expected.choice)
            object.member("equal", output.isEqual)
            object.member("expected_sha256", output.expected.digest)
            object.member("found_sha256", Receipt.digest(of: output.found))
            object.member("tokens", output.found.count)
            AnswerWriter.writeFinish(output.reason, to: &object)
            object.key("first_difference")
            guard let place = output.difference, let ids = output.expected.ids else { return object.null() }
            object.object { difference in
                difference.member("step", place)
                write("expected", ids, place, to: &difference)
                write("found", output.found, place, to: &difference)
            }
        }
    }
}

extension JSON {
    /// Whether both mean the same: members in any order, 1 and 1.0 alike.
    fileprivate func hasSameContent(as other: JSON) -> Bool {
        switch (self, other) {
        case (.object(let left), .object(let right)):
            left.count == right.count
                && left.members.allSatisfy { key, value in right[key].map(value.hasSameContent) ?? false }
        case (.array(let left), .array(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.hasSameContent(as: $1) }
        case (.integer, .number), (.number, .integer): doubleValue == other.doubleValue
        default: self == other
        }
    }
}
