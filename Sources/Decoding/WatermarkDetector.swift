// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Finds the mark that the stage `watermark` leaves: counts how many tokens are green after the one before them.
///
/// Without a mark each is green with the probability γ, so that the count is far from γ·T by chance only: z = (g - γ·T) /
/// √(T·γ·(1 - γ)), and p is the probability of a z so large, 1 - Φ(z).
///
/// Source: Kirchenbauer et al. 2023, section 3; `WatermarkDetector` of transformers with the scheme `lefthash`.
public struct WatermarkDetector: Sendable {
    /// What was found.
    public struct Report: Sendable, Equatable {
        /// T: tokens that have one before them; without repetitions, pairs that differ.
        public var scoredCount: Int
        /// g: those of them that are green.
        public var greenCount: Int
        /// The standard score.
        public var zScore: Double
        /// The probability of such a score without a mark.
        public var pValue: Double
    }

    /// The most ids that a detection may shuffle, vocabulary by vocabulary.
    public static let workLimit = 1 << 28

    private let stage: Watermark
    private let ratio: Double
    private let vocabularySize: Int

    /// A detector of the mark that these settings leave in a text over V ids. The bias plays no part.
    public init(_ parameters: WatermarkParameters, vocabularySize: Int) {
        stage = Watermark(parameters, vocabularySize: vocabularySize)
        ratio = parameters.ratio.decimal
        self.vocabularySize = vocabularySize
    }

    /// The most ids that ``detect(_:ignoresRepetitions:)`` would shuffle.
    public func work(_ ids: [Int32]) -> Int {
        let (work, overflow) = Set(ids.dropLast()).count.multipliedReportingOverflow(by: vocabularySize)
        return overflow ? .max : work
    }

    /// What is found in a text of at least two ids; nil for a shorter one, and once `isWanted` is false. Takes 4 bytes
    /// per id of the vocabulary.
    ///
    /// - Parameters:
    ///   - ignoresRepetitions: whether a pair of tokens counts once, however often it occurs.
    ///   - isWanted: asked once per different token.
    public func detect(
        _ ids: [Int32], ignoresRepetitions: Bool, isWanted: () -> Bool = { true }
    ) -> Report? {
        guard ids.count > 1 else { return nil }
        var followers: [Int32: [Int32: Int]] = [:]
        for (previous, id) in zip(ids, ids.dropFirst()) { followers[previous, default: [:]][id, default: 0] += 1 }
        var report = Report(scoredCount: 0, greenCount: 0, zScore: 0, pValue: 0)
        var buffer: [Int32] = []
        for (previous, counts) in followers {
            guard isWanted() else { return nil }
            let green = stage.greenIDs(after: previous, of: counts, &buffer)
            for (id, count) in counts {
                let weight = ignoresRepetitions ? 1 : count
                report.scoredCount += weight
                if green.contains(id) { report.greenCount += weight }
            }
        }
        let count = Double(report.scoredCount)
        report.zScore = (Double(report.greenCount) - ratio * count) / (count * ratio * (1 - ratio)).squareRoot()
        report.pValue = erfc(report.zScore / 2.0.squareRoot()) / 2
        return report
    }
}
