// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Testing
import Tokenizers

@Suite("Prefix cache")
struct PrefixCacheTests {
    private let shared = String(repeating: "once there was a fox that ", count: 8)

    /// The same request on an engine that computes every prompt from its start.
    private func reference(_ requests: [GenerationRequest]) throws -> [[Recorder.Text]] {
        let harness = try Harness(threads: 1) { $0.keepsPrefixes = false }
        defer { harness.engine.stop() }
        return try requests.map { request in
            let (recorder, _) = try harness.start([request])
            recorder.wait()
            #expect(recorder.error == nil && recorder.usages?.first?.cachedTokens == 0)
            return recorder.texts[0]
        }
    }

    @Test("gives the same bits and says what it took from the cache")
    func reuse() throws {
        let harness = try Harness()
        defer { harness.engine.stop() }
        let first = harness.request(shared + "ran.", seed: 1, max: 40)
        var second = harness.request(shared + "slept and dreamt.", seed: 2, max: 40)
        second.choiceCount = 3
        var longer = first
        longer.prompt += harness.info.tokenizer.encode(" Then it", addSpecial: false, parseSpecial: false)
        let requests = [first, second, first, longer, second]
        let expected = try reference(requests)
        let common = zip(first.prompt, second.prompt).prefix { $0 == $1 }.count
        #expect(common > 64 && common % 32 != 0)
        let found = [0, common, first.prompt.count - 1, first.prompt.count, second.prompt.count - 1]
        for (index, request) in requests.enumerated() {
            let (recorder, _) = try harness.start([request])
            recorder.wait()
            #expect(recorder.texts[0] == expected[index], "request \(index)")
            // What the continuation of the first request happens to share with the longer prompt counts as well.
            let cached = try #require(recorder.usages?.first?.cachedTokens)
            #expect(index == 3 ? cached >= found[3] - 1 : cached == found[index], "request \(index)")
        }
        for _ in 0..<100 where harness.engine.metrics(model: harness.id).usedBlocks > 0 { usleepBriefly() }
        let metrics = harness.engine.metrics(model: harness.id)
        #expect(metrics.cachedTokens > 0 && metrics.idleBlocks > 0 && metrics.usedBlocks == 0)
        #expect(metrics.cachedTokens + metrics.promptTokens == UInt64(requests.reduce(0) { $0 + $1.prompt.count }))
    }

    @Test("a conversation goes on from the keys and values of its own answer")
    func continuation() throws {
        let harness = try Harness()
        defer { harness.engine.stop() }
        let question = harness.request(shared, max: 70)
        let answer = try harness.run([question])[0][0]
        var next = question
        next.prompt += answer.ids + question.prompt
        let expected = try reference([next])[0]
        let (recorder, _) = try harness.start([next])
        recorder.wait()
        #expect(recorder.texts[0] == expected)
        // All but the answer's last token, which was never computed.
        #expect(recorder.usages?.first?.cachedTokens == question.prompt.count + answer.ids.count - 1)
    }

    @Test("prompt log-probabilities are computed in full, and what they leave is used")
    func echo() throws {
        let harness = try Harness()
        defer { harness.engine.stop() }
        var scored = harness.request(shared + "ran.", max: 4)
        scored.reportsPromptLogprobs = true
        func score() throws -> (tokens: [ReportedToken], cached: Int?) {
            let (recorder, _) = try harness.start([scored])
            recorder.wait()
            return (recorder.prompts[0], recorder.usages?.first?.cachedTokens)
        }
        let (first, second) = (try score(), try score())
        #expect(first.cached == 0 && second.cached == 0 && first.tokens.count == scored.prompt.count)
        #expect(first.tokens.map { $0.logprob?.bitPattern } == second.tokens.map { $0.logprob?.bitPattern })
        var plain = scored
        plain.reportsPromptLogprobs = false
        let (recorder, _) = try harness.start([plain])
        recorder.wait()
        #expect(recorder.usages?.first?.cachedTokens == scored.prompt.count - 1)
        #expect(recorder.texts[0] == (try reference([plain])[0]))
    }

    @Test("gives way when memory is needed, and stays right under any mix", arguments: [12, 20, 64])
    func eviction(_ blockCount: Int) throws {
        var blockBytes = 0
        let harness = try Harness { options in
            // Bytes of a block: float keys and values of all layers.
            blockBytes = Self.blockBytes
            options.cacheBytes = blockCount * blockBytes
            options.stepDuration = .microseconds(1)
        }
        defer { harness.engine.stop() }
        var requests: [GenerationRequest] = []
        for index in 0..<36 {
            let start = String(shared.prefix(20 + 37 * (index % 5)))
            var request = harness.request(start + "\(index % 7)", seed: UInt64(index % 4), max: 5 + 11 * (index % 4))
            request.choiceCount = 1 + index % 2
            requests.append(request)
        }
        let expected = try reference(requests)
        let started = try requests.map { try harness.start([$0]).0 }
        var cached = 0
        for (index, recorder) in started.enumerated() {
            recorder.wait()
            #expect(recorder.error == nil && recorder.texts[0] == expected[index], "request \(index)")
            cached += recorder.usages?.first?.cachedTokens ?? 0
        }
        #expect(cached > 0)
        var metrics = harness.engine.metrics(model: harness.id)
        for _ in 0..<100 where metrics.usedBlocks > 0 {
            usleepBriefly()
            metrics = harness.engine.metrics(model: harness.id)
        }
        #expect(metrics.totalBlocks == blockCount && metrics.usedBlocks == 0)
        #expect(metrics.idleBlocks <= blockCount && metrics.idleBlocks > 0)
    }

    private static var blockBytes: Int {
        get {
            guard let model = try? LoadedModel(path: Harness.checkpoint, options: EngineOptions(threadCount: 1)) else {
                return 0
            }
            return 32 * model.info.kvBytesPerToken
        }
    }
}
