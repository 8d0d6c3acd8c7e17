// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

@Suite struct SamplerGoldenTests {
    @Test func survivorsAndProbabilitiesEqualTheOracle() throws {
        let goldens = try DecodingGoldens.load()
        #expect(goldens.vectors.count >= 40 && goldens.cases.count >= 600)
        for golden in goldens.cases {
            let vector = goldens.vectors[golden.vector]
            let comment = Comment(rawValue: "\(vector.name), \(golden.parameters)")
            var sampler = Sampler(
                parameters: golden.parameters.sampling, choice: 0, prompt: golden.prompt,
                vocabularySize: vector.logits.count)
            for id in golden.output { sampler.accept(id) }
            let (ids, logits) = try survivors(sampler, vector.values)
            #expect(ids == golden.survivors, comment)
            for (found, expected) in zip(softmax(logits), golden.probabilities) {
                #expect(abs(found - expected) <= 2e-6 * max(expected, 1e-3), comment)
            }
        }
    }

    @Test func greedyTakesTheLikeliestAndOfEqualOnesTheSmallestId() throws {
        for vector in try DecodingGoldens.load().vectors {
            var parameters = SamplingParameters()
            parameters.temperature = 0
            var sampler = Sampler(
                parameters: parameters, choice: 3, prompt: [], vocabularySize: vector.logits.count)
            let values = vector.values
            let best = values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
            #expect(try draw(&sampler, values, position: 9) == Int32(best), "\(vector.name)")
            // With an edit the draw takes the long way.
            parameters.logitBias = [Int32(values.count + 5): 1]
            sampler = Sampler(parameters: parameters, choice: 3, prompt: [], vocabularySize: values.count)
            #expect(try draw(&sampler, values, position: 9) == Int32(best), "\(vector.name)")
        }
    }

    @Test func noiseIsPinned() throws {
        for golden in try DecodingGoldens.load().noise {
            let seed = try #require(UInt64(golden.seed))
            let noise = CounterNoise(seed: seed, choice: golden.choice).at(position: golden.position)
            #expect(String(noise.bits(golden.id)) == golden.bits)
            #expect(abs(noise.gumbel(golden.id) - golden.gumbel) <= 1e-14 * max(1, abs(golden.gumbel)))
        }
    }

    @Test func logProbabilitiesEqualTheOracle() throws {
        for vector in try DecodingGoldens.load().vectors {
            try vector.values.withUnsafeBufferPointer { logits in
                let found = try LogProbabilities(logits: logits, position: 0)
                for (id, expected) in vector.logprobs.enumerated() {
                    let value = found.of(Int32(id))
                    guard let expected, Float(expected) > -.infinity else {
                        #expect(value == -.infinity)
                        continue
                    }
                    // Half a unit in the last place of a float, and the rounding of the sum.
                    #expect(abs(Double(value) - expected) <= 6e-8 * abs(expected) + 1e-13, "\(vector.name) \(id)")
                }
            }
        }
    }
}
