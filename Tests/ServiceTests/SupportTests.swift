// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPTypes
import Logging
import Service
import StrictJSON
import Testing

@Suite struct SupportTests {
    @Test func metricsNameRequestsEngineAndAliases() throws {
        let service = TestService()
        _ = try service.complete("{\"prompt\":\"a\"}")
        _ = try service.send(.get, "/secret-\u{1}path")
        let text = try service.send(.get, "/metrics").text
        for line in [
            "temper_requests_total{route=\"/v1/completions\",status=\"200\"} 1",
            "temper_requests_total{route=\"other\",status=\"404\"} 1", "temper_ready 1",
            "temper_generations_in_flight 0", "temper_running_sequences{model=\"fake\"} 2",
            "temper_kv_usage_ratio{model=\"fake\"} 0.25", "temper_request_generated_tokens_total{model=\"fake\"} 4",
            "vllm:num_requests_running{model_name=\"fake\"} 2", "vllm:num_requests_waiting{model_name=\"fake\"} 3",
            "vllm:kv_cache_usage_perc{model_name=\"fake\"} 0.25", "vllm:gpu_cache_usage_perc{model_name=\"fake\"} 0.25",
            "vllm:cache_config_info{block_size=\"32\",model_name=\"fake\",num_gpu_blocks=\"4\"} 1",
        ] {
            #expect(text.contains(line + "\n"), "\(line)")
        }
        #expect(!text.contains("secret"))
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            #expect(line.split(separator: " ").last.flatMap { Double($0) } != nil, "\(line)")
        }
    }

    @Test func logLineIsOneLineWhateverItHolds() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let descriptor = ends[1]
        let logger = Logger(label: "test") { _ in LineLogHandler(level: .info, descriptor: descriptor) }
        logger.info("request", metadata: ["path": "/a\n2026 fake\u{1B}[31m \u{2028}\"x\"", "status": "200"])
        logger.debug("not written")
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(ends[0], &buffer, buffer.count)
        let text = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        #expect(
            text.dropFirst("2026-01-01T00:00:00.000Z ".count)
                == "info request path=\"/a\\n2026 fake\\u{1b}[31m \\u{2028}\\\"x\\\"\" status=200\n")
    }
}
