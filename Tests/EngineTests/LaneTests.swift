// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Decoding
import Engine
import Foundation
import Testing
import Tokenizers

@Suite("Lanes")
struct LaneTests {
    /// Requests for one prompt under settings that have little in common.
    private func lanes(_ harness: Harness, choices: Int = 2) -> [GenerationRequest] {
        let text = String(repeating: "the quick brown fox jumps over the lazy dog ", count: 2)
        func lane(_ change: (inout GenerationRequest) -> Void) -> GenerationRequest {
            var request = harness.request(text, seed: 7, max: 20)
            request.choiceCount = choices
            change(&request)
            return request
        }
        return [
            lane { _ in },
            lane { $0.sampling.temperature = 0 },
            lane {
                $0.sampling.temperature = 0.5; $0.sampling.topK = 10
            },
            lane {
                $0.sampling.temperature = 1.5; $0.sampling.minP = 0.02; $0.maxTokens = 9
            },
            lane {
                $0.sampling.repetitionPenalty = 1.5; $0.sampling.seed = 8
            },
            lane {
                $0.sampling.order = .llamaCpp
                $0.sampling.mirostat = MirostatParameters(version: .two, tau: 3)
                $0.choiceCount = choices + 1
                $0.stopStrings = ["e"]
            },
        ]
    }

    @Test("are the same bits as each request alone, for one prefill", arguments: [1, 3])
    func invariance(threads: Int) throws {
        let harness = try Harness(threads: threads) { $0.keepsPrefixes = false }
        let requests = lanes(harness)
        let prompt = requests[0].prompt
        let alone = try requests.map { try harness.run([$0])[0] }
        // All of the prompt, a whole number of cache blocks, less and more.
        for shared in [prompt.count, 64, 33, 1] {
            let before = harness.engine.metrics(model: harness.id).promptTokens
            let together = try harness.finish(GenerationGroup(requests, sharedTokens: shared))
            #expect(together.texts == alone, "\(shared) shared")
            let usages = try #require(together.usages)
            #expect(usages.map(\.cachedTokens) == [0] + Array(repeating: shared, count: requests.count - 1))
            #expect(usages.map(\.promptTokens) == requests.map { $0.prompt.count })
            #expect(zip(usages, alone).allSatisfy { $0.generatedTokens == $1.reduce(0) { $0 + $1.ids.count } })
            let expected = UInt64(shared + requests.count * (prompt.count - shared))
            #expect(computed(harness, since: before, expected: expected) == expected)
        }
        for _ in 0..<100 where harness.engine.metrics(model: harness.id).usedBlocks > 0 { usleepBriefly() }
        #expect(harness.engine.metrics(model: harness.id).usedBlocks == 0)
        harness.engine.stop()
    }

    /// Requests for one prompt, by every strategy there is and by none.
    private func strategies(_ harness: Harness) -> [GenerationRequest] {
        let plain = Array(lanes(harness)[..<2])
        let ids = plain[0].prompt
        func lane(_ strategy: DecodingStrategy, choices: Int = 2) -> GenerationRequest {
            var request = plain[0]
            request.strategy = strategy
            request.choiceCount = choices
            request.logprobCount = 0
            return request
        }
        var diverse = BeamParameters(width: 4)
        (diverse.groupCount, diverse.diversityPenalty) = (2, 0.7)
        var draws = [
            lane(.sample), lane(.layerContrast([0])), lane(.guided(.init(scale: 1.5, negativePrompt: [ids[4]]))),
            lane(.guided(.init(scale: 2, negativePrompt: Array(ids.prefix(40)) + [ids[0], ids[1]]))),
        ]
        var searches = [
            lane(.beam(BeamParameters(width: 3))), lane(.beam(diverse)),
            lane(.contrastive(ContrastiveParameters(count: 3, penalty: 0.6)), choices: 1),
        ]
        for index in searches.indices { searches[index].sampling.temperature = 1 }
        draws[0].sampling.topK = 5
        return plain + draws + searches
    }

    @Test("with strategies of their own are the same bits as each request alone", arguments: [1, 3])
    func strategies(threads: Int) throws {
        let harness = try Harness(threads: threads) { $0.keepsPrefixes = false }
        var requests = strategies(harness)
        let alone = try requests.map { try harness.run([$0])[0] }
        for index in requests.indices { requests[index].startsAtPromptEnd = true }
        let last = requests[0].prompt.count - 1
        for shared in [last, 40, 33, 1] {
            var group = GenerationGroup(requests, sharedTokens: shared)
            group.reportsDivergence = true
            let together = try harness.finish(group)
            #expect(together.error == nil && together.texts == alone, "\(shared) shared")
            // One guide begins with nothing of the prompt, the other with 40 tokens of it.
            // Contrastive search shares all of its prompt but the last token, or nothing.
            let apart = shared > 40 ? [4, 5] : [4, 8]
            let cached = requests.indices.map { $0 == 0 || apart.contains($0) ? 0 : shared }
            #expect(together.usages?.map(\.cachedTokens) == cached, "\(shared) shared")
            let told = Set(together.divergences.map(\.lane))
            #expect(told.isSubset(of: [1, 2]) && told.contains(1), "\(shared) shared: \(told)")
        }
        // Beside a first lane that does not draw, nothing is told.
        var group = GenerationGroup(requests.reversed(), sharedTokens: last)
        group.reportsDivergence = true
        let together = try harness.finish(group)
        #expect(together.texts == alone.reversed() && together.divergences.isEmpty)
        for _ in 0..<100 where harness.engine.metrics(model: harness.id).usedBlocks > 0 { usleepBriefly() }
        #expect(harness.engine.metrics(model: harness.id).usedBlocks == 0)
        harness.engine.stop()
    }

