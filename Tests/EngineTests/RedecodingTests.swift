// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Foundation
import Testing

@Suite("Decoding a recorded run again")
struct RedecodingTests {
    /// Settings with all that a choice remembers: penalties, mirostat, stop strings, a least length.
    private func requests(_ harness: Harness) -> [GenerationRequest] {
        func make(_ change: (inout GenerationRequest) -> Void) -> GenerationRequest {
            var request = harness.request("the quick brown fox jumps over", seed: 5, max: 30)
            change(&request)
            return request
        }
        return [
            make { _ in },
            make { $0.sampling.temperature = 0 },
            make {
                $0.sampling.temperature = 1.4; $0.sampling.topK = 12; $0.sampling.repetitionPenalty = 1.3
            },
            make { $0.sampling.mirostat = MirostatParameters(version: .two, tau: 3) },
            make {
                $0.stopStrings = ["e", "ou"]; $0.minTokens = 4
            },
            make {
                $0.maxTokens = 45; $0.sampling.presencePenalty = 0.5
            },
            make { $0.maxTokens = 3 },
        ]
    }

    private struct Outcome: Equatable {
        var text = ""
        var ids: [Int32] = []
        var logprobs: [UInt32?] = []
        var reason: FinishReason?

        mutating func take(_ events: [GenerationEvent]) {
            for event in events {
                switch event {
                case .delta(_, _, let more, let tokens):
                    text += more
                    ids += tokens.map(\.id)
                    logprobs += tokens.map { $0.logprob?.bitPattern }
                case .finished(_, _, let reason): self.reason = reason
                default: break
                }
            }
        }

        init() {}

        init(_ text: Recorder.Text) {
            (self.text, ids, logprobs, reason) = (text.text, text.ids, text.logprobs, text.reason)
        }
    }

    private func record(_ harness: Harness, _ request: GenerationRequest) throws -> RunRecorder {
        var request = request
        let recorder = RunRecorder(choiceCount: request.choiceCount)
        request.recorder = recorder
        _ = try harness.run([request])
        return recorder
    }

    @Test("gives what the request gives anew, bit for bit, whatever was recorded")
    func equality() throws {
        let harness = try Harness()
        let all = requests(harness)
        let tokenizer = harness.info.tokenizer
        var withoutRest = 0
        for recorded in all {
            let recorder = try record(harness, recorded)
            for wanted in all {
                let fresh = Outcome(try harness.run([wanted])[0][0])
                let result = try Redecoding(wanted, over: recorder, choice: 0, tokenizer: tokenizer).run()
                var found = Outcome()
                found.take(result.events)
                if let rest = result.rest {
                    #expect(found.reason == nil)
                    let text = try harness.run([rest])[0][0]
                    found.text += text.text
                    found.ids += text.ids
                    found.logprobs += text.logprobs
                    found.reason = text.reason
                } else {
                    withoutRest += 1
                }
                #expect(found == fresh)
                if let difference = result.difference {
                    #expect(result.tokenCount == difference.step + 1 && difference.drawn != difference.recorded)
                }
            }
        }
        #expect(withoutRest >= all.count)
    }

    @Test("computes nothing as long as the tokens are the same")
    func noForwardPass() throws {
        let harness = try Harness()
        var request = requests(harness)[2]
        request.choiceCount = 3
        let recorder = try record(harness, request)
        #expect(recorder.tokenCount == 3 * request.maxTokens)
        for _ in 0..<100 where harness.engine.metrics(model: harness.id).usedBlocks > 0 { usleepBriefly() }
        let before = harness.engine.metrics(model: harness.id)
        for choice in 0..<3 {
            var again = request
            again.choiceCount = 1
            again.firstChoice = choice
            let result = try Redecoding(again, over: recorder, choice: choice, tokenizer: harness.info.tokenizer).run()
            #expect(result.rest == nil && result.difference == nil && result.tokenCount == request.maxTokens)
        }
        let after = harness.engine.metrics(model: harness.id)
        #expect(after.steps == before.steps && after.promptTokens == before.promptTokens)
    }

    @Test("computes what comes after the first other token and not much before it")
    func restOnly() throws {
        let harness = try Harness()
        var request = harness.request(String(repeating: "the quick brown fox ", count: 12), seed: 5, max: 40)
        let recorder = try record(harness, request)
        request.sampling.temperature = 0.5
        let result = try Redecoding(request, over: recorder, choice: 0, tokenizer: harness.info.tokenizer).run()
        let rest = try #require(result.rest)
        let step = try #require(result.difference?.step)
        #expect(rest.prompt.count == request.prompt.count + step + 1 && rest.maxTokens == request.maxTokens - step - 1)
        let recorded = try harness.finish(GenerationGroup([rest]))
        let usage = try #require(recorded.usages?.first)
        // Whole blocks of the run are still there; of the last one what agrees is copied.
        #expect(usage.promptTokens - usage.cachedTokens <= 2)
    }
}
