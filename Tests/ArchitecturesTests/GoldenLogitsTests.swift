// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Foundation
import Testing

@Suite("Logits of tiny checkpoints")
struct GoldenLogitsTests {
    @Test("equal those of transformers in every layout", arguments: GoldenModel.all)
    func equalTransformers(_ golden: GoldenModel) throws {
        // Quantized weights also round the activations to eight bits, so they come less near.
        let tolerance: Float = golden.type == "q8_0" ? 0.15 : 1e-4
        for checkpoint in golden.checkpoints {
            let runner = try SequenceRunner(path: golden.folder.appending(path: checkpoint).path)
            try #require(runner.config.vocabularySize == golden.vocabularySize)
            let logits = runner.append(golden.ids)
            for (position, row) in golden.rows.enumerated() {
                let scale = row.reduce(0) { max($0, abs($1)) }
                let start = position * golden.vocabularySize
                let difference = zip(row, logits[start..<start + golden.vocabularySize])
                    .reduce(0) { max($0, abs($1.0 - $1.1)) }
                #expect(
                    difference <= tolerance * scale,
                    "\(checkpoint), position \(position): off by \(difference) where the largest is \(scale)")
            }
        }
    }

    @Test("do not depend on chunks or threads, bit for bit", arguments: GoldenModel.all)
    func areInvariant(_ golden: GoldenModel) throws {
        let path = golden.folder.appending(path: golden.checkpoints[0]).path
        let whole = try SequenceRunner(path: path).append(golden.ids)
        for (threads, chunk) in [(1, 1), (2, 1), (3, 7), (2, 33)] {
            let runner = try SequenceRunner(path: path, threads: threads)
            var pieces: [Float] = []
            var start = 0
            while start < golden.ids.count {
                let end = min(start + chunk, golden.ids.count)
                pieces += runner.append(golden.ids[start..<end])
                start = end
            }
            #expect(
                pieces.map(\.bitPattern) == whole.map(\.bitPattern), "\(threads) threads, chunks of \(chunk)")
        }
    }

    @Test(
        "come from hidden states whose mean is that of transformers",
        arguments: ["llama", "mistral", "qwen2", "qwen3", "gpt2"])
    func meanStatesEqualTransformers(_ name: String) throws {
        struct Embeddings: Decodable { var models: [String: [Double]] }
        let file = GoldenModel.folder.appending(path: "embeddings.json")
        let expected = try #require(
            try JSONDecoder().decode(Embeddings.self, from: Data(contentsOf: file)).models[name])
        let golden = try #require(GoldenModel.all.first { $0.name == name })
        let scale = expected.reduce(0) { max($0, abs($1)) }
        for checkpoint in golden.checkpoints {
            let runner = try SequenceRunner(path: golden.folder.appending(path: checkpoint).path)
            let found = runner.meanState(golden.ids)
            #expect(found.count == expected.count)
            let difference = zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
            #expect(difference <= 1e-5 * scale, "\(checkpoint): off by \(difference) where the largest is \(scale)")
        }
    }

    @Test("are there for every family")
    func coverFamilies() {
        let names = Set(GoldenModel.all.map(\.name))
        #expect(names.isSuperset(of: ["llama", "mistral", "qwen2", "qwen3", "gpt2", "llama-tied", "llama-q8_0"]))
    }
}

extension GoldenModel {
    /// The logits of each position.
    var rows: [ArraySlice<Float>] {
        ids.indices.map { logits[$0 * vocabularySize..<($0 + 1) * vocabularySize] }
    }
}
