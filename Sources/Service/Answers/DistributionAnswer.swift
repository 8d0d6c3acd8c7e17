// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import StrictJSON

/// The answer of `/v1/distribution` as it grows.
struct DistributionAnswer: AnswerBuilder {
    private let plan: DistributionPlan
    private var report: DistributionReport?
    private(set) var usage = GenerationUsage()
    let isStreamed = false

    init(plan: DistributionPlan) { self.plan = plan }

    func error(_ error: EngineError) -> APIError { APIError(error, param: plan.promptParam) }

    mutating func receive(_ event: GenerationEvent) -> [[UInt8]] {
        if case .distributions(_, let report) = event { self.report = report }
        return []
    }

    mutating func complete(_ usages: [GenerationUsage]) -> [[UInt8]] {
        usage = GenerationUsage(total: usages)
        var writer = JSONWriter(reservingCapacity: 4096)
        writer.object { answer in
            plan.head.write(object: "distribution", to: &answer)
            answer.key("raw")
            if let report {
                answer.object { write(report.raw, isRaw: true, to: &$0) }
            } else {
                answer.null()
            }
            answer.member("lanes", array: { array in for index in plan.lanes.indices { writeLane(index, to: &array) } })
            answer.member("distances", array: { writeDistances(to: &$0) })
            if plan.extras.contains(.assembled) {
                answer.key("assembled")
                AssembledWriter.write(plan.prompt, plan.model, to: &answer)
            }
            answer.member("usage", object: { $0.member("prompt_tokens", usage.promptTokens) })
            if !plan.warnings.isEmpty {
                answer.member(
                    "warnings", array: { array in for warning in plan.warnings { warning.write(to: &array) } })
            }
        }
        return [writer.bytes]
    }

    private func writeLane(_ index: Int, to writer: inout JSONWriter) {
        let lane = plan.lanes[index]
        writer.object { object in
            object.member("index", index)
            object.member("name", lane.name)
            object.member("settings", lane.settings)
            guard let report else { return }
            write(report.entries[index], isRaw: false, to: &object)
            object.member("from_raw", object: { Self.write(report.distancesFromRaw[index], to: &$0) })
        }
    }

    private func writeDistances(to writer: inout JSONWriter) {
        for (first, row) in (report?.distances ?? []).enumerated() {
            for (offset, distance) in row.enumerated() {
                writer.object { object in
                    object.member("lanes", [first, first + 1 + offset])
                    Self.write(distance, to: &object)
                }
            }
        }
    }

    /// An infinite divergence is null: JSON has no infinity.
    private static func write(_ distance: DistributionReport.Distance, to writer: inout JSONWriter) {
        writer.member("kl", distance.forward)
        writer.member("reverse_kl", distance.backward)
        writer.member("js", distance.jensenShannon)
        writer.member("tv", distance.totalVariation)
    }

    private func write(_ entry: DistributionReport.Entry, isRaw: Bool, to writer: inout JSONWriter) {
        writer.member("survivors", entry.survivorCount)
        if !isRaw { writer.member("raw_mass", entry.rawMass) }
        writer.member("entropy", entry.entropy)
        writer.member(
            "top",
            array: { array in
                for (token, raw) in zip(entry.top, entry.rawLogprobs) {
                    array.object { object in
                        object.member("id", token.id)
                        object.member("text", TokenLabel.text(of: token.id, plan.model.tokenizer))
                        object.member("logprob", TokenLabel.writable(token.logprob))
                        if !isRaw { object.member("raw_logprob", TokenLabel.writable(raw)) }
                    }
                }
            })
    }
}
