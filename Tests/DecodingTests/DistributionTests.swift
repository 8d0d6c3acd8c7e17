// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

@Suite struct DistributionTests {
    /// Whether counts fit probabilities: Pearson's statistic, as a normal deviate (Wilson, Hilferty 1931).
    static func deviate(_ counts: [Int], _ probabilities: [Double]) -> Double {
        let total = Double(counts.reduce(0, +))
        var statistic = 0.0
        var cells = 0
        var restCount = 0.0
        var restExpected = 0.0
        for (count, probability) in zip(counts, probabilities) {
            let expected = probability * total
            // Rare ids share a cell.
            guard expected >= 10 else {
                restCount += Double(count)
                restExpected += expected
                continue
            }
            statistic += (Double(count) - expected) * (Double(count) - expected) / expected
            cells += 1
        }
        if restExpected > 0 {
            statistic += (restCount - restExpected) * (restCount - restExpected) / max(restExpected, 1)
            cells += 1
        }
        guard cells > 1 else { return 0 }
        let freedom = Double(cells - 1)
        return (pow(statistic / freedom, 1.0 / 3) - (1 - 2 / (9 * freedom))) / (2 / (9 * freedom)).squareRoot()
    }

    @Test(
        "draws follow the processed distribution",
        arguments: [
            (Float(1), 0, Float(1), Float(0), 20), (0.7, 0, 1, 0, 20), (1.8, 0, 1, 0, 300), (1, 5, 1, 0, 50),
            (1, 0, 0.8, 0, 50), (1, 0, 1, 0.1, 50), (1.3, 30, 0.9, 0.05, 200), (1, 0, 1, 0, 2),
        ])
    func drawsFollowTheDistribution(
        _ temperature: Float, _ topK: Int, _ topP: Float, _ minP: Float, _ size: Int
    ) throws {
        var random = TestRandom(seed: UInt64(size))
        let logits = (0..<size).map { _ in random.normal(1.5) }
        var parameters = SamplingParameters()
        parameters.seed = 2024
        parameters.temperature = temperature
        parameters.topK = topK
        parameters.topP = topP
        parameters.minP = minP
        var sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: size)
        let left = try survivors(sampler, logits)
        var probabilities = [Double](repeating: 0, count: size)
        for (id, probability) in zip(left.ids, softmax(left.logits)) { probabilities[Int(id)] = probability }
        var counts = [Int](repeating: 0, count: size)
        for position in 0..<200_000 { counts[Int(try draw(&sampler, logits, position: position))] += 1 }
        for (count, probability) in zip(counts, probabilities) where probability == 0 { #expect(count == 0) }
        let deviate = Self.deviate(counts, probabilities)
        #expect(abs(deviate) < 4, "deviate \(deviate)")
    }

    /// How many draws a distribution is tested with; TEMPER_DRAWS sets it, as for a long run of a million.
    private static let drawCount = ProcessInfo.processInfo.environment["TEMPER_DRAWS"].flatMap { Int($0) } ?? 200_000

    @Test("draws of every order follow the oracle's exact distribution", arguments: SamplingOrder.allCases)
    func drawsOfEveryOrderFollowTheOracle(_ order: SamplingOrder) throws {
        let goldens = try StageGoldens.loaded.get()
        let golden = try #require(goldens.distributions.first { $0.order == order.rawValue })
        var parameters = try samplingParameters(golden.order, nil, golden.stages)
        parameters.seed = 31
        let logits = try golden.logits.values(goldens.listed)
        var sampler = Sampler(parameters: parameters, choice: 0, prompt: golden.prompt, vocabularySize: logits.count)
        for id in golden.output { sampler.accept(id) }
        var workspace = SamplingWorkspace()
        var counts = [Int](repeating: 0, count: logits.count)
        try logits.withUnsafeBufferPointer { logits in
            for position in 0..<Self.drawCount {
                counts[Int(try sampler.sample(logits: logits, position: position, workspace: &workspace))] += 1
            }
        }
        for (count, p) in zip(counts, golden.p) where p == 0 { #expect(count == 0) }
        let deviate = Self.deviate(counts, golden.p)
        #expect(abs(deviate) < 4, "deviate \(deviate)")
        // The test can fail: another order's distribution does not fit.
        for other in goldens.distributions where other.order != order.rawValue {
            let fits = zip(counts, other.p).allSatisfy { $0 == 0 || $1 > 0 } && abs(Self.deviate(counts, other.p)) < 4
            #expect(!fits)
        }
    }

    @Test(
        "draws of two lanes are independent",
        arguments: [
            "choices", "positions", "seeds", "seeds far apart", "far choices",
        ])
    func lanesAreIndependent(_ kind: String) throws {
        let size = 6
        let logits: [Float] = [0, 0.5, 1, -0.5, 0.2, 0.8]
        let exact = softmax(logits)
        func lane(seed: UInt64, choice: Int) -> Sampler {
            var parameters = SamplingParameters()
            parameters.seed = seed
            return Sampler(parameters: parameters, choice: choice, prompt: [], vocabularySize: size)
        }
        var first = lane(seed: 7, choice: 0)
        var second =
            switch kind {
            case "choices": lane(seed: 7, choice: 1)
            case "far choices": lane(seed: 7, choice: 127)
            case "seeds": lane(seed: 8, choice: 0)
            case "seeds far apart": lane(seed: 7 + 1 << 63, choice: 0)
            default: lane(seed: 7, choice: 0)
            }
        let step = kind == "positions" ? 2 : 1
        var counts = [Int](repeating: 0, count: size * size)
        for position in 0..<100_000 {
            let a = try draw(&first, logits, position: step * position)
            let b = try draw(&second, logits, position: step * position + step - 1)
            counts[Int(a) * size + Int(b)] += 1
        }
        let products = exact.flatMap { a in exact.map { a * $0 } }
        let deviate = Self.deviate(counts, products)
        #expect(abs(deviate) < 4, "deviate \(deviate)")
    }

    @Test func lanesShareTheirNoise() throws {
        // A filter changes a draw only where the id drawn without it is gone.
        var random = TestRandom(seed: 1)
        var parameters = SamplingParameters()
        parameters.seed = 5
        var plain = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 100)
        parameters.topK = 20
        var filtered = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 100)
        var same = 0
        for position in 0..<2000 {
            let logits = (0..<100).map { _ in random.normal(1.5) }
            let a = try draw(&plain, logits, position: position)
            let b = try draw(&filtered, logits, position: position)
            if try survivors(filtered, logits).ids.contains(a) {
                #expect(a == b)
                same += 1
            }
        }
        #expect(same > 1000 && same < 2000)
    }
}
