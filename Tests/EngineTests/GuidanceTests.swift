// SPDX-License-Identifier: Apache-2.0

import Compute
import Decoding
import Engine
import Testing
import Tokenizers

@Suite("Classifier-free guidance")
struct GuidanceTests {
    @Test("takes what transformers takes")
    func goldens() throws {
        let goldens = try #require(StrategyGoldens.all)
        let harness = try Harness { $0.cacheType = .f32 }
        for golden in goldens.guided {
            var request = golden.request
            request.sampling.temperature = 0
            let negative = golden.negative_prompt ?? Array(golden.prompt.suffix(1))
            request.strategy = .guided(
                GuidanceParameters(scale: try #require(golden.scale), negativePrompt: negative))
            #expect(try harness.run([request])[0].map(\.ids) == golden.sequences, "\(golden.prompt)")
        }
        #expect(goldens.guided.count >= 8)
        harness.engine.stop()
    }

    private func request(_ harness: Harness, _ negative: [Int32], scale: Float) -> GenerationRequest {
        var request = harness.request("towards this", seed: 5, max: 45)
        request.choiceCount = 3
        request.strategy = .guided(GuidanceParameters(scale: scale, negativePrompt: negative))
        return request
    }

    @Test("by 1 is plain sampling, by 0 the other prompt's")
    func ends() throws {
        let harness = try Harness()
        let negative = harness.info.tokenizer.encode("away from that", addSpecial: true, parseSpecial: false)
        var plain = request(harness, negative, scale: 1)
        plain.strategy = .sample
        let ids = try harness.run([plain])[0].map(\.ids)
        #expect(try harness.run([request(harness, negative, scale: 1)])[0].map(\.ids) == ids)
        #expect(try harness.run([request(harness, negative, scale: 2)])[0].map(\.ids) != ids)
        // As many tokens: the noise is that of the position.
        var other = plain
        other.prompt = Array((negative + negative).prefix(plain.prompt.count))
        #expect(
            try harness.run([request(harness, other.prompt, scale: 0)])[0].map(\.ids)
                == harness.run([other])[0].map(\.ids))
        harness.engine.stop()
    }

    @Test("gives the same bits alone and in company, whatever the prompts share")
    func invariance() throws {
        let alone = try Harness(threads: 1) { $0.stepDuration = .seconds(1) }
        let crowd = try Harness(threads: 3) { $0.stepDuration = .microseconds(1) }
        let prompt = request(alone, [5], scale: 1).prompt
        let long = Array(repeating: prompt, count: 9).flatMap { $0 }
        let negatives = [[5], Array(prompt.prefix(2)) + [7, 8, 9], prompt, prompt + [4], long]
        let requests = negatives.map { request(alone, $0, scale: 2.5) }
        let expected = try requests.map { try alone.run([$0])[0] }
        #expect(Set(expected.map { $0[0].ids }).count > 2)
        // 3 choices of 2 rows each, many at once: pairs come to lie across the 32 rows of logits.
        let started = try (0..<20).map { try crowd.start([requests[$0 % 5]]).0 }
        for (index, recorder) in started.enumerated() {
            recorder.wait()
            #expect(recorder.texts[0] == expected[index % 5], "negative prompt \(index % 5)")
        }
        #expect(crowd.idleMetrics().runningSequences == 0)
        alone.engine.stop()
        crowd.engine.stop()
    }

    @Test("ends at its deadline, in the prompt as in the answer")
    func deadline() throws {
        let harness = try Harness()
        var late = request(harness, [5, 6], scale: 2)
        late.deadline = .now - .seconds(1)
        #expect(try harness.run([late])[0].allSatisfy { $0.reason == .deadline })
        var short = request(harness, [5, 6], scale: 2)
        short.maxTokens = 400
        short.deadline = .now + .milliseconds(20)
        #expect(try harness.run([short])[0].allSatisfy { $0.reason == .deadline || $0.reason == .length })
        #expect(harness.idleMetrics().runningSequences == 0)
        harness.engine.stop()
    }
}
