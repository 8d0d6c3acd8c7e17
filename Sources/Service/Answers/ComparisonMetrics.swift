// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Evaluation

/// What is measured of a single continuation.
enum ChoiceMetric: String, CaseIterable, Sendable {
    case length
    case meanLogprob = "mean_logprob"
    case meanProcessedLogprob = "mean_processed_logprob"
    case meanEntropy = "mean_entropy"
    case meanProcessedEntropy = "mean_processed_entropy"
    case repetition
    case exactMatch = "exact_match"
    case rougeL = "rouge_l"
    case bleu

    /// Whether it compares with a right answer.
    var needsReference: Bool {
        switch self {
        case .exactMatch, .rougeL, .bleu: true
        default: false
        }
    }

    /// The metrics that can be had.
    static func available(hasReferences: Bool) -> [ChoiceMetric] {
        allCases.filter { hasReferences || !$0.needsReference }
    }

    /// The value of a choice; nil where it has none, such as a mean over no tokens.
    func value(_ choice: ComparedChoice, references: [String]) -> Double? {
        func mean(_ part: (ReportedToken) -> Double?) -> Double? {
            let values = choice.tokens.compactMap(part)
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        return switch self {
        case .length: Double(choice.tokens.count)
        case .meanLogprob: mean { $0.statistics?.rawLogprob ?? $0.logprob.map(Double.init) }
        case .meanProcessedLogprob: mean { $0.statistics?.processedLogprob }
        case .meanEntropy: mean { $0.statistics?.rawEntropy }
        case .meanProcessedEntropy: mean { $0.statistics?.processedEntropy }
        case .repetition: Diversity.repetition(choice.tokens.map(\.id))
        case .exactMatch: ExactMatch.matches(choice.text, references: references) ? 1 : 0
        case .rougeL: ROUGE.longest(choice.text, references: references).f1
        case .bleu: BLEU.sentence(choice.text, references: references)
        }
    }
}

/// What is measured of the continuations of a comparison, and over its lanes.
struct ComparisonMetrics: Sendable {
    /// A mean over the choices of a lane.
    struct Mean: Sendable {
        var value: Double?
        var interval: Interval?
    }

    /// What is measured of a lane as a whole.
    struct Lane: Sendable {
        var means: [Mean]
        /// Distinct-1 to distinct-3.
        var distinct: [Double?]
        var selfBLEU: Double?
        var corpusBLEU: Double?
    }

    /// A test of two lanes.
    struct Test: Sendable {
        var lanes: (Int, Int)
        var metric: ChoiceMetric
        var result: PairedTest
    }

    /// What is measured of each choice, in the order of all values below.
    let metrics: [ChoiceMetric]
    /// By lane, choice and metric.
    let values: [[[Double?]]]
    /// By lane.
    let lanes: [Lane]
    /// Mean share of the tokens that both begin with, by two lanes.
    let commonPrefix: [[Double]]
    /// Share of the choices with the same tokens, by two lanes.
    let equal: [[Double]]
    /// Tests of any two lanes by any metric in which they differ.
    let tests: [Test]

    /// - Parameter seed: of the resampling.
    init(_ choices: [[ComparedChoice]], references: [String], seed: UInt64) {
        let metrics = ChoiceMetric.available(hasReferences: !references.isEmpty)
        let values = choices.map { lane in
            lane.map { choice in metrics.map { $0.value(choice, references: references) } }
        }
        let ids = choices.map { lane in lane.map { $0.tokens.map(\.id) } }
        self.metrics = metrics
        self.values = values
        lanes = choices.indices.map { index in
            let texts = choices[index].map(\.text)
            return Lane(
                means: metrics.indices.map { metric in Mean(values[index].compactMap { $0[metric] }, seed: seed) },
                distinct: (1...3).map { Diversity.distinct(ids[index], order: $0) },
                selfBLEU: BLEU.ofEachOther(texts),
                corpusBLEU: references.isEmpty ? nil : BLEU.corpus(texts, references: references))
        }
        func overPairs(_ measure: ([Int32], [Int32]) -> Double) -> [[Double]] {
            ids.map { left in
                ids.map { right in
                    zip(left, right).reduce(0) { $0 + measure($1.0, $1.1) } / Double(max(1, left.count))
                }
            }
        }
        commonPrefix = overPairs(Agreement.prefixShare)
        equal = overPairs { $0 == $1 ? 1 : 0 }
        tests = Self.tests(values, metrics, seed: seed)
    }

    private static func tests(_ values: [[[Double?]]], _ metrics: [ChoiceMetric], seed: UInt64) -> [Test] {
        var tests: [Test] = []
        for first in values.indices {
            for second in values.indices where second > first {
                for (place, metric) in metrics.enumerated() {
                    let pairs = zip(values[first], values[second]).compactMap { left, right in
                        left[place].flatMap { one in right[place].map { (one, $0) } }
                    }
                    guard pairs.contains(where: { $0.0 != $0.1 }),
                        let result = PairedTest(pairs.map(\.0), pairs.map(\.1), seed: seed)
                    else { continue }
                    tests.append(Test(lanes: (first, second), metric: metric, result: result))
                }
            }
        }
        return tests
    }
}

extension ComparisonMetrics.Mean {
    init(_ values: [Double], seed: UInt64) {
        value = values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        interval = Bootstrap.mean(values, seed: seed)
    }
}
