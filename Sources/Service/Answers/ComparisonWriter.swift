// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Evaluation
import StrictJSON

/// Writes comparisons: whole, and as events of a stream. Pure: plan and state in, bytes out.
struct ComparisonWriter: Sendable {
    let plan: ComparisonPlan

    // MARK: Answers

    /// The whole answer.
    func answer(
        _ choices: [[ComparedChoice]], _ metrics: ComparisonMetrics, _ usages: [GenerationUsage],
        total: GenerationUsage
    ) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 16_384)
        writer.object { answer in
            plan.head.write(object: "comparison", to: &answer)
            answer.member("seed", plan.seed)
            writeExtras(to: &answer)
            writeResults(choices, metrics, usages, total, isStreamed: false, to: &answer)
        }
        return writer.bytes
    }

    /// The last event of a stream: the answer without what was sent already.
    func last(
        _ choices: [[ComparedChoice]], _ metrics: ComparisonMetrics, _ usages: [GenerationUsage],
        total: GenerationUsage
    ) -> [UInt8] {
        ServerSentEvents.data { answer in
            plan.head.write(object: "comparison", to: &answer)
            answer.member("seed", plan.seed)
            writeResults(choices, metrics, usages, total, isStreamed: true, to: &answer)
        }
    }

    /// The first event of a stream.
    func start() -> [UInt8] {
        ServerSentEvents.data { event in
            plan.head.write(object: "comparison.start", to: &event)
            event.member("seed", plan.seed)
            event.member("samples", plan.samples)
            event.member("prompt_tokens", plan.promptTokens)
            event.member(
                "lanes",
                array: { array in
                    for index in plan.lanes.indices { array.object { writeLane(index, withPrompt: true, to: &$0) } }
                })
            writeExtras(to: &event)
        }
    }

    /// The event of a stream for one of the engine's; nil for those that are not told.
    func event(_ event: GenerationEvent) -> [UInt8]? {
        switch event {
        case .delta(let lane, let choice, let text, let tokens):
            self.event("comparison.delta", lane, choice) { event in
                event.member("text", text)
                writeTokens(tokens, to: &event)
            }
        case .diverged(let lane, let choice, let divergence):
            self.event("comparison.divergence", lane, choice) { write(divergence, to: &$0) }
        case .finished(let lane, let choice, let reason):
            self.event("comparison.finish", lane, choice) { AnswerWriter.writeFinish(reason, to: &$0) }
        case .prompt, .distributions, .embedding, .searched, .completed, .failed: nil
        }
    }

    private func event(
        _ object: String, _ lane: Int, _ choice: Int, _ members: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        ServerSentEvents.data { event in
            event.member("object", object)
            event.member("lane", lane)
            event.member("choice", choice)
            members(&event)
        }
    }

    // MARK: Parts

    private func writeExtras(to writer: inout JSONWriter) {
        if !plan.hasOwnPrompts { writePrompt(0, to: &writer) }
        if !plan.warnings.isEmpty {
            writer.member("warnings", array: { array in for warning in plan.warnings { warning.write(to: &array) } })
        }
    }

    /// What is asked to be known of a lane's prompt.
    private func writePrompt(_ index: Int, to writer: inout JSONWriter) {
        let prompt = plan.prompts[index]
        if plan.extras.contains(.tokenIDs) { writer.member("prompt_token_ids", prompt.ids) }
        if plan.extras.contains(.assembled) {
            writer.key("assembled")
            AssembledWriter.write(prompt, plan.model, to: &writer)
        }
    }

    private func writeLane(_ index: Int, withPrompt: Bool, to writer: inout JSONWriter) {
        defer { if withPrompt, plan.hasOwnPrompts { writePrompt(index, to: &writer) } }
        let lane = plan.lanes[index]
        writer.member("index", index)
        writer.member("name", lane.name)
        writer.member("settings", lane.settings)
        writer.member("seed", lane.seed)
        if let effective = lane.effective { writer.member("effective_settings", effective) }
    }

    private func writeResults(
        _ choices: [[ComparedChoice]], _ metrics: ComparisonMetrics, _ usages: [GenerationUsage],
        _ total: GenerationUsage, isStreamed: Bool, to writer: inout JSONWriter
    ) {
        writer.member(
            "lanes",
            array: { array in
                for (index, lane) in choices.enumerated() {
                    array.object { object in
                        writeLane(index, withPrompt: !isStreamed, to: &object)
                        object.member(
                            "choices",
                            array: { list in
                                for (place, choice) in lane.enumerated() {
                                    list.object { entry in
                                        entry.member("index", place)
                                        if !isStreamed {
                                            entry.member("text", choice.text)
                                            writeTokens(choice.tokens, to: &entry)
                                        }
                                        AnswerWriter.writeFinish(choice.reason, to: &entry)
                                        metrics.write(lane: index, choice: place, to: &entry)
                                        write(choice.divergence, to: &entry)
                                    }
                                }
                            })
                        metrics.write(lane: index, to: &object)
                        Self.write(usages[index], to: &object)
                        writeReceipt(index, lane, to: &object)
                    }
                }
            })
        metrics.writePairs(to: &writer)
        writer.member(
            "usage",
            object: { usage in
                usage.member("prompt_tokens", total.promptTokens)
                usage.member("completion_tokens", total.generatedTokens)
                usage.member("total_tokens", total.promptTokens + total.generatedTokens)
            })
    }

    private func writeReceipt(_ index: Int, _ choices: [ComparedChoice], to writer: inout JSONWriter) {
        guard let draft = plan.lanes[index].receipt else { return }
        let outputs = choices.enumerated().map { number, choice in
            Receipt.Output(prompt: 0, choice: number, ids: choice.tokens.map(\.id), reason: choice.reason)
        }
        writer.member("receipt", object: { Receipt(draft: draft, outputs: outputs).write(to: &$0) })
    }

    private static func write(_ usage: GenerationUsage, to writer: inout JSONWriter) {
        writer.member(
            "usage",
            object: { object in
                object.member("prompt_tokens", usage.promptTokens)
                object.member("cached_tokens", usage.cachedTokens)
                object.member("completion_tokens", usage.generatedTokens)
            })
        writer.member(
            "timing",
            object: { object in
                object.member("queue_ms", usage.queueDuration / .milliseconds(1))
                object.member("prefill_ms", usage.prefillDuration / .milliseconds(1))
                object.member("decode_ms", usage.decodeDuration / .milliseconds(1))
            })
    }

    // MARK: Tokens

    private func writeTokens(_ tokens: [ReportedToken], to writer: inout JSONWriter) {
        let tokenizer = plan.model.tokenizer
        let listsTop = (plan.requests.first?.logprobCount ?? 0) > 0
        writer.member(
            "tokens",
            array: { array in
                for token in tokens {
                    array.object { object in
                        object.member("id", token.id)
                        object.member("text", TokenLabel.text(token.bytes, id: token.id, tokenizer))
                        object.member("logprob", token.logprob.map(TokenLabel.writable))
                        if let statistics = token.statistics {
                            object.member(
                                "processed_logprob", TokenLabel.writable(Float(statistics.processedLogprob)))
                            object.member("entropy", Float(statistics.rawEntropy))
                            object.member("processed_entropy", Float(statistics.processedEntropy))
                            object.member("survivors", statistics.survivorCount)
                        }
                        if listsTop { writeTop(token.top, to: &object) }
                        if let trace = token.trace {
                            object.member("trace", object: { TraceWriter.write(trace, tokenizer, to: &$0) })
                        }
                    }
                }
            })
    }

    private func writeTop(_ top: [TokenLogprob], to writer: inout JSONWriter) {
        writer.member(
            "top",
            array: { array in
                for entry in top {
                    array.object { object in
                        object.member("id", entry.id)
                        object.member("text", TokenLabel.text(of: entry.id, plan.model.tokenizer))
                        object.member("logprob", TokenLabel.writable(entry.logprob))
                    }
                }
            })
    }

    // MARK: Divergence

    private func write(_ divergence: Divergence?, to writer: inout JSONWriter) {
        writer.key("divergence")
        guard let divergence else { return writer.null() }
        writer.object { object in
            object.member("step", divergence.position - plan.promptTokens)
            object.member("position", divergence.position)
            for (name, id) in [("reference", divergence.reference), ("other", divergence.other)] {
                object.member(
                    name,
                    object: { token in
                        token.member("id", id)
                        token.member("text", TokenLabel.text(of: id, plan.model.tokenizer))
                    })
            }
            object.member("cause", object: { Self.write(divergence.cause, to: &$0) })
            for (name, odds) in [
                ("raw", divergence.raw), ("in_reference", divergence.inReference), ("in_other", divergence.inOther),
            ] {
                object.member(
                    name,
                    object: { entry in
                        entry.member("reference_logprob", TokenLabel.writable(odds.reference))
                        entry.member("other_logprob", TokenLabel.writable(odds.other))
                        entry.member("log_odds", odds.logOdds)
                    })
            }
        }
    }

    private static func write(_ cause: Divergence.Cause, to writer: inout JSONWriter) {
        switch cause {
        case .constrained(let side):
            writer.member("kind", "constrained")
            writer.member("side", side.rawValue)
        case .removed(let stage, let side):
            writer.member("kind", "removed")
            writer.member("stage", stage.rawValue)
            writer.member("side", side.rawValue)
        case .reweighted(let stage):
            writer.member("kind", "reweighted")
            writer.member("stage", stage.rawValue)
        case .noise: writer.member("kind", "noise")
        }
    }
}

