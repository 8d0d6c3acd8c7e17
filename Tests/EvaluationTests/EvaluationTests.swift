// SPDX-License-Identifier: Apache-2.0

import Evaluation
import Foundation
import Testing

/// What the Python packages say; see Tests/Fixtures/evaluation.
struct EvaluationGoldens: Decodable {
    struct Case: Decodable {
        var hypotheses: [String]
        var references: [String]
        var rouge: [[Double]]
        var sentence: [Double]
        var corpus: Double
    }

    struct Samples: Decodable {
        var samples: [String]
        var score: Double
    }

    struct Resampling: Decodable {
        var values: [Double]
        var seed: String
        var low: Double
        var high: Double
    }

    struct Pairs: Decodable {
        var first: [Double]
        var second: [Double]
        var difference: Double
        var p: Double
    }

    struct Words: Decodable {
        var text: String
        var bleu: [String]
        var rouge: [String]
    }

    var words: [Words]
    var cases: [Case]
    var groups: [Samples]
    var intervals: [Resampling]
    var tests: [Pairs]

    static func load() throws -> EvaluationGoldens {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/evaluation/evaluation-goldens.json")
        return try JSONDecoder().decode(EvaluationGoldens.self, from: Data(contentsOf: file))
    }
}

private func isClose(_ left: Double, _ right: Double, _ tolerance: Double = 1e-9) -> Bool {
    abs(left - right) <= tolerance * max(1, abs(right))
}

@Suite("Evaluation")
struct EvaluationTests {
    @Test("splits texts into words as sacreBLEU and rouge-score do")
    func words() throws {
        for entry in try EvaluationGoldens.load().words {
            #expect(WordTokens.mteval13a(entry.text) == entry.bleu, "\(entry.text)")
            #expect(WordTokens.rouge(entry.text) == entry.rouge, "\(entry.text)")
        }
    }

    @Test("scores ROUGE-L and BLEU as the packages do")
    func scores() throws {
        let cases = try EvaluationGoldens.load().cases
        #expect(cases.contains { $0.corpus > 99 } && cases.contains { $0.corpus == 0 })
        for (number, entry) in cases.enumerated() {
            for (index, text) in entry.hypotheses.enumerated() {
                let rouge = ROUGE.longest(text, references: entry.references)
                for (found, expected) in zip([rouge.precision, rouge.recall, rouge.f1], entry.rouge[index]) {
                    #expect(isClose(found, expected), "case \(number), text \(index)")
                }
                let sentence = BLEU.sentence(text, references: entry.references)
                #expect(isClose(sentence, entry.sentence[index]), "case \(number), text \(index)")
            }
            #expect(isClose(BLEU.corpus(entry.hypotheses, references: entry.references), entry.corpus))
        }
    }

    @Test("scores samples against each other as one by one")
    func selfBLEU() throws {
        for group in try EvaluationGoldens.load().groups {
            let found = try #require(BLEU.ofEachOther(group.samples))
            #expect(isClose(found, group.score))
        }
        #expect(BLEU.ofEachOther(["alone"]) == nil)
        #expect(BLEU.ofEachOther(["", ""]) == 0)
        let score = try #require(BLEU.ofEachOther(Array(repeating: "all of these are the same", count: 3)))
        #expect(isClose(score, 100))
    }

    @Test("finds common subsequences as the table of all prefixes does")
    func commonSubsequence() {
        var generator = SystemRandomNumberGenerator()
        for count in [0, 1, 5, 63, 64, 65, 127, 128, 200] {
            for alphabet in [1, 2, 20] {
                let left = (0..<count).map { _ in Int.random(in: 0..<alphabet, using: &generator) }
                let right = (0..<Int.random(in: 0...150)).map { _ in Int.random(in: 0...alphabet, using: &generator) }
                var row = Array(repeating: 0, count: right.count + 1)
                for element in left {
                    var diagonal = 0
                    for (place, other) in right.enumerated() {
                        let above = row[place + 1]
                        row[place + 1] = element == other ? diagonal + 1 : max(above, row[place])
                        diagonal = above
                    }
                }
                #expect(ROUGE.commonSubsequence(left, right) == row[right.count], "\(left) \(right)")
            }
        }
    }

    @Test("counts different n-grams and those that occurred before")
    func diversity() {
        #expect(Diversity.distinct([[1, 2, 1, 2]], order: 1) == 0.5)
        #expect(Diversity.distinct([[1, 2, 1, 2]], order: 2) == 2.0 / 3)
        #expect(Diversity.distinct([[1, 2], [1, 2], [2, 1]], order: 2) == 2.0 / 3)
        #expect(Diversity.distinct([[1], []], order: 2) == nil)
        #expect(abs((Diversity.repetition([1, 2, 3, 4, 1, 2, 3, 4]) ?? 1) - 0.2) < 1e-12)
        #expect(Diversity.repetition([1, 2, 3]) == nil)
        #expect(Agreement.prefixShare([1, 2, 3, 4], [1, 2, 9]) == 0.5)
        #expect(Agreement.prefixShare([], []) == 1 && Agreement.prefixShare([], [1]) == 0)
        #expect(ExactMatch.matches(" Paris\n", references: ["paris", "Paris"]))
        #expect(!ExactMatch.matches("paris", references: ["Paris", "e\u{301}"]))
        #expect(!ExactMatch.matches("\u{e9}", references: ["e\u{301}"]))
    }

    @Test("draws intervals as NumPy does from the same stream")
    func intervals() throws {
        for entry in try EvaluationGoldens.load().intervals {
            let seed = try #require(UInt64(entry.seed))
            let interval = try #require(Bootstrap.mean(entry.values, seed: seed))
            #expect(isClose(interval.low, entry.low) && isClose(interval.high, entry.high))
            #expect(Bootstrap.mean(entry.values, seed: seed) == interval)
        }
        #expect(Bootstrap.mean([1], seed: 1) == nil)
        #expect(Bootstrap.mean([2, 2, 2], seed: 1) == Interval(low: 2, high: 2))
    }

    @Test("tests pairs as SciPy's permutation test of all signs")
    func pairs() throws {
        for entry in try EvaluationGoldens.load().tests {
            let test = try #require(PairedTest(entry.first, entry.second, seed: 3))
            #expect(isClose(test.meanDifference, entry.difference) && isClose(test.pValue, entry.p, 1e-12))
        }
        #expect(PairedTest([1], [2], seed: 1) == nil && PairedTest([1, 2], [2], seed: 1) == nil)
        // Too many pairs for all signs: 40 of one sign cannot be chance, equal ones must be.
        let values = (0..<40).map(Double.init)
        #expect((PairedTest(values, values.map { $0 + 1 }, seed: 1)?.pValue ?? 1) == 1e-4)
        #expect(PairedTest(values, values, seed: 1)?.pValue == 1)
    }
}
