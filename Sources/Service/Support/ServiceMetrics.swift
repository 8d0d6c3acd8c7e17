// SPDX-License-Identifier: Apache-2.0

import Engine
import Synchronization

/// Counters and histograms of requests. Any thread may record.
final class ServiceMetrics: Sendable {
    /// Counts of durations by upper bound.
    struct Histogram: Sendable {
        /// Upper bounds in seconds; one more bucket takes all that is longer.
        static let bounds: [Double] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

        private(set) var counts = [UInt64](repeating: 0, count: Self.bounds.count + 1)
        private(set) var sum = 0.0

        mutating func record(_ duration: Duration) {
            let seconds = duration / .seconds(1)
            counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
            sum += seconds
        }
    }

    private struct RequestKey: Hashable {
        var route: String
        var status: Int
    }

    private struct State {
        var requests: [RequestKey: UInt64] = [:]
        var durations: [String: Histogram] = [:]
        var queueTimes: [String: Histogram] = [:]
        var firstTokenTimes: [String: Histogram] = [:]
        var promptTokens: [String: UInt64] = [:]
        var cachedTokens: [String: UInt64] = [:]
        var generatedTokens: [String: UInt64] = [:]
        var generationsInFlight = 0
    }

    private let state = Mutex(State())
    private let start = ContinuousClock.now

    /// Counts a finished request.
    func record(_ record: RequestRecord, duration: Duration) {
        state.withLock { state in
            state.requests[RequestKey(route: record.route, status: record.status), default: 0] += 1
            state.durations[record.route, default: Histogram()].record(duration)
            guard let model = record.model, let usage = record.usage else { return }
            state.promptTokens[model, default: 0] += UInt64(usage.promptTokens)
            state.cachedTokens[model, default: 0] += UInt64(usage.cachedTokens)
            state.generatedTokens[model, default: 0] += UInt64(usage.generatedTokens)
            guard record.status == 200 else { return }
            state.queueTimes[model, default: Histogram()].record(usage.queueDuration)
            state.firstTokenTimes[model, default: Histogram()].record(usage.queueDuration + usage.prefillDuration)
        }
    }

    /// Counts generation requests that were handed to the engine and have no answer yet.
    func generation(began: Bool) {
        state.withLock { $0.generationsInFlight += began ? 1 : -1 }
    }

    /// Requests that were handed to the engine and have no answer yet.
    var generationsInFlight: Int { state.withLock { $0.generationsInFlight } }