    @Test("report the first place where they leave the first lane, and why")
    func divergences() throws {
        let harness = try Harness()
        var requests = Array(lanes(harness)[..<4])
        for index in requests.indices { requests[index].reportsStatistics = true }
        requests.append(requests[0])  // The same settings: never diverges.
        var other = requests[0]
        other.sampling.seed = 99
        requests.append(other)
        var group = GenerationGroup(requests, sharedTokens: requests[0].prompt.count)
        group.reportsDivergence = true
        let recorder = try harness.finish(group)
        let texts = recorder.texts
        #expect(texts[4] == texts[0])
        for lane in 1..<requests.count {
            for choice in 0..<2 {
                let (left, right) = (texts[0][choice].ids, texts[lane][choice].ids)
                let first = zip(left, right).enumerated().first { $1.0 != $1.1 }?.offset
                let found = recorder.divergences.filter { $0.lane == lane && $0.choice == choice }
                #expect(found.count == (first == nil ? 0 : 1), "lane \(lane), choice \(choice)")
                guard let first, let divergence = found.first?.divergence else { continue }
                #expect(divergence.position == requests[0].prompt.count + first)
                #expect(divergence.reference == left[first] && divergence.other == right[first])
                // The log-probabilities are those that the draws themselves reported.
                #expect(divergence.raw.other.bitPattern == texts[lane][choice].logprobs[first])
                #expect(divergence.raw.reference.bitPattern == texts[0][choice].logprobs[first])
                let drawn = try #require(recorder.statistics[lane])
                #expect(drawn.contains { Float($0.processedLogprob) == divergence.inOther.other })
                switch divergence.cause {
                case .constrained: Issue.record("no lane is constrained")
                case .removed(_, let side): #expect(lane != 5 && (lane != 1 || side == .other))
                case .reweighted: #expect(lane != 1 && lane != 5)
                case .noise: #expect(lane == 5)
                }
                if lane == 1 { #expect(divergence.cause == .removed(by: .temperature, on: .other)) }
            }
        }
        #expect(recorder.divergences.contains { $0.lane == 5 } && recorder.divergences.contains { $0.lane == 1 })
        harness.engine.stop()
    }

    @Test("report statistics that agree with the log-probabilities")
    func statistics() throws {
        let harness = try Harness()
        var request = harness.request("statistics", max: 12)
        request.sampling.topK = 7
        request.sampling.temperature = 0.6
        request.reportsStatistics = true
        request.logprobMode = .both
        request.logprobCount = 16384
        let recorder = try harness.finish(GenerationGroup([request]))
        let statistics = try #require(recorder.statistics[0])
        #expect(statistics.count == 12)
        for (found, bits) in zip(statistics, recorder.texts[0][0].logprobs) {
            #expect(Float(found.rawLogprob).bitPattern == bits)
            #expect(found.survivorCount == 7 && found.processedEntropy <= log(7) && found.processedEntropy > 0)
            #expect(found.rawEntropy > found.processedEntropy)
            #expect(found.processedLogprob <= 0 && found.rawLogprob < 0)
        }
        harness.engine.stop()
    }

    /// Prompt tokens computed since there were `before`. Waits for the step of a group's last event, which is counted a
    /// moment after the event, until there are as many as `expected`.
    private func computed(_ harness: Harness, since before: UInt64, expected: UInt64) -> UInt64 {
        func found() -> UInt64 { harness.engine.metrics(model: harness.id).promptTokens - before }
        for _ in 0..<500 where found() < expected { usleepBriefly() }
        return found()
    }

    @Test("score continuations of a shared prefix as whole prompts are scored")
    func scoring() throws {
        let harness = try Harness { $0.keepsPrefixes = false }
        let prefix = harness.request("Question: what is the colour of the sky today? Answer:").prompt
        let tails: [[Int32]] = [[5], [9, 8, 7], Array(1...40), [3]]
        let requests = tails.map { tail in
            var request = GenerationRequest(prompt: prefix + tail, maxTokens: 0)
            request.logprobCount = 1
            request.reportsPromptLogprobs = true
            request.promptLogprobStart = prefix.count
            return request
        }
        let before = harness.engine.metrics(model: harness.id).promptTokens
        let together = try harness.finish(GenerationGroup(requests, sharedTokens: prefix.count))
        // The last token of each tail needs no computation.
        let rows = UInt64(prefix.count + tails.reduce(0) { $0 + $1.count - 1 })
        #expect(computed(harness, since: before, expected: rows) == rows)
        for (index, request) in requests.enumerated() {
            var whole = request
            whole.promptLogprobStart = 0
            let alone = try harness.finish(GenerationGroup([whole]))
            let expected = alone.prompts[0].suffix(tails[index].count)
            let found = together.prompts[index]
            #expect(found.map(\.id) == tails[index])
            #expect(found.map { $0.logprob?.bitPattern } == expected.map { $0.logprob?.bitPattern })
            #expect(found.map(\.top) == expected.map(\.top) && found.allSatisfy { $0.top.count == 1 })
        }
        harness.engine.stop()
    }

    @Test("compare distributions without a draw")
    func distributions() throws {
        let harness = try Harness()
        var request = harness.request("distributions", max: 0)
        var settings = (0..<3).map { _ in SamplingParameters() }
        settings[1].temperature = 0.5
        settings[2].topK = 3
        request.distributions = DistributionQuery(settings: settings, count: 5)
        let recorder = try harness.finish(GenerationGroup([request]))
        let report = try #require(recorder.distributions)
        #expect(recorder.usages?.first?.generatedTokens == 0)
        let size = harness.info.config.vocabularySize
        #expect(report.entries.map(\.survivorCount) == [size, size, 3] && report.raw == report.entries[0])
        #expect(report.distances[0][1].backward == .infinity || report.distances[0][1].forward == .infinity)
        // What follows is what the model reports when it draws.
        var drawn = request
        drawn.distributions = nil
        drawn.maxTokens = 1
        drawn.logprobCount = 5
        drawn.sampling.temperature = 0
        let first = try harness.finish(GenerationGroup([drawn]))
        #expect(first.texts[0][0].ids == [report.raw.top[0].id])
        #expect(first.texts[0][0].logprobs == [report.raw.top[0].logprob.bitPattern])
        harness.engine.stop()
    }

    @Test("stop together when cancelled, and leave the cache as it was")
    func cancellation() throws {
        let harness = try Harness()
        var requests = lanes(harness)
        for index in requests.indices { requests[index].maxTokens = 200 }
        var group = GenerationGroup(requests, sharedTokens: 40)
        group.reportsDivergence = true
        let (recorder, handle) = try harness.start(group)
        while recorder.eventCount < 20 { usleepBriefly() }
        handle.cancel()
        #expect(recorder.wait(seconds: 2) && recorder.error == .cancelled)
        for _ in 0..<100 where harness.engine.metrics(model: harness.id).usedBlocks > 0 { usleepBriefly() }
        let metrics = harness.engine.metrics(model: harness.id)
        #expect(metrics.usedBlocks == 0 && metrics.runningSequences == 0)
        harness.engine.stop()
    }

    @Test("end at their own deadlines")
    func deadlines() throws {
        let harness = try Harness { $0.stepDuration = .microseconds(1) }
        var requests = lanes(harness)
        let expected = try harness.run([requests[0]])[0]
        requests[1].deadline = .now - .seconds(1)
        requests[2].deadline = .now + .milliseconds(1)
        requests[2].maxTokens = 400
        let texts = try harness.finish(GenerationGroup(requests, sharedTokens: 2)).texts
        #expect(texts[0] == expected)
        #expect(texts[1].allSatisfy { $0.ids.isEmpty && $0.reason == .deadline })
        #expect(texts[2].allSatisfy { $0.reason == .deadline })
        harness.engine.stop()
    }

    @Test("need no more cache together than is counted")
    func tightCache() throws {
        // Exactly the blocks that the group is counted for.
        let roomy = try Harness()
        let requests = lanes(roomy)
        let expected = try roomy.finish(GenerationGroup(requests, sharedTokens: 50)).texts
        let blockBytes = roomy.info.kvBytesPerToken * 32
        roomy.engine.stop()
        let prompt = requests[0].prompt.count
        let needed =
            50 / 32
            + requests.reduce(0) { sum, request in
                sum + request.choiceCount * ((prompt + request.maxTokens + 31) / 32 - 50 / 32)
            }
        let tight = try Harness { $0.cacheBytes = needed * blockBytes }
        #expect(tight.engine.metrics(model: tight.id).totalBlocks == needed)
        #expect(try tight.finish(GenerationGroup(requests, sharedTokens: 50)).texts == expected)
        tight.engine.stop()
        let tighter = try Harness { $0.cacheBytes = (needed - 1) * blockBytes }
        #expect(throws: EngineError.cacheOverflow(neededTokens: needed * 32, capacityTokens: (needed - 1) * 32)) {
            _ = try tighter.start(GenerationGroup(requests, sharedTokens: 50))
        }
        tighter.engine.stop()
    }
}
