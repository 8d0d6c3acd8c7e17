// SPDX-License-Identifier: Apache-2.0

import Glibc

/// BLEU as sacreBLEU computes it, from 0 to 100: tokenizer 13a, case as it is, n-grams of 1 to 4 words, exponential
/// smoothing. A hypothesis is compared with the closest reference in length, the shorter of two equally close.
///
/// Source: Papineni et al. 2002, Post 2018. Words are compared scalar by scalar.
public enum BLEU {
    private static let maxOrder = 4

    /// The corpus score: counts are summed over the hypotheses, all of which have the same references.
    public static func corpus(_ hypotheses: [String], references: [String]) -> Double {
        var counter = Counter(references: references)
        var sum = Statistics()
        for hypothesis in hypotheses { sum.add(counter.statistics(of: hypothesis)) }
        return sum.score(usesEffectiveOrder: false)
    }

    /// The score of one hypothesis, over the orders that it has n-grams of.
    public static func sentence(_ hypothesis: String, references: [String]) -> Double {
        var counter = Counter(references: references)
        return counter.statistics(of: hypothesis).score(usesEffectiveOrder: true)
    }

    /// Self-BLEU: the mean score of each sample with the others as references (Zhu et al. 2018); high where samples are
    /// alike. Nil for fewer than two samples.
    public static func ofEachOther(_ samples: [String]) -> Double? {
        guard samples.count > 1 else { return nil }
        var table = NgramTable<[Unicode.Scalar]>()
        var counts: [[[Int: Int]]] = []
        var lengths: [Int] = []
        // The largest count of an n-gram, who has it, and the largest of the others.
        var peaks: [Int: (largest: Int, owner: Int, second: Int)] = [:]
        for (owner, sample) in samples.enumerated() {
            let words = WordTokens.mteval13a(sample).map { Array($0.unicodeScalars) }
            let own = table.counts(of: words, maxOrder: maxOrder)
            for order in own {
                for (number, count) in order {
                    guard let peak = peaks[number] else {
                        peaks[number] = (count, owner, 0)
                        continue
                    }
                    if count > peak.largest {
                        peaks[number] = (count, owner, peak.largest)
                    } else {
                        peaks[number]?.second = max(peak.second, count)
                    }
                }
            }
            counts.append(own)
            lengths.append(words.count)
        }
        var sum = 0.0
        for (owner, own) in counts.enumerated() {
            var statistics = Statistics()
            for (order, ngrams) in own.enumerated() {
                for (number, count) in ngrams {
                    guard let peak = peaks[number] else { continue }
                    statistics.totals[order] += count
                    statistics.matches[order] += min(count, peak.owner == owner ? peak.second : peak.largest)
                }
            }
            statistics.length = lengths[owner]
            let others = lengths[..<owner] + lengths[(owner + 1)...]
            statistics.referenceLength = closest(to: lengths[owner], in: Array(others))
            sum += statistics.score(usesEffectiveOrder: true)
        }
        return sum / Double(samples.count)
    }

    fileprivate static func closest(to length: Int, in lengths: [Int]) -> Int {
        lengths.min { (abs($0 - length), $0) < (abs($1 - length), $1) } ?? 0
    }

    /// Counts hypotheses against one set of references.
    private struct Counter {
        private var table = NgramTable<[Unicode.Scalar]>()
        private var limits: [[Int: Int]] = Array(repeating: [:], count: maxOrder)
        private var lengths: [Int] = []

        init(references: [String]) {
            for reference in references {
                let words = WordTokens.mteval13a(reference).map { Array($0.unicodeScalars) }
                lengths.append(words.count)
                for (order, ngrams) in table.counts(of: words, maxOrder: maxOrder).enumerated() {
                    limits[order].merge(ngrams, uniquingKeysWith: max)
                }
            }
        }

        mutating func statistics(of hypothesis: String) -> Statistics {
            let words = WordTokens.mteval13a(hypothesis).map { Array($0.unicodeScalars) }
            var statistics = Statistics()
            statistics.length = words.count
            statistics.referenceLength = closest(to: words.count, in: lengths)
            for (order, ngrams) in table.counts(of: words, maxOrder: maxOrder).enumerated() {
                for (number, count) in ngrams {
                    statistics.totals[order] += count
                    statistics.matches[order] += min(count, limits[order][number] ?? 0)
                }
            }
            return statistics
        }
    }

    /// Sums over hypotheses.
    private struct Statistics {
        var matches = Array(repeating: 0, count: maxOrder)
        var totals = Array(repeating: 0, count: maxOrder)
        var length = 0
        var referenceLength = 0

        mutating func add(_ other: Statistics) {
            for order in 0..<maxOrder {
                matches[order] += other.matches[order]
                totals[order] += other.totals[order]
            }
            length += other.length
            referenceLength += other.referenceLength
        }

        func score(usesEffectiveOrder: Bool) -> Double {
            guard matches.contains(where: { $0 > 0 }) else { return 0 }
            var smoothing = 1.0
            var logarithms = 0.0
            var orders = 0
            for order in 0..<maxOrder where totals[order] > 0 {
                orders += 1
                if matches[order] == 0 {
                    smoothing *= 2
                    logarithms += log(100 / (smoothing * Double(totals[order])))
                } else {
                    logarithms += log(100 * Double(matches[order]) / Double(totals[order]))
                }
            }
            // Without n-grams of some order the geometric mean is zero.
            guard usesEffectiveOrder || orders == maxOrder else { return 0 }
            let brevity = length < referenceLength ? exp(1 - Double(referenceLength) / Double(length)) : 1
            return brevity * exp(logarithms / Double(orders))
        }
    }
}
