// SPDX-License-Identifier: Apache-2.0

import Decoding
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
}
