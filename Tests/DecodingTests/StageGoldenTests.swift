// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

@Suite struct StageGoldenTests {
    private static func fnv(_ ids: [Int32]) -> String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for id in ids {
            for shift in stride(from: 0, to: 32, by: 8) {
                value = (value ^ UInt64(UInt32(bitPattern: id) >> UInt32(shift) & 0xFF)) &* 0x0000_0100_0000_01b3
            }
        }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// How far a probability may be off: the processed logit, whose magnitude may be large, was rounded to a float.
    private static func tolerance(_ p: Double, _ logits: [Float]) -> Double {
        let magnitude = Double(logits.map(abs).max() ?? 0)
        return p * min(3e-6 + 2e-7 * min(magnitude, 1e3), 1) + 1e-12
    }

    @Test func everyStageAndChainEqualsTheOracle() throws {
        let goldens = try StageGoldens.loaded.get()
        var seen: Set<String> = []
        var count = 0
        for golden in goldens.cases {
            var parameters = try golden.parameters()
            parameters.seed = 7
            seen.formUnion(golden.stages.keys)
            for result in golden.results {
                let logits = try result.logits.values(goldens.listed)
                let comment = Comment(rawValue: "\(golden.order) \(golden.stages.keys.sorted()) \(result)")
                var sampler = Sampler(
                    parameters: parameters, choice: 1, prompt: golden.prompt, vocabularySize: logits.count)
                for id in golden.output { sampler.accept(id) }
                count += 1
                guard result.count > 0 else {
                    #expect(throws: DecodingError.self, comment) {
                        try survivors(sampler, logits, position: result.position)
                    }
                    continue
                }
                let left = try survivors(sampler, logits, position: result.position)
                #expect(left.ids.count == result.count, comment)
                #expect(Self.fnv(left.ids) == result.hash, comment)
                guard left.ids.count == result.count else { continue }
                let probabilities = softmax(left.logits)
                for pair in try #require(result.p) {
                    let place = try #require(left.ids.firstIndex(of: Int32(pair[0])), comment)
                    #expect(
                        abs(probabilities[place] - pair[1]) <= Self.tolerance(pair[1], left.logits) + 1e-8 * pair[1],
                        comment)
                }
                let entropy = -probabilities.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
                #expect(abs(entropy - (result.entropy ?? -1)) <= 1e-4 * max(1, entropy), comment)
            }
        }
        #expect(seen == Set(StageName.allCases.map(\.rawValue)))
        #expect(count > 2500)
    }

    @Test func runsEqualTheOracleTokenByToken() throws {
        let goldens = try StageGoldens.loaded.get()
        #expect(goldens.draws.count > 20)
        for golden in goldens.draws {
            var parameters = try golden.parameters()
            parameters.seed = 11
            let comment = Comment(rawValue: "\(golden.order) \(golden.names ?? []) \(golden.stages.keys.sorted())")
            var sampler = Sampler(parameters: parameters, choice: 2, prompt: golden.prompt, vocabularySize: 500)
            var output: [Int32] = []
            for step in 0..<golden.output.count {
                let logits = try StageGoldens.Logits(bell: golden.seed + UInt64(step), size: 500, scale: -15).values([])
                let id = try draw(&sampler, logits, position: golden.prompt.count + step)
                sampler.accept(id)
                output.append(id)
            }
            #expect(output == golden.output, comment)
            switch (sampler.feedbackState, golden.state) {
            case (.none, nil): break
            case (.surpriseLimit(let limit), let state?):
                #expect(state.count == 1 && abs(limit - state[0]) < 1e-5, comment)
            case (.average(let sum, let weight), let state?):
                #expect(state.count == 2 && abs(sum - state[0]) < 1e-5 && abs(weight - state[1]) < 1e-9, comment)
            default: Issue.record("\(sampler.feedbackState) instead of \(golden.state ?? [])")
            }
        }
    }
}
