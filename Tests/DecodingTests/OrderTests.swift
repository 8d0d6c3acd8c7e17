// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

/// Where engines differ, each pinned.
@Suite struct OrderTests {
    private func survivingIDs(
        _ order: SamplingOrder, _ logits: [Float], prompt: [Int32] = [], output: [Int32] = [],
        _ change: (inout SamplingParameters) -> Void
    ) throws -> [Int32] {
        try left(order, logits, prompt: prompt, output: output, change).ids
    }

    private func left(
        _ order: SamplingOrder, _ logits: [Float], prompt: [Int32] = [], output: [Int32] = [],
        _ change: (inout SamplingParameters) -> Void
    ) throws -> (ids: [Int32], logits: [Float]) {
        var parameters = SamplingParameters()
        parameters.order = order
        change(&parameters)
        var sampler = Sampler(parameters: parameters, choice: 0, prompt: prompt, vocabularySize: logits.count)
        for id in output { sampler.accept(id) }
        return try survivors(sampler, logits)
    }

    @Test func everyOrderHasEveryStageOnceAndFeedbackLast() {
        for order in SamplingOrder.allCases {
            #expect(order.stages.count == StageName.allCases.count)
            #expect(Set(order.stages) == Set(StageName.allCases))
            #expect(Set(order.stages.suffix(2)) == [.mirostat, .adaptiveP])
        }
    }

    @Test func tiesWithTheKthOfTopK() throws {
        for order in SamplingOrder.allCases {
            let ids = try survivingIDs(order, [1, 3, 2, 2, 2, 0]) { $0.topK = 2 }
            #expect(ids == (order == .hf || order == .vllm ? [1, 2, 3, 4] : [1, 2]), "\(order)")
        }
    }

    @Test func minPKeepsItsBoundary() throws {
        // p = ½ of the largest, exactly in logits: ln ½ rounds to a float at or above the threshold in double.
        for order in SamplingOrder.allCases {
            #expect(try survivingIDs(order, [0, Float(log(1.0)), -3]) { $0.minP = 1 } == [0, 1], "\(order)")
        }
    }

    @Test func theIDThatCrossesTopPStays() throws {
        for order in SamplingOrder.allCases {
            // Shares of 0.4, 0.3, 0.2, 0.1.
            let logits: [Float] = [0.4, 0.3, 0.2, 0.1].map { Float(log($0)) }
            #expect(try survivingIDs(order, logits) { $0.topP = 0.5 } == [0, 1], "\(order)")
            #expect(try survivingIDs(order, logits) { $0.topP = 0.71 } == [0, 1, 2], "\(order)")
        }
    }

    @Test func temperatureStandsBeforeOrAfterTruncation() throws {
        // At T = 4 more ids are needed for 0.8.
        let logits: [Float] = [3, 2, 1, 0, -1]
        for order in SamplingOrder.allCases {
            let ids = try survivingIDs(order, logits) {
                $0.temperature = 4
                $0.topP = 0.8
            }
            #expect(ids == (order == .llamaCpp || order == .mlx ? [0, 1] : [0, 1, 2, 3]), "\(order)")
        }
    }

