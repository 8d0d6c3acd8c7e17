// SPDX-License-Identifier: Apache-2.0

import Foundation
import Prompting
import Testing

/// Selection and order against Tests/Fixtures/shots: rank_bm25, and the definitions written down in Python.
@Suite struct ExampleSelectionTests {
    struct Pool: Decodable {
        struct Example: Decodable {
            var input: String
            var output: String
            var label: String?
        }

        struct Case: Decodable {
            var query: String
            var method: String
            var order: String
            var count: Int
            var seed: UInt64
            var bm25: [Double]
            var overlap: [Double]
            var ranked: [Int]
            var shown: [Int]
            var excluded: [Int]
        }

        var examples: [Example]
        var cases: [Case]
    }

    static func load() throws -> [Pool] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/shots/shot-goldens.json")
        return try JSONDecoder().decode([Pool].self, from: Data(contentsOf: file))
    }

    static func pool(_ examples: [Pool.Example]) -> ExamplePool {
        ExamplePool(examples.map { ShotExample(input: $0.input, output: $0.output, label: $0.label) })
    }

    @Test func scoresEqualTheReference() throws {
        for golden in try Self.load() {
            let pool = Self.pool(golden.examples)
            for entry in golden.cases {
                #expect(pool.bm25(entry.query) == entry.bm25, "\(entry.query)")
                #expect(pool.overlap(entry.query) == entry.overlap, "\(entry.query)")
            }
        }
    }

    @Test func choiceAndOrderEqualTheReference() throws {
        var count = 0
        for golden in try Self.load() {
            let pool = Self.pool(golden.examples)
            for entry in golden.cases {
                let selection = try Self.selection(entry)
                let result = selection.select(from: pool, query: entry.query)
                let what = "\(entry.method) \(entry.order) \(entry.count) \(entry.seed) \(entry.query)"
                #expect(result.ranked == entry.ranked, "\(what)")
                #expect(result.excluded == entry.excluded, "\(what)")
                #expect(selection.arrange(result.ranked, of: result, in: pool) == entry.shown, "\(what)")
                count += 1
            }
        }
        #expect(count >= 100)
    }

    private static func selection(_ entry: Pool.Case) throws -> ExampleSelection {
        var selection = ExampleSelection()
        selection.method = try #require(ExampleSelection.Method(rawValue: entry.method))
        let order: ExampleSelection.Order = try #require(ExampleSelection.Order(rawValue: entry.order))
        selection.order = order
        selection.count = entry.count
        selection.seed = entry.seed
        return selection
    }

    @Test(arguments: ExampleSelection.Method.allCases.filter { !$0.usesEmbeddings })
    func fewerAreTheBeginningOfMore(_ method: ExampleSelection.Method) throws {
        for golden in try Self.load() {
            let pool = Self.pool(golden.examples)
            var selection = ExampleSelection()
            selection.method = method
            selection.seed = 5
            let all = selection.select(from: pool, query: "ka lo").ranked
            #expect(Set(all).count == all.count)
            for count in 0...all.count {
                selection.count = count
                #expect(selection.select(from: pool, query: "ka lo").ranked == Array(all.prefix(count)))
            }
        }
    }

    @Test func theQueryItselfIsLeftOut() {
        let pool = ExamplePool([
            ShotExample(input: " What  IS\nit? ", output: "a"), ShotExample(input: "what is it", output: "b"),
        ])
        var selection = ExampleSelection()
        let result = selection.select(from: pool, query: "what is it?")
        #expect(result.ranked == [1] && result.excluded == [0])
        selection.excludesQuery = false
        #expect(selection.select(from: pool, query: "what is it?").ranked == [0, 1])
    }

    @Test func theNearestStandsNextToTheQuery() {
        let pool = ExamplePool(
            ["red fox", "blue whale", "red red fox den"].map { ShotExample(input: $0, output: "x") })
        var selection = ExampleSelection()
        selection.method = .ngram
        let result = selection.select(from: pool, query: "a red fox den")
        #expect(result.ranked == [2, 0, 1])
        #expect(selection.arrange(result.ranked, of: result, in: pool) == [1, 0, 2])
    }
}
