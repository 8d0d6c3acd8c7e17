// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Decoding
import Engine
import Testing

@Suite("Contrastive search")
struct ContrastiveSearchTests {
    private func request(_ harness: Harness, count: Int, penalty: Float, max: Int = 40) -> GenerationRequest {
        var request = harness.request("search for the unlike, not the like", max: max)
        request.strategy = .contrastive(ContrastiveParameters(count: count, penalty: penalty))
        return request
    }

    @Test("takes what transformers takes")
    func goldens() throws {
        let goldens = try #require(StrategyGoldens.all)
        let harness = try Harness { $0.cacheType = .f32 }
        for golden in goldens.contrastive {
            var request = golden.request
            request.strategy = .contrastive(
                ContrastiveParameters(
                    count: try #require(golden.top_k), penalty: try #require(golden.penalty_alpha)))
            #expect(try harness.run([request])[0].map(\.ids) == golden.sequences, "\(golden.prompt)")
        }
        #expect(goldens.contrastive.count >= 8)
        harness.engine.stop()
    }

    @Test("without a penalty takes the likeliest")
    func greedy() throws {
        let harness = try Harness()
        var plain = request(harness, count: 4, penalty: 0)
        plain.strategy = .sample
        plain.sampling.temperature = 0
        let greedy = try harness.run([plain])[0]
        #expect(try harness.run([request(harness, count: 4, penalty: 0)])[0] == greedy)
        #expect(try harness.run([request(harness, count: 4, penalty: 0.9)])[0] != greedy)
        harness.engine.stop()
    }

    @Test("gives the same bits alone and in company, after a prompt that is known and one that is not")
    func invariance() throws {
        let alone = try Harness(threads: 1) { $0.stepDuration = .seconds(1) }
        let crowd = try Harness(threads: 3) { $0.stepDuration = .microseconds(1) }
        let requests = (2...6).map { request(alone, count: $0, penalty: 0.6, max: 50) }
        let expected = try requests.map { try alone.run([$0])[0] }
        for _ in 0..<2 {
            let started = try requests.map { try crowd.start([$0]).0 }
            for (index, recorder) in started.enumerated() {
                recorder.wait()
                #expect(recorder.texts[0] == expected[index])
            }
        }
        #expect(crowd.idleMetrics().runningSequences == 0)
        alone.engine.stop()
        crowd.engine.stop()
    }
}

@Suite("DoLa")
struct LayerContrastTests {
    @Test("contrasts with the layer that transformers contrasts with")
    func layers() throws {
        let goldens = try #require(StrategyGoldens.all)
        var taken: Set<Int> = []
        for golden in goldens.layers {
            var output = [Float](repeating: 0, count: golden.mature.count)
            let rows = golden.premature.map { row in
                let copy = UnsafeMutableBufferPointer<Float>.allocate(capacity: row.count)
                _ = copy.initialize(from: row)
                return copy
            }
            defer { for row in rows { row.deallocate() } }
            let place = try golden.mature.withUnsafeBufferPointer { mature in
                try output.withUnsafeMutableBufferPointer { output in
                    try LayerContrast.mix(
                        mature: mature, premature: rows.map { UnsafeBufferPointer($0) }, position: 0, into: output)
                }
            }
            taken.insert(place)
            for (found, wanted) in zip(output, golden.contrasted) {
                #expect(wanted.map { abs($0 - found) < 2e-4 } ?? (found == -.infinity))
            }
        }
        #expect(taken.count > 2)
    }

    @Test("takes what transformers takes")
    func goldens() throws {
        let goldens = try #require(StrategyGoldens.all)
        let harness = try Harness { $0.cacheType = .f32 }
        let layers = harness.info.config.layerCount
        for golden in goldens.dola {
            var request = golden.request
            request.sampling.temperature = 0
            // A model of one layer has the embedding alone before it.
            #expect(layers == 1)
            request.strategy = .layerContrast([0])
            #expect(try harness.run([request])[0].map(\.ids) == golden.sequences, "\(golden.prompt)")
        }
        harness.engine.stop()
    }

    @Test("gives the same bits alone and in company")
    func invariance() throws {
        let alone = try Harness(threads: 1) { $0.stepDuration = .seconds(1) }
        let crowd = try Harness(threads: 3) { $0.stepDuration = .microseconds(1) }
        let requests = (0..<6).map { index in
            var request = alone.request("layers \(index)", seed: UInt64(index), max: 20)
            request.choiceCount = 3
            if index != 2 { request.strategy = .layerContrast([0]) }
            return request
        }
        let expected = try requests.map { try alone.run([$0])[0] }
        let started = try requests.map { try crowd.start([$0]).0 }
        for (index, recorder) in started.enumerated() {
            recorder.wait()
            #expect(recorder.texts[0] == expected[index])
        }
        alone.engine.stop()
        crowd.engine.stop()
    }
}
