// SPDX-License-Identifier: Apache-2.0

import Foundation
import Prompting
import Testing

/// Selection by what a model knows, against Tests/Fixtures/shots/embedding-goldens.json: NumPy.
@Suite struct EmbeddingSelectionTests {
    private struct Goldens: Decodable {
        struct Relevance: Decodable {
            var relevance: Double
            var candidates: Int
            var ranked: [Int]
        }

        struct Space: Decodable {
            var rows: [Float]
            var query: [Float]
            var cosines: [Double]
            var knn: [Int]
            var mmr: [Relevance]
        }

        struct Entropies: Decodable {
            var global: Double
            var local: Double
        }

        struct Probing: Decodable {
            var logprobs: [[[Double]]]
            var entropies: [Entropies]
            var best: Int
        }

        var spaces: [Space]
        var probings: [Probing]
    }

    private static func load() throws -> Goldens {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/shots/embedding-goldens.json")
        return try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: file))
    }

    private static func pool(_ count: Int) -> ExamplePool {
        ExamplePool((0..<count).map { ShotExample(input: "input \($0)", output: "x") })
    }

    private static func view(_ space: Goldens.Space) -> ExampleSelection.ModelView {
        var view = ExampleSelection.ModelView()
        view.inputs = space.rows
        view.query = space.query
        return view
    }

    @Test func nearestAreThoseOfNumPy() throws {
        for space in try Self.load().spaces {
            var selection = ExampleSelection()
            selection.method = .knn
            let pool = Self.pool(space.cosines.count)
            let result = selection.select(from: pool, query: "q", view: Self.view(space))
            #expect(result.ranked == space.knn)
            #expect(selection.arrange(result.ranked, of: result, in: pool) == space.knn.reversed())
            for count in [0, 1, 3] {
                selection.count = count
                #expect(
                    selection.select(from: pool, query: "q", view: Self.view(space)).ranked
                        == Array(space.knn.prefix(count)))
            }
        }
    }

    @Test func marginalRelevanceIsThatOfNumPy() throws {
        for space in try Self.load().spaces {
            let pool = Self.pool(space.cosines.count)
            for entry in space.mmr {
                var selection = ExampleSelection()
                selection.method = .mmr
                selection.relevance = entry.relevance
                selection.candidateCount = entry.candidates
                for count in [1, 4, 100] {
                    selection.count = count
                    let result = selection.select(from: pool, query: "q", view: Self.view(space))
                    // With fewer than the candidates the rest is not looked at.
                    let expected = Array(entry.ranked.prefix(count))
                    #expect(result.ranked == expected, "\(entry.relevance) \(entry.candidates) \(count)")
                }
            }
        }
    }

    @Test func likelihoodRanksTheCandidates() {
        let pool = ExamplePool(
            ["red fox", "blue whale", "red hen", "red red fox", "cat"].map { ShotExample(input: $0, output: "x") })
        var selection = ExampleSelection()
        selection.method = .nll
        selection.candidateCount = 3
        let candidates = selection.candidates(from: pool, query: "red fox house")
        #expect(candidates.count == 3 && Set(candidates) == [0, 2, 3])
        var view = ExampleSelection.ModelView()
        view.likelihoods = candidates.map { [0: -3.0, 2: -1.0, 3: -2.0][$0] ?? 0 }
        let result = selection.select(from: pool, query: "red fox house", view: view)
        #expect(result.ranked == [2, 3, 0, 1, 4])
        #expect(selection.effectiveOrder == .similarLast)
        #expect(selection.arrange([2, 3, 0], of: result, in: pool) == [0, 3, 2])
    }

    @Test func theMostEvenOrderIsThatOfNumPy() throws {
        for probing in try Self.load().probings {
            for (logprobs, expected) in zip(probing.logprobs, probing.entropies) {
                let found = OrderProbing.entropies(logprobs)
                #expect(abs(found.global - expected.global) < 1e-12 && abs(found.local - expected.local) < 1e-12)
            }
            #expect(OrderProbing.best(probing.logprobs) == probing.best)
        }
    }

    @Test func ordersAreAllOrSomeAndDiffer() {
        #expect(OrderProbing.orders(of: [4, 7, 9], count: 8, seed: 1).count == 6)
        let some = OrderProbing.orders(of: [0, 1, 2, 3, 4], count: 8, seed: 1)
        #expect(some.count == 8 && Set(some).count == 8 && some[0] == [0, 1, 2, 3, 4])
        #expect(some.allSatisfy { $0.sorted() == [0, 1, 2, 3, 4] })
        #expect(some == OrderProbing.orders(of: [0, 1, 2, 3, 4], count: 8, seed: 1))
        #expect(OrderProbing.orders(of: [3], count: 8, seed: 1) == [[3]])
        // What was not probed keeps its place in no order: only what is shown is arranged.
        var selection = ExampleSelection()
        selection.order = .entropyProbed
        var result = selection.select(from: Self.pool(3), query: "q")
        result.probed = [2, 0, 1]
        #expect(selection.arrange([0, 1, 2], of: result, in: Self.pool(3)) == [2, 0, 1])
        #expect(selection.arrange([0, 2], of: result, in: Self.pool(3)) == [2, 0])
    }
}
