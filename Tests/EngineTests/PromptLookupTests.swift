// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Testing

@Suite("Prompt lookup")
struct PromptLookupTests {
    @Test(
        "guesses what followed the place that reads most like the end, the latest of several",
        arguments: [
            ([], 3, 4, []), ([1], 3, 4, []), ([1, 2, 3], 3, 4, []),
            ([1, 2, 3, 1], 3, 2, [2, 3]), ([1, 2, 3, 1], 3, 5, [2, 3, 1, 2, 3]),
            ([7, 1, 8, 2, 1, 9, 7, 1], 3, 1, [8]), ([7, 1, 8, 2, 1, 9, 7, 1], 1, 1, [9]),
            ([1, 2, 3, 1, 2, 4, 1, 2], 2, 1, [4]), ([5, 5, 5], 3, 4, [5, 5, 5, 5]),
        ] as [([Int32], Int, Int, [Int32])])
    func draft(_ ids: [Int32], _ matchLimit: Int, _ tokenCount: Int, _ expected: [Int32]) {
        let lookup = PromptLookup(tokenCount: tokenCount, matchLimit: matchLimit)
        #expect(lookup.draft(after: ids, limit: 100) == expected)
        #expect(lookup.draft(after: ids, limit: 1) == Array(expected.prefix(1)))
        #expect(lookup.draft(after: ids, limit: 0).isEmpty && lookup.draft(after: ids, limit: -3).isEmpty)
    }

    /// Requests of many kinds over a text that repeats itself.
    private func requests(_ harness: Harness) -> [GenerationRequest] {
        let text = String(repeating: "the fox ran and the fox slept and ", count: 5)
        return (0..<24).map { index in
            var request = harness.request(text, seed: UInt64(index % 3), max: 1 + 7 * (index % 6))
            if index % 3 == 0 { request.sampling.temperature = 0 }
            if index % 5 == 1 {
                request.sampling.topK = 3
                request.sampling.temperature = 0.3
            }
            if index % 7 == 2 { request.sampling.repetitionPenalty = 1.2 }
            if index % 4 == 3 { request.choiceCount = 3 }
            if index % 6 == 4 { request.ignoresEnd = false }
            if index % 8 == 5 { request.stopStrings = ["a", "e"] }
            if index % 9 == 6 {
                request.logprobMode = .both
                request.minTokens = 1
            }
            if index % 11 == 3 { request.reportsPromptLogprobs = true }
            return request
        }
    }

    @Test("answers are bit-equal to those of one token a step", arguments: [1, 4, 16])
    func exact(tokenCount: Int) throws {
        let plain = try Harness(threads: 1)
        defer { plain.engine.stop() }
        let harness = try Harness()
        defer { harness.engine.stop() }
        var sums = (guessed: 0, accepted: 0)
        let started = try requests(harness).map { request in
            var request = request
            request.lookup = PromptLookup(tokenCount: tokenCount, matchLimit: 3)
            return try harness.start([request]).0
        }
        for (index, (request, recorder)) in zip(requests(plain), started).enumerated() {
            recorder.wait()
            #expect(recorder.error == nil)
            #expect(recorder.texts == (try plain.run([request])), "request \(index)")
            let usage = try #require(recorder.usages?.first)
            #expect(usage.acceptedDraftTokens <= usage.draftTokens)
            // Each choice's first token, and one a step after it, is drawn without a guess.
            #expect(usage.generatedTokens - usage.acceptedDraftTokens >= request.choiceCount)
            sums.guessed += usage.draftTokens
            sums.accepted += usage.acceptedDraftTokens
        }
        #expect(sums.accepted > 0 && sums.accepted < sums.guessed)
        let metrics = harness.engine.metrics(model: harness.id)
        #expect(metrics.draftTokens == UInt64(sums.guessed))
        #expect(metrics.acceptedDraftTokens == UInt64(sums.accepted))
    }

    @Test("a text in a loop takes few steps")
    func steps() throws {
        let harness = try Harness()
        defer { harness.engine.stop() }
        var request = harness.request("ab", max: 64)
        // Nothing but one token may be drawn.
        request.sampling.allowedIDs = [request.prompt[0]]
        func steps() throws -> UInt64 {
            let before = harness.engine.metrics(model: harness.id).steps
            _ = try harness.run([request])
            for _ in 0..<200 where harness.engine.metrics(model: harness.id).usedBlocks > 0 { usleepBriefly() }
            return harness.engine.metrics(model: harness.id).steps - before
        }
        let plain = try steps()
        request.lookup = PromptLookup(tokenCount: 7, matchLimit: 3)
        let ahead = try steps()
        #expect(plain >= 64 && ahead <= 12, "\(plain), \(ahead)")
    }
}
