// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Processed log-probabilities: the log-softmax of what the stages left, from which a token was drawn.
///
/// A removed id has minus infinity. An id has one number, whether it is asked for alone or in a list. At temperature 0
/// one id is left, with 0.
public struct ProcessedProbabilities {
    private let candidates: CandidateSet
    private let statistics: SoftmaxStatistics

    /// The probabilities of the last draw that used `workspace`; nil before the first.
    public init?(of workspace: SamplingWorkspace) {
        guard workspace.candidates.count > 0 else { return nil }
        self.init(of: workspace.candidates)
    }

    /// The probabilities of at least one candidate.
    init(of candidates: CandidateSet) {
        self.candidates = candidates
        statistics = candidates.statistics
    }

    /// How many ids are left.
    public var count: Int { candidates.count }
    /// The entropy of what is left, in nats.
    public var entropy: Double { statistics.entropy }

    /// The ids that are left, ascending, with their probabilities.
    func forEach(_ body: (Int32, Double) -> Void) {
        for index in 0..<candidates.count {
            body(candidates.id(at: index), exp(logarithm(at: index)))
        }
    }

    /// The log-probability of `id`.
    public func of(_ id: Int32) -> Float {
        candidates.index(of: id).map { logprob(at: $0) } ?? -.infinity
    }

    /// The `count` likeliest ids, best first, ties by smaller id; no more than are left.
    public func top(_ count: Int) -> [TokenLogprob] {
        candidates.likeliest(count).map { TokenLogprob(id: candidates.id(at: $0), logprob: logprob(at: $0)) }
    }

    private func logprob(at index: Int) -> Float { Float(logarithm(at: index)) }

    private func logarithm(at index: Int) -> Double {
        // The maximum first: beside a huge one the rest of the sum would be lost.
        (Double(candidates.logit(at: index)) - statistics.maximum) - statistics.logMass
    }
}