    /// All metrics in Prometheus' text format 0.0.4: own names, and those of vLLM that routers scrape.
    func text(engine: (any InferenceEngine)?, isReady: Bool, version: String) -> String {
        var text = PrometheusText()
        let state = state.withLock { $0 }
        text.family("temper_build_info", "gauge", "The build.")
        text.sample("temper_build_info", ["version": version], 1)
        text.family("temper_ready", "gauge", "1 while requests are taken.")
        text.sample("temper_ready", [:], isReady ? 1 : 0)
        text.family("temper_uptime_seconds", "gauge", "Seconds since the start.")
        text.sample("temper_uptime_seconds", [:], (ContinuousClock.now - start) / .seconds(1))
        text.family("temper_requests_total", "counter", "Requests answered.")
        for (key, count) in state.requests.sorted(by: { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) })
        {
            text.sample(
                "temper_requests_total", ["route": key.route, "status": String(key.status)], Double(count))
        }
        text.family("temper_generations_in_flight", "gauge", "Generation requests without a complete answer.")
        text.sample("temper_generations_in_flight", [:], Double(state.generationsInFlight))
        text.histograms("temper_request_duration_seconds", "Time to the whole answer.", "route", state.durations)
        text.histograms("temper_queue_duration_seconds", "Time in the queue.", "model", state.queueTimes)
        text.histograms(
            "temper_time_to_first_token_seconds", "Time in queue and prefill.", "model", state.firstTokenTimes)
        for (name, help, counts) in [
            ("temper_request_prompt_tokens_total", "Prompt tokens of answered requests.", state.promptTokens),
            ("temper_request_cached_tokens_total", "Prompt tokens taken from the cache.", state.cachedTokens),
            ("temper_request_generated_tokens_total", "Generated tokens of requests.", state.generatedTokens),
        ] {
            text.family(name, "counter", help)
            for (model, count) in counts.sorted(by: { $0.key < $1.key }) {
                text.sample(name, ["model": model], Double(count))
            }
        }
        if let engine { Self.write(engine, to: &text) }
        return text.text
    }

    private static func write(_ engine: any InferenceEngine, to text: inout PrometheusText) {
        let all = engine.models.map { (model: $0, metrics: engine.metrics(model: $0.id)) }
        func family(
            _ name: String, _ kind: String, _ help: String, label: String, _ value: (ModelInfo, EngineMetrics) -> Double
        ) {
            text.family(name, kind, help)
            for (model, metrics) in all { text.sample(name, [label: model.id], value(model, metrics)) }
        }
        func own(_ name: String, _ kind: String, _ help: String, _ value: (ModelInfo, EngineMetrics) -> Double) {
            family(name, kind, help, label: "model", value)
        }
        func usage(_: ModelInfo, _ metrics: EngineMetrics) -> Double {
            metrics.totalBlocks > 0 ? Double(metrics.usedBlocks) / Double(metrics.totalBlocks) : 0
        }
        own("temper_running_sequences", "gauge", "Sequences computed now.") { Double($1.runningSequences) }
        own("temper_waiting_sequences", "gauge", "Sequences that wait.") { Double($1.waitingSequences) }
        func hitRate(_: ModelInfo, _ metrics: EngineMetrics) -> Double {
            let all = metrics.cachedTokens + metrics.promptTokens
            return all > 0 ? Double(metrics.cachedTokens) / Double(all) : 0
        }
        own("temper_kv_blocks_used", "gauge", "Blocks of the key-value cache in use.") { Double($1.usedBlocks) }
        own("temper_kv_blocks_total", "gauge", "Blocks of the key-value cache.") { Double($1.totalBlocks) }
        own("temper_kv_usage_ratio", "gauge", "Part of the key-value cache in use, 0 to 1.", usage)
        own("temper_prefix_cache_bytes", "gauge", "Key-value cache not in use, kept for prompts to come.") {
            Double($1.idleBlocks * $1.blockTokens * $0.kvBytesPerToken)
        }
        own("temper_prefix_cached_tokens_total", "counter", "Prompt tokens taken from the prefix cache.") {
            Double($1.cachedTokens)
        }
        own("temper_prefix_hit_ratio", "gauge", "Part of all prompt tokens taken from the prefix cache.", hitRate)
        own("temper_prompt_tokens_total", "counter", "Prompt tokens computed.") { Double($1.promptTokens) }
        own("temper_generated_tokens_total", "counter", "Tokens generated.") { Double($1.generatedTokens) }
        own("temper_draft_tokens_total", "counter", "Tokens guessed and computed ahead.") { Double($1.draftTokens) }
        own("temper_draft_accepted_tokens_total", "counter", "Guessed tokens that came true.") {
            Double($1.acceptedDraftTokens)
        }
        own("temper_engine_steps_total", "counter", "Steps of the engine.") { Double($1.steps) }
        own("temper_groups_completed_total", "counter", "Groups completed.") { Double($1.completedGroups) }
        own("temper_groups_cancelled_total", "counter", "Groups cancelled.") { Double($1.cancelledGroups) }
        own("temper_groups_failed_total", "counter", "Groups failed.") { Double($1.failedGroups) }
        own("temper_model_weight_bytes", "gauge", "Bytes of the weights.") { model, _ in Double(model.weightBytes) }
        own("temper_model_context_tokens", "gauge", "The context.") { model, _ in Double(model.contextLength) }
        // Names of vLLM that routers and gateways read.
        family(
            "vllm:num_requests_running", "gauge", "Alias of temper_running_sequences.", label: "model_name"
        ) { Double($1.runningSequences) }
        family(
            "vllm:num_requests_waiting", "gauge", "Alias of temper_waiting_sequences.", label: "model_name"
        ) { Double($1.waitingSequences) }
        family(
            "vllm:kv_cache_usage_perc", "gauge", "Alias of temper_kv_usage_ratio.", label: "model_name", usage)
        family(
            "vllm:gpu_cache_usage_perc", "gauge", "Alias of temper_kv_usage_ratio.", label: "model_name", usage)
        family(
            "vllm:prompt_tokens_total", "counter", "Alias of temper_prompt_tokens_total.", label: "model_name"
        ) { Double($1.promptTokens) }
        family(
            "vllm:generation_tokens_total", "counter", "Alias of temper_generated_tokens_total.", label: "model_name"
        ) { Double($1.generatedTokens) }
        family(
            "vllm:prefix_cache_queries_total", "counter", "Prompt tokens, computed or cached.", label: "model_name"
        ) { Double($1.cachedTokens + $1.promptTokens) }
        family(
            "vllm:prefix_cache_hits_total", "counter", "Alias of temper_prefix_cached_tokens_total.",
            label: "model_name"
        ) { Double($1.cachedTokens) }
        text.family("vllm:cache_config_info", "gauge", "The shape of the key-value cache.")
        for (model, metrics) in all {
            text.sample(
                "vllm:cache_config_info",
                [
                    "block_size": String(metrics.blockTokens), "model_name": model.id,
                    "num_gpu_blocks": String(metrics.totalBlocks),
                ], 1)
        }
    }
}

/// Writes Prometheus' text format.
struct PrometheusText: Sendable {
    private(set) var text = ""

    mutating func family(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    }

    mutating func sample(_ name: String, _ labels: [String: String], _ value: Double) {
        text += name
        if !labels.isEmpty {
            let list = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }
            text += "{\(list.joined(separator: ","))}"
        }
        text += " \(Int64(exactly: value).map(String.init) ?? value.description)\n"
    }

    mutating func histograms(
        _ name: String, _ help: String, _ label: String, _ histograms: [String: ServiceMetrics.Histogram]
    ) {
        family(name, "histogram", help)
        for (key, histogram) in histograms.sorted(by: { $0.key < $1.key }) {
            var total: UInt64 = 0
            for (index, count) in histogram.counts.enumerated() {
                total += count
                let bounds = ServiceMetrics.Histogram.bounds
                let bound = index < bounds.count ? bounds[index].description : "+Inf"
                sample("\(name)_bucket", [label: key, "le": bound], Double(total))
            }
            sample("\(name)_sum", [label: key], histogram.sum)
            sample("\(name)_count", [label: key], Double(total))
        }
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
