// SPDX-License-Identifier: Apache-2.0

import Decoding
import Glibc
import Testing

@Suite("The cost of a trace", .serialized)
struct TraceCostTests {
    private static let vocabularySize = 151_936

    private static func settings(_ name: String) -> SamplingParameters {
        var parameters = SamplingParameters()
        parameters.seed = 9
        switch name {
        case "plain": break
        case "common":
            parameters.temperature = 0.7; parameters.topK = 40; parameters.topP = 0.9
        case "llama.cpp":
            parameters.order = .llamaCpp
            parameters.topK = 40; parameters.topP = 0.95; parameters.minP = 0.05; parameters.temperature = 0.8
        case "nucleus":
            parameters.temperature = 0.8; parameters.topP = 0.9
        case "penalties":
            parameters.repetitionPenalty = 1.1; parameters.temperature = 0.8; parameters.minP = 0.05
        default: Issue.record("no settings \(name)")
        }
        return parameters
    }

    /// Seconds that this thread has worked.
    private static var threadTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The least time of several runs.
    private static func least(_ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<15 {
            let start = threadTime
            try body()
            best = min(best, threadTime - start)
        }
        return best
    }

    @Test("is at most twice that of the draw", arguments: ["plain", "common", "llama.cpp", "nucleus", "penalties"])
    func cost(_ name: String) throws {
        let logits = (0..<Self.vocabularySize).map { index in
            let wave: Double = 4 * sin(Double(index) * 12.9898) + 3 * sin(Double(index) * 0.37)
            return Float(index % 977 == 0 ? wave : wave - 6)
        }
        let prompt = (0..<200).map { Int32($0 * 31) }
        var sampler = Sampler(
            parameters: Self.settings(name), choice: 0, prompt: prompt, vocabularySize: Self.vocabularySize)
        var workspace = SamplingWorkspace()
        try logits.withUnsafeBufferPointer { buffer in
            var id: Int32 = 0
            let draw = try Self.least {
                id = try sampler.sample(logits: buffer, position: 200, workspace: &workspace)
            }
            let trace = try Self.least {
                _ = try sampler.trace(
                    of: id, .full(count: 5), logits: buffer, position: 200, workspace: &workspace)
            }
            print("trace \(name): draw \(draw * 1e6) us, trace \(trace * 1e6) us, ratio \(trace / draw)")
            #expect(trace <= 2 * draw, "draw \(draw * 1e6) µs, trace \(trace * 1e6) µs")
        }
    }
}
