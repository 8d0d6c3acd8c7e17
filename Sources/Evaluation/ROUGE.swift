// SPDX-License-Identifier: Apache-2.0

/// ROUGE-L as rouge-score computes it without a stemmer, from 0 to 1: the longest common subsequence of the words of
/// the whole texts (Lin 2004). Only a-z and 0-9 are words: other scripts score 0.
public struct ROUGE: Sendable, Equatable {
    /// The subsequence as a share of the hypothesis.
    public var precision: Double
    /// The subsequence as a share of the reference.
    public var recall: Double
    /// The harmonic mean of both.
    public var f1: Double

    /// The score of the reference with the highest F, the first of equal ones. All zero without references.
    public static func longest(_ hypothesis: String, references: [String]) -> ROUGE {
        let words = WordTokens.rouge(hypothesis)
        var best = ROUGE(precision: 0, recall: 0, f1: 0)
        for reference in references {
            let score = score(words, WordTokens.rouge(reference))
            if score.f1 > best.f1 { best = score }
        }
        return best
    }

    private static func score(_ hypothesis: [String], _ reference: [String]) -> ROUGE {
        guard !hypothesis.isEmpty, !reference.isEmpty else { return ROUGE(precision: 0, recall: 0, f1: 0) }
        let length = Double(commonSubsequence(hypothesis, reference))
        let (precision, recall) = (length / Double(hypothesis.count), length / Double(reference.count))
        let sum = precision + recall
        return ROUGE(precision: precision, recall: recall, f1: sum > 0 ? 2 * precision * recall / sum : 0)
    }

    /// The length of the longest common subsequence, 64 places of `left` at a time.
    ///
    /// A zero bit of the row marks a place of `left` where the length grows. Source: Hyyrö 2004, "Bit-parallel LCS-length
    /// computation revisited".
    package static func commonSubsequence<Element: Hashable>(_ left: [Element], _ right: [Element]) -> Int {
        let wordCount = (left.count + 63) / 64
        var masks: [Element: [UInt64]] = [:]
        for (place, element) in left.enumerated() {
            masks[element, default: Array(repeating: 0, count: wordCount)][place / 64] |= 1 << UInt64(place % 64)
        }
        var row = [UInt64](repeating: .max, count: wordCount)
        for element in right {
            guard let mask = masks[element] else { continue }
            var carry: UInt64 = 0
            for word in 0..<wordCount {
                let hits = row[word] & mask[word]
                let (sum, first) = row[word].addingReportingOverflow(hits)
                let (total, second) = sum.addingReportingOverflow(carry)
                carry = first || second ? 1 : 0
                row[word] = total | (row[word] & ~mask[word])
            }
        }
        // Bits past the end stay ones: no mask has them.
        return row.reduce(0) { $0 + (64 - $1.nonzeroBitCount) }
    }
}
