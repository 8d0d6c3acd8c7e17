// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Constraints
import Decoding
import Engine
import Testing
import Tokenizers

@Suite("Constrained requests")
struct ConstrainedEngineTests {
    private func constrained(_ harness: Harness, _ source: ConstraintSource, seed: UInt64) throws -> GenerationRequest {
        let tokenizer = harness.info.tokenizer
        let trie = TokenTrie(pieces: (0..<harness.info.config.vocabularySize).map { tokenizer.bytes(of: Int32($0)) })
        var request = harness.request("say: ", seed: seed, max: 60)
        request.ignoresEnd = false
        request.sampling.temperature = 1.5
        request.sampling.constraint = ConstraintParameters(
            try TokenConstraint(source, trie), endIDs: tokenizer.endIDs, name: "x")
        return request
    }

    @Test("end with the text, without a token that ends it")
    func ends() throws {
        let harness = try Harness()
        var request = try constrained(harness, .choice(["yes", "no", "perhaps"]), seed: 3)
        request.choiceCount = 8
        let texts = try harness.run([request])[0]
        for text in texts {
            #expect(["yes", "no", "perhaps"].contains(text.text))
            #expect(text.reason == .constraint)
            #expect(text.isShown.allSatisfy { $0 })
        }
        harness.engine.stop()
    }

    @Test("give the same bits alone and in company that shares their constraint")
    func invariance() throws {
        let alone = try Harness(threads: 1)
        let crowd = try Harness(threads: 3) { $0.stepDuration = .microseconds(1) }
        let sources: [ConstraintSource] = [
            .jsonObject, .regex("[a-z]{3,12}( [a-z]{3,12}){2,9}\\."), .choice(["a", "ab", "abc"]),
        ]
        let shared = try sources.map { try constrained(crowd, $0, seed: 0).sampling.constraint }
        var expected: [[Recorder.Text]] = []
        var started: [Recorder] = []
        for seed in 0..<12 {
            var request = try constrained(alone, sources[seed % 3], seed: UInt64(seed))
            request.choiceCount = 1 + seed % 3
            expected.append(try alone.run([request])[0])
            request.sampling.constraint = shared[seed % 3]
            started.append(try crowd.start([request]).0)
        }
        for (index, recorder) in started.enumerated() {
            recorder.wait()
            #expect(recorder.texts[0] == expected[index], "request \(index)")
        }
        alone.engine.stop()
        crowd.engine.stop()
    }
}
