// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

@Suite struct SamplerTests {
    static let badLogits: [([Float], DecodingError)] = [
        ([.nan, 1, 2], .badLogit(id: 0, value: "nan", position: 7)),
        ([0, 1, -.nan], .badLogit(id: 2, value: "nan", position: 7)),
        ([0, .infinity, .nan], .badLogit(id: 1, value: "inf", position: 7)),
        ([-.infinity, -.infinity, -.infinity], .noCandidates(position: 7)),
        ([0, 1], .logitCount(expected: 3, found: 2)),
        ([0, 1, 2, 3], .logitCount(expected: 3, found: 4)),
        ([], .logitCount(expected: 3, found: 0)),
    ]

    @Test("a bad vector of logits is an error, never an id", arguments: badLogits)
    func refusesBadLogits(_ logits: [Float], _ error: DecodingError) {
        for temperature in [Float(0), 1, 0.5] {
            for topK in [0, 2] {
                var parameters = SamplingParameters()
                parameters.temperature = temperature
                parameters.topK = topK
                #expect(throws: error) {
                    var sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 3)
                    return try draw(&sampler, logits, position: 7)
                }
            }
        }
        guard logits.count == 3 else { return }
        #expect(throws: error) {
            try logits.withUnsafeBufferPointer { _ = try LogProbabilities(logits: $0, position: 7) }
        }
    }

    @Test("NaN is seen at any place", arguments: 1...40)
    func seesNaNAnywhere(_ size: Int) {
        for place in 0..<size {
            for bad in [Float.nan, .infinity] {
                var logits = (0..<size).map { Float($0 % 5) }
                logits[place] = bad
                var sampler = Sampler(
                    parameters: SamplingParameters(), choice: 0, prompt: [], vocabularySize: size)
                #expect(throws: DecodingError.badLogit(id: Int32(place), value: "\(bad)", position: 0)) {
                    try draw(&sampler, logits, position: 0)
                }
            }
        }
    }

    @Test func anEditThatLeavesTheRangeOfFloatsIsAnError() throws {
        var parameters = SamplingParameters()
        parameters.logitBias = [1: .greatestFiniteMagnitude]
        var sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 2)
        #expect(throws: DecodingError.badLogit(id: 1, value: "inf", position: 0)) {
            try draw(&sampler, [0, .greatestFiniteMagnitude], position: 0)
        }
        parameters.logitBias = [1: -.greatestFiniteMagnitude]
        sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 2)
        #expect(try draw(&sampler, [0, -.greatestFiniteMagnitude], position: 0) == 0)
        #expect(try survivors(sampler, [0, -.greatestFiniteMagnitude]).ids == [0])
        sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 2)
        #expect(throws: DecodingError.noCandidates(position: 4)) {
            try draw(&sampler, [-.infinity, -.greatestFiniteMagnitude], position: 4)
        }
    }

    @Test func aBannedIdIsNeverDrawn() throws {
        for temperature in [Float(0), 1, 1e6] {
            var parameters = SamplingParameters()
            parameters.temperature = temperature
            parameters.logitBias = [1: 100]
            var sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 3)
            for position in 0..<1000 {
                #expect(try draw(&sampler, [-50, -.infinity, -60], position: position) != 1)
            }
        }
    }

    @Test func aBiasIsAdditiveOnly() throws {
        var parameters = SamplingParameters()
        parameters.temperature = 0
        parameters.logitBias = [0: -100]
        var sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 2)
        #expect(try draw(&sampler, [101, 0.5], position: 0) == 0)
        #expect(try draw(&sampler, [99, 0.5], position: 0) == 1)
    }

    @Test func penaltiesLookWhereTheirDefinitionsSay() throws {
        func logits(_ change: (inout SamplingParameters) -> Void, output: [Int32]) throws -> [Float] {
            var parameters = SamplingParameters()
            change(&parameters)
            var sampler = Sampler(parameters: parameters, choice: 0, prompt: [0, 1, 1], vocabularySize: 5)
            for id in output { sampler.accept(id) }
            return try survivors(sampler, [2, -2, 4, -4, 0]).logits
        }
        // Once per distinct id of prompt and output: divides positive, multiplies negative logits.
        #expect(try logits({ $0.repetitionPenalty = 2 }, output: []) == [1, -4, 4, -4, 0])
        #expect(try logits({ $0.repetitionPenalty = 2 }, output: [2, 2, 3, 4]) == [1, -4, 2, -8, 0])
        // Per occurrence in the output alone.
        #expect(try logits({ $0.frequencyPenalty = 0.5 }, output: []) == [2, -2, 4, -4, 0])
        #expect(try logits({ $0.frequencyPenalty = 0.5 }, output: [2, 2, 0]) == [1.5, -2, 3, -4, 0])
        #expect(try logits({ $0.frequencyPenalty = -1 }, output: [3]) == [2, -2, 4, -3, 0])
        // Once for an id of the output.
        #expect(try logits({ $0.presencePenalty = 0.5 }, output: [2, 2, 0]) == [1.5, -2, 3.5, -4, 0])
        // Bias first, then repetition, then frequency and presence.
        let all: (inout SamplingParameters) -> Void = {
            $0.logitBias = [2: -6]
            $0.repetitionPenalty = 2
            $0.frequencyPenalty = 0.25
            $0.presencePenalty = 1
        }
        #expect(try logits(all, output: [2, 2]) == [1, -4, -5.5, -4, 0])
        // Ids outside the vocabulary leave no trace.
        #expect(try logits({ $0.repetitionPenalty = 2 }, output: [-1, 5, .max]) == [1, -4, 4, -4, 0])
    }

    @Test func aForcedPrefixReproducesTheRun() throws {
        var parameters = SamplingParameters()
        parameters.seed = 99
        parameters.temperature = 0.9
        parameters.topK = 20
        parameters.repetitionPenalty = 1.2
        parameters.frequencyPenalty = 0.3
        let prompt: [Int32] = [3, 1, 4]
        func logits(_ position: Int) -> [Float] {
            var random = TestRandom(seed: UInt64(position))
            return (0..<50).map { _ in random.normal(2) }
        }
        var sampler = Sampler(parameters: parameters, choice: 2, prompt: prompt, vocabularySize: 50)
        var run: [Int32] = []
        for position in 3..<40 {
            let id = try draw(&sampler, logits(position), position: position)
            sampler.accept(id)
            run.append(id)
        }
        for cut in [0, 1, 17, 36] {
            var again = Sampler(parameters: parameters, choice: 2, prompt: prompt, vocabularySize: 50)
            for id in run[..<cut] { again.accept(id) }
            for (offset, expected) in run.enumerated().dropFirst(cut) {
                let id = try draw(&again, logits(3 + offset), position: 3 + offset)
                again.accept(id)
                #expect(id == expected)
            }
        }
    }

    @Test func drawingComputesOnlyNoiseThatCouldWinAndStillFindsTheWinner() throws {
        var random = TestRandom(seed: 11)
        for round in 0..<2000 {
            let size = Int.random(in: 1...300, using: &random)
            let spread: Float = [0, 0.5, 3, 30][Int.random(in: 0..<4, using: &random)]
            let logits = (0..<size).map { _ in random.normal(spread) }
            var parameters = SamplingParameters()
            parameters.seed = random.next()
            var sampler = Sampler(parameters: parameters, choice: round, prompt: [], vocabularySize: size)
            let noise = CounterNoise(seed: parameters.seed, choice: round).at(position: round)
            let scores = logits.enumerated().map { Double($0.element) + noise.gumbel(Int32($0.offset)) }
            let best = scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
            #expect(try draw(&sampler, logits, position: round) == Int32(best))
        }
    }

    @Test func noiseIsFiniteAtTheEndsOfItsRange() {
        // The smallest and largest u that 52 bits give, as the definition computes them.
        for u in [0.5 * 0x1p-52, (Double((UInt64(1) << 52) - 1) + 0.5) * 0x1p-52] {
            #expect(u > 0 && u < 1)
            #expect((-log(-log(u))).isFinite)
        }
        var smallest = Double.infinity
        var largest = -Double.infinity
        for seed in [UInt64(0), .max] {
            for position in [0, 1, Int.max, -1] {
                let noise = CounterNoise(seed: seed, choice: Int.max).at(position: position)
                for id in [Int32.min, -1, 0, 1, .max] + Array(0..<20000) {
                    smallest = min(smallest, noise.gumbel(id))
                    largest = max(largest, noise.gumbel(id))
                }
            }
        }
        #expect(smallest > -3.62 && smallest < -2 && largest > 8 && largest < 36.8)
    }
}
