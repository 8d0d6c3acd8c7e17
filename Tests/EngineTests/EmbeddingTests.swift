// SPDX-License-Identifier: Apache-2.0

import Engine
import Foundation
import Testing
import Tokenizers

@Suite("Embeddings") struct EmbeddingTests {
    private struct Golden: Decodable {
        struct Text: Decodable {
            var text: String
            var ids: [Int32]
            var embedding: [Double]
        }

        var texts: [Text]
    }

    private static func load() throws -> [Golden.Text] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/models/embeddings.json")
        return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file)).texts
    }

    private static func request(_ ids: [Int32]) -> GenerationRequest {
        var request = GenerationRequest(prompt: ids, maxTokens: 0)
        request.reportsEmbedding = true
        return request
    }

    @Test("are the means of transformers' last hidden states")
    func equalTransformers() throws {
        let harness = try Harness()
        let texts = try Self.load()
        for text in texts {
            #expect(harness.info.tokenizer.encode(text.text, addSpecial: true, parseSpecial: false) == text.ids)
        }
        let recorder = try harness.finish(GenerationGroup(texts.map { Self.request($0.ids) }))
        for (index, text) in texts.enumerated() {
            let found = try #require(recorder.embeddings[index])
            #expect(found.count == text.embedding.count)
            let scale = text.embedding.reduce(0) { max($0, abs($1)) }
            for (value, expected) in zip(found, text.embedding) {
                #expect(abs(Double(value) - expected) <= 1e-5 * scale, "\(text.text)")
            }
        }
    }

    @Test("are the same bits in small steps, beside others, and of what the cache has")
    func areInvariant() throws {
        let ids = try #require(try Self.load().last).ids
        let harness = try Harness()
        let alone = try #require(try harness.finish(GenerationGroup([Self.request(ids)])).embeddings[0])
        let hurried = try Harness(threads: 1) { options in
            options.stepDuration = .nanoseconds(1)
            options.keepsPrefixes = true
        }
        // The same tokens are in the cache by now, and others are computed in the same steps.
        var scored = Self.request(ids)
        scored.reportsPromptLogprobs = true
        scored.logprobCount = 0
        for engine in [harness, hurried] {
            let group = GenerationGroup([
                engine.request("something else", max: 8), Self.request(ids), scored,
                Self.request(Array(ids.dropLast())),
            ])
            let recorder = try engine.finish(group)
            #expect(recorder.embeddings[1]?.map(\.bitPattern) == alone.map(\.bitPattern))
            #expect(recorder.embeddings[2]?.map(\.bitPattern) == alone.map(\.bitPattern))
            #expect(recorder.embeddings[3]?.map(\.bitPattern) != alone.map(\.bitPattern))
            #expect(recorder.embeddings[0] == nil && recorder.prompts[2].count == ids.count)
        }
    }

    @Test("can be had of prompts that share their beginning")
    func ofSharedPrompts() throws {
        let ids = try #require(try Self.load().last).ids
        let harness = try Harness()
        let requests = [ids, Array(ids.prefix(40)) + [7, 8], Array(ids.prefix(40))].map { Self.request($0) }
        let alone = try harness.finish(GenerationGroup(requests)).embeddings
        let shared = try harness.finish(GenerationGroup(requests, sharedTokens: 40)).embeddings
        #expect(alone.count == 3 && alone == shared)
    }
}