    @Test func whatPenaltiesLookAt() throws {
        let prompt: [Int32] = [0] + [Int32](repeating: 5, count: 30) + [1]
        let output: [Int32] = [2] + [Int32](repeating: 5, count: 18)
        let zero = [Float](repeating: 4, count: 6)
        for order in SamplingOrder.allCases {
            let repetition = try left(order, zero, prompt: prompt, output: output) { $0.repetitionPenalty = 2 }.logits
            let presence = try left(order, zero, prompt: prompt, output: output) { $0.presencePenalty = 1 }.logits
            let frequency = try left(order, zero, prompt: prompt, output: output) { $0.frequencyPenalty = 0.125 }.logits
            switch order {
            case .temper, .vllm, .hf:
                #expect(repetition == [2, 2, 2, 4, 4, 2], "\(order)")
                #expect(presence == [4, 4, 3, 4, 4, 3], "\(order)")
                #expect(frequency == [4, 4, 3.875, 4, 4, 4 - 18 * 0.125], "\(order)")
            case .llamaCpp:
                // 51 tokens lie within its 64.
                #expect(repetition == [2, 2, 2, 4, 4, 2])
                #expect(presence == [3, 3, 3, 4, 4, 3])
                #expect(frequency == [3.875, 3.875, 3.875, 4, 4, 4 - 48 * 0.125])
            case .mlx:
                // The last 20: one of the prompt, the whole output.
                #expect(repetition == [4, 2, 2, 4, 4, 2])
                #expect(presence == [4, 3, 3, 4, 4, 3])
                #expect(frequency == [4, 3.875, 3.875, 4, 4, 4 - 18 * 0.125])
            }
        }
        let long = [Int32](repeating: 5, count: 63)
        #expect(
            try left(.llamaCpp, zero, prompt: [0, 1], output: long) { $0.presencePenalty = 1 }.logits
                == [4, 3, 4, 4, 4, 3])
    }

    @Test func repetitionPenaltyComesBeforeTheOthers() throws {
        for order in SamplingOrder.allCases {
            let logits = try left(order, [4, 0], output: [0]) {
                $0.repetitionPenalty = 2
                $0.presencePenalty = 3
            }.logits
            // (4 / 2) - 3, not (4 - 3) / 2.
            #expect(logits == [-1, 0], "\(order)")
        }
    }

    @Test func lowTemperatures() throws {
        for order in SamplingOrder.allCases {
            let logits = try left(order, [0.5, 0]) { $0.temperature = 0.005 }.logits
            let divisor: Float = order == .vllm ? 0.01 : 0.005
            #expect(abs((logits.last ?? 0) + 0.5 / divisor) < 1e-3, "\(order)")
            #expect(try survivingIDs(order, [1, 1, 0]) { $0.temperature = 0 } == [0], "\(order)")
            let tiny = try survivingIDs(order, [1, 1, 0]) { $0.temperature = 9e-6 }
            #expect(tiny == (order == .vllm ? [0] : [0, 1]) || order != .vllm && tiny == [0, 1, 2], "\(order)")
        }
    }

    @Test func temperatureZeroWithXTCAndWatermark() throws {
        // XTC removes the likeliest before llama.cpp's temperature, and finds one candidate after that of the others.
        for order in SamplingOrder.allCases {
            let ids = try survivingIDs(order, [2, 1.9, -5]) {
                $0.temperature = 0
                $0.xtc = XTCParameters(probability: 1, threshold: 0.1)
            }
            #expect(ids == (order == .llamaCpp || order == .mlx ? [1] : [0]), "\(order)")
        }
        // Without sampling transformers still marks: it is the last processor there.
        var watermark = WatermarkParameters()
        watermark.bias = 100
        let green = try left(.hf, [Float](repeating: 0, count: 40), prompt: [7]) { $0.watermark = watermark }
        let greenIDs = zip(green.ids, green.logits).filter { $0.1 > 0 }.map(\.0)
        #expect(greenIDs.count == 10)
        let likeliest = try #require((0..<40).first { !greenIDs.contains($0) })
        let logits: [Float] = (0..<40).map { $0 == Int(likeliest) ? 1 : -Float($0) }
        let marked = try survivingIDs(.hf, logits, prompt: [7]) {
            $0.temperature = 0
            $0.topK = 1
            $0.watermark = watermark
        }
        #expect(marked == [greenIDs.min()])
    }

    @Test func topHLooksAtAHundredInTransformers() throws {
        let logits = [Float](repeating: 0, count: 400)
        for order in SamplingOrder.allCases {
            let count = try survivingIDs(order, logits) { $0.topH = 0.505 }.count
            #expect(count == (order == .hf ? 50 : 202), "\(order)")
        }
    }

    @Test func tiesAndTheLastOfTypical() throws {
        for order in SamplingOrder.allCases {
            let count = try survivingIDs(order, [0, 0, 0, 0]) { $0.typicalP = 0.5 }.count
            #expect(count == [.llamaCpp: 3, .hf: 4][order, default: 2], "\(order)")
        }
    }

    @Test func oneCandidateAlwaysStays() throws {
        let logits: [Float] = [0.5, 0.25, 0, 0.25]
        let changes: [(inout SamplingParameters) -> Void] = [
            { $0.topH = 1e-6 }, { $0.typicalP = 1e-6 }, { $0.epsilonCutoff = 0.999 }, { $0.etaCutoff = 0.999 },
            { $0.topP = 1e-6 }, { $0.minP = 1 }, { $0.topA = 1 }, { $0.tailFree = 0 }, { $0.topNSigma = 1e-6 },
            { $0.topK = 1 }, { $0.mirostat = MirostatParameters(version: .two, tau: 0.001) },
            { $0.mirostat = MirostatParameters(version: .one, tau: 0.001) },
            { $0.xtc = XTCParameters(probability: 1, threshold: 0.001) },
        ]
        for order in SamplingOrder.allCases {
            for (index, change) in changes.enumerated() {
                #expect(try survivingIDs(order, logits, change).count >= 1, "\(order) \(index)")
            }
        }
    }

    @Test func mirostatReplacesTheChainInLlamaCppAlone() throws {
        for order in SamplingOrder.allCases {
            let ids = try survivingIDs(order, [3, 2, 1, 0]) {
                $0.topK = 1
                $0.mirostat = MirostatParameters(version: .two, tau: 100)
            }
            #expect(ids == (order == .llamaCpp ? [0, 1, 2, 3] : [0]), "\(order)")
        }
    }

    @Test func stagesActInTheSequenceAskedForAndNoOthers() throws {
        let logits: [Float] = [3, 2, 1, 0, -1]
        func ids(_ stages: [StageName]) throws -> [Int32] {
            try survivingIDs(.temper, logits) {
                $0.stages = stages
                $0.temperature = 4
                $0.topP = 0.8
                $0.topK = 3
            }
        }
        #expect(try ids([.temperature, .topP]) == [0, 1, 2, 3])
        #expect(try ids([.topP, .temperature]) == [0, 1])
        #expect(try ids([.topK]) == [0, 1, 2])
        #expect(try ids([]) == [0, 1, 2, 3, 4])
    }

    @Test func aBanOfEverythingNamesItsStage() throws {
        let changes: [(StageName, (inout SamplingParameters) -> Void)] = [
            (.badWords, { $0.badWords = [[0], [1]] }), (.suppressedIDs, { $0.suppressedIDs = [0, 1] }),
            (.allowedIDs, { $0.allowedIDs = [5] }), (.allowedIDs, { $0.allowedIDs = [] }),
            (.minTokens, { $0.minTokens = MinTokensParameters(count: 9, ids: [0, 1]) }),
            (.noRepeatNGram, { $0.noRepeatNGramSize = 1 }),
        ]
        for (stage, change) in changes {
            #expect(throws: DecodingError.nothingAllowed(by: stage, position: 0)) {
                try survivingIDs(.temper, [1, 2], prompt: [0, 1], change)
            }
        }
    }

    @Test func choicesAndPositionsThrowTheirOwnDiceForXTC() throws {
        var parameters = SamplingParameters()
        parameters.xtc = XTCParameters(probability: 0.5, threshold: 0.1)
        var outcomes: [[Bool]] = []
        for choice in 0..<8 {
            let sampler = Sampler(parameters: parameters, choice: choice, prompt: [], vocabularySize: 3)
            outcomes.append(try (0..<64).map { try survivors(sampler, [1, 1, 0], position: $0).ids.count < 3 })
            let again = Sampler(parameters: parameters, choice: choice, prompt: [], vocabularySize: 3)
            #expect(
                try (0..<64).map { try survivors(again, [1, 1, 0], position: $0).ids.count < 3 } == outcomes[choice])
        }
        #expect(Set(outcomes).count == 8)
        let removals = outcomes.joined().count { $0 }
        #expect((200...312).contains(removals), "\(removals) of 512")
    }
}