// MARK: - Metrics

extension ComparisonMetrics {
    /// Writes `metrics` of a choice.
    func write(lane: Int, choice: Int, to writer: inout JSONWriter) {
        writer.member(
            "metrics",
            object: { object in
                for (metric, value) in zip(metrics, values[lane][choice]) { object.member(metric.rawValue, value) }
            })
    }

    /// Writes `metrics` of a lane.
    func write(lane index: Int, to writer: inout JSONWriter) {
        let lane = lanes[index]
        writer.member(
            "metrics",
            object: { object in
                for (metric, mean) in zip(metrics, lane.means) {
                    object.member(
                        metric.rawValue,
                        object: { entry in
                            entry.member("mean", mean.value)
                            Self.write(mean.interval, to: &entry)
                        })
                }
                for (index, share) in lane.distinct.enumerated() { object.member("distinct_\(index + 1)", share) }
                object.member("self_bleu", lane.selfBLEU)
                if metrics.contains(.bleu) { object.member("corpus_bleu", lane.corpusBLEU) }
            })
    }

    /// Writes what is measured of any two lanes.
    func writePairs(to writer: inout JSONWriter) {
        func write(_ name: String, _ matrix: [[Double]], to writer: inout JSONWriter) {
            writer.member(
                name,
                array: { rows in
                    for row in matrix { rows.array { cells in for value in row { cells.value(value) } } }
                })
        }
        writer.member(
            "agreement",
            object: { object in
                write("prefix", commonPrefix, to: &object)
                write("equal", equal, to: &object)
            })
        writer.member(
            "tests",
            array: { array in
                for test in tests {
                    array.object { entry in
                        entry.member("lanes", [test.lanes.0, test.lanes.1])
                        entry.member("metric", test.metric.rawValue)
                        entry.member("pairs", test.result.count)
                        entry.member("mean_difference", test.result.meanDifference)
                        Self.write(test.result.interval, to: &entry)
                        entry.member("p", test.result.pValue)
                    }
                }
            })
    }

    private static func write(_ interval: Interval?, to writer: inout JSONWriter) {
        writer.member("low", interval?.low)
        writer.member("high", interval?.high)
    }
}
