// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What several samples of an answer agree on. Source: Wang et al. 2023, "Self-Consistency Improves Chain of Thought
/// Reasoning in Language Models", section 3.1 and table 1.
public struct MajorityVote: Sendable, Equatable {
    /// What decides.
    public enum Weight: String, Sendable, CaseIterable {
        /// The number of samples: the unweighted sum.
        case none
        /// The sum over samples of exp(mean log-probability of their tokens): the weighted sum, normalized.
        case meanLogprob = "mean_logprob"
    }

    /// One sample.
    public struct Ballot: Sendable, Equatable {
        /// Its answer as it is written; nil: it has none.
        public var answer: String?
        /// What the answer is counted as.
        public var key: String
        /// The mean log-probability of the sample's tokens.
        public var meanLogprob: Double

        /// A sample of the given parts.
        public init(answer: String?, key: String, meanLogprob: Double) {
            self.answer = answer
            self.key = key
            self.meanLogprob = meanLogprob
        }
    }

    /// The samples with the same answer.
    public struct Party: Sendable, Equatable {
        /// The answer as the likeliest of the samples writes it.
        public var answer: String
        /// The places of the samples, ascending.
        public var members: [Int]
        /// The logarithm of the sum over samples of exp(mean log-probability of their tokens).
        public var logprob: Double
    }

    /// The answers, the winner first: by what decides, equal ones by ``Party/logprob``, then by the first sample.
    public var parties: [Party]
    /// The places of samples without an answer.
    public var abstentions: [Int]

    /// Counts the samples.
    public init(_ ballots: [Ballot], weight: Weight) {
        var members: [String: [Int]] = [:]
        abstentions = []
        for (place, ballot) in ballots.enumerated() {
            if ballot.answer == nil {
                abstentions.append(place)
            } else {
                members[ballot.key, default: []].append(place)
            }
        }
        parties = members.values.map { places in
            let best = places.reduce(places[0]) { ballots[$1].meanLogprob > ballots[$0].meanLogprob ? $1 : $0 }
            let largest = ballots[best].meanLogprob
            let sum = places.reduce(0) { $0 + exp(ballots[$1].meanLogprob - largest) }
            return Party(
                answer: ballots[best].answer ?? "", members: places,
                logprob: largest.isFinite ? largest + log(sum) : -.infinity)
        }
        parties.sort { left, right in
            if weight == .none, left.members.count != right.members.count {
                return left.members.count > right.members.count
            }
            return left.logprob != right.logprob ? left.logprob > right.logprob : left.members[0] < right.members[0]
        }
    }
}
