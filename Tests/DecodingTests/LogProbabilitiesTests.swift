// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

@Suite struct LogProbabilitiesTests {
    @Test(arguments: 0..<10)
    func topEqualsSortingTheVocabulary(_ seed: Int) throws {
        var random = TestRandom(seed: UInt64(seed))
        for _ in 0..<50 {
            let logits = SelectionTests.logits(&random)
            let sorted = logits.indices.sorted { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
            try logits.withUnsafeBufferPointer { buffer in
                let found = try LogProbabilities(logits: buffer, position: 0)
                for count in [0, 1, 2, 5, 20, logits.count - 1, logits.count, logits.count + 3] {
                    let top = found.top(count)
                    #expect(top.map(\.id) == sorted.prefix(max(count, 0)).map { Int32($0) }, "seed \(seed)")
                    // An id has one number wherever it is reported.
                    #expect(top.allSatisfy { $0.logprob == found.of($0.id) })
                }
                #expect(found.of(-1) == -.infinity && found.of(Int32(logits.count)) == -.infinity)
                #expect(found.top(-1) == [])
            }
        }
    }

    @Test func theLikeliestIsNeverAboveZero() throws {
        let vectors: [[Float]] = [[0], [88, -.infinity], [3.4e38, -3.4e38], [-3.4e38], [.leastNonzeroMagnitude, 0]]
        for logits in vectors {
            try logits.withUnsafeBufferPointer { buffer in
                let found = try LogProbabilities(logits: buffer, position: 0)
                #expect(found.top(1).allSatisfy { $0.logprob <= 0 && $0.logprob > -1 }, "\(logits)")
            }
        }
    }

    @Test func processedOnesAreOfWhatIsLeft() throws {
        var random = TestRandom(seed: 9)
        for round in 0..<200 {
            let logits = SelectionTests.logits(&random)
            var parameters = SamplingParameters()
            parameters.temperature = [0, 0.5, 1, 2][round % 4]
            parameters.topK = [0, 3, 100][round % 3]
            parameters.minP = round % 5 == 0 ? 0.1 : 0
            var sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: logits.count)
            var workspace = SamplingWorkspace()
            let id = try logits.withUnsafeBufferPointer {
                try sampler.sample(logits: $0, position: round, workspace: &workspace)
            }
            let left = try survivors(sampler, logits, position: round)
            let found = try #require(ProcessedProbabilities(of: workspace))
            let probabilities = softmax(left.logits)
            for (place, survivor) in left.ids.enumerated() {
                #expect(abs(exp(Double(found.of(survivor))) - probabilities[place]) < 1e-6, "round \(round)")
            }
            #expect(found.of(id) > -.infinity && found.of(-1) == -.infinity)
            let order = left.ids.indices.sorted {
                left.logits[$0] != left.logits[$1] ? left.logits[$0] > left.logits[$1] : $0 < $1
            }
            for count in [0, 1, 5, logits.count + 1] {
                let top = found.top(count)
                #expect(top.map(\.id) == order.prefix(count).map { left.ids[$0] }, "round \(round)")
                #expect(top.allSatisfy { $0.logprob == found.of($0.id) })
            }
        }
        #expect(ProcessedProbabilities(of: SamplingWorkspace()) == nil)
    }
}
