// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

/// The chain by sorting the whole vocabulary, with the same arithmetic for each logit.
struct SortedReference {
    var parameters: SamplingParameters

    func survivors(_ logits: [Float]) -> [Int32] {
        var candidates = logits.enumerated().map { (id: Int32($0.offset), logit: $0.element) }
            .filter { $0.logit > -.infinity }
        let maximum = candidates.map(\.logit).max() ?? 0
        if parameters.temperature != 1 {
            for index in candidates.indices {
                candidates[index].logit = Float(
                    (Double(candidates[index].logit) - Double(maximum)) / Double(parameters.temperature))
            }
            candidates.removeAll { $0.logit == -.infinity }
        }
        candidates.sort { $0.logit != $1.logit ? $0.logit > $1.logit : $0.id < $1.id }
        if parameters.topK > 0 { candidates = Array(candidates.prefix(parameters.topK)) }
        if parameters.topP < 1 {
            let weight = MassWeight(maximum: candidates[0].logit, count: candidates.count)
            let total = candidates.map { weight.weight($0.logit) }.reduce(0, +)
            let target = (Double("\(parameters.topP)") ?? 0) * Double(total)
            var sum: UInt64 = 0
            var count = 0
            repeat {
                sum += weight.weight(candidates[count].logit)
                count += 1
            } while Double(sum) < target.rounded(.up) && count < candidates.count
            candidates = Array(candidates.prefix(count))
        }
        if parameters.minP > 0 {
            let threshold = Double(candidates[0].logit) + log(Double(parameters.minP))
            candidates = candidates.filter { Double($0.logit) >= threshold }
        }
        return candidates.map(\.id).sorted()
    }
}

@Suite struct SelectionTests {
    /// Logits of many shapes: smooth, with ties, with bans, of large and tiny magnitude.
    static func logits(_ random: inout TestRandom) -> [Float] {
        let size = Int.random(in: 1...700, using: &random)
        let spread: Float = [0, 0.01, 1, 4, 50, 1e30][Int.random(in: 0..<6, using: &random)]
        let levels = [0, 0, 2, 5, 40].randomElement(using: &random) ?? 0
        let bans = Bool.random(using: &random) ? 0.3 : 0
        var logits = (0..<size).map { _ -> Float in
            if Double.random(in: 0..<1, using: &random) < bans { return -.infinity }
            if levels > 0 { return Float(Int.random(in: 0..<levels, using: &random)) * spread }
            return random.normal(spread)
        }
        if logits.allSatisfy({ $0 == -.infinity }) { logits[0] = 1 }
        return logits
    }

    @Test(arguments: 0..<20)
    func equalsSortingTheVocabulary(_ seed: Int) throws {
        var random = TestRandom(seed: UInt64(seed))
        for round in 0..<100 {
            let logits = Self.logits(&random)
            var parameters = SamplingParameters()
            parameters.temperature = [1, 0.7, 1.5, 1e-30, 1e-3].randomElement(using: &random) ?? 1
            if Bool.random(using: &random) { parameters.topK = Int.random(in: 1...(logits.count + 2), using: &random) }
            if Bool.random(using: &random) { parameters.topP = Float.random(in: 0...1, using: &random) }
            if Bool.random(using: &random) { parameters.minP = Float.random(in: 0...1, using: &random) }
            let sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: logits.count)
            let found = try survivors(sampler, logits).ids
            let expected = SortedReference(parameters: parameters).survivors(logits)
            #expect(found == expected, "seed \(seed) round \(round) \(parameters)")
        }
    }

    @Test(
        "a share that equal ids reach exactly needs no further id",
        arguments: [
            (Float(0.1), 10, 1), (0.3, 10, 3), (0.5, 10, 5), (0.7, 10, 7), (0.9, 10, 9), (0.25, 4, 1), (0.9, 20, 18),
            (0.3, 7, 3), (0, 5, 1),
        ])
    func exactShares(_ share: Float, _ size: Int, _ expected: Int) throws {
        var parameters = SamplingParameters()
        parameters.topP = share
        let sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: size)
        let ids = try survivors(sampler, [Float](repeating: -3.7, count: size)).ids
        #expect(ids == Array(0..<Int32(expected)))
    }

    @Test func bothZerosAreOneLogit() throws {
        var parameters = SamplingParameters()
        parameters.topK = 2
        let sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 4)
        #expect(try survivors(sampler, [-1, -0.0, 0.0, 0.0]).ids == [1, 2])
        parameters.topP = 0.3
        let nucleus = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 4)
        #expect(try survivors(nucleus, [-30, -0.0, 0.0, -30]).ids == [1])
    }

    @Test func weightsAreTheExponential() {
        let weight = MassWeight(maximum: 3, count: 1)
        let scale = Double(1 << 51)
        for step in 0..<4000 {
            let logit = 3 - Float(step) * 0.01
            let expected = (exp(Double(logit) - 3) * scale).rounded()
            #expect(abs(Double(weight.weight(logit)) - expected) <= 1 + 4e-16 * expected)
        }
        #expect(weight.weight(-1e30) == 0)
        #expect(weight.weight(3) == 1 << 51)
    }

    @Test func aWorkspaceServesVocabulariesOfAnySize() throws {
        var parameters = SamplingParameters()
        parameters.topK = 3
        parameters.topP = 0.9
        parameters.temperature = 0.8
        var workspace = SamplingWorkspace()
        var random = TestRandom(seed: 5)
        for size in [50, 3, 700, 1, 64, 699] {
            let logits = (0..<size).map { _ in random.normal(2) }
            var sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: size)
            var own = sampler
            let shared = try logits.withUnsafeBufferPointer {
                try sampler.sample(logits: $0, position: size, workspace: &workspace)
            }
            #expect(try draw(&own, logits, position: size) == shared)
        }
    }
}
