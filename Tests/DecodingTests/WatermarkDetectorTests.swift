// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

@Suite("The watermark detector")
struct WatermarkDetectorTests {
    private struct Goldens: Decodable {
        struct Case: Decodable {
            var vocabulary: Int
            var ratio: Float
            var key: String
            var ids: [Int32]
            var ignore_repeated: Bool
            var scored: Int
            var green: Int
            var z: Double
            var p: Double
        }
        var cases: [Case]
    }

    private static func detector(_ ratio: Float, _ key: UInt64, _ size: Int) -> WatermarkDetector {
        var parameters = WatermarkParameters()
        parameters.ratio = ratio
        parameters.key = key
        return WatermarkDetector(parameters, vocabularySize: size)
    }

    @Test("counts and scores as transformers' WatermarkDetector")
    func goldens() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/decoding/watermark-goldens.json")
        let goldens = try JSONDecoder().decode(Goldens.self, from: try Data(contentsOf: file))
        var marked = 0
        for golden in goldens.cases {
            let detector = Self.detector(golden.ratio, try #require(UInt64(golden.key)), golden.vocabulary)
            let report = try #require(detector.detect(golden.ids, ignoresRepetitions: golden.ignore_repeated))
            #expect(report.scoredCount == golden.scored && report.greenCount == golden.green)
            #expect(abs(report.zScore - golden.z) < 1e-9 * (1 + abs(golden.z)))
            #expect(abs(report.pValue - golden.p) < 1e-9 * golden.p + 1e-300)
            if golden.z > 3 { marked += 1 }
        }
        #expect(goldens.cases.count == 32 && marked > 8)
    }

    @Test("finds what the stage did, and nothing with another key")
    func stage() throws {
        let size = 500
        var parameters = SamplingParameters()
        parameters.watermark = WatermarkParameters()
        var sampler = Sampler(parameters: parameters, choice: 0, prompt: [7], vocabularySize: size)
        let logits = [Float](repeating: 0, count: size)
        var ids: [Int32] = [7]
        for position in 1..<200 {
            let id = try logits.withUnsafeBufferPointer { try sampler.sample(logits: $0, position: position) }
            sampler.accept(id)
            ids.append(id)
        }
        let own = try #require(Self.detector(0.25, 15_485_863, size).detect(ids, ignoresRepetitions: false))
        #expect(own.zScore > 8 && own.scoredCount == 199)
        let other = try #require(Self.detector(0.25, 15_485_864, size).detect(ids, ignoresRepetitions: false))
        #expect(abs(other.zScore) < 4)
        #expect(Self.detector(0.25, 1, size).detect([5], ignoresRepetitions: false) == nil)
    }
}
