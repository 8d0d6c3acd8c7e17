// SPDX-License-Identifier: Apache-2.0

/// One group of a beam search: which sequences go on and which are finished. Pure: the caller computes log-probabilities
/// and says which sequences are over.
///
///     let candidates = group.candidates(rows, endCount: 1, lowered: [:])
///     let step = group.take(candidates) { candidate in (hypothesis, isEnd) }
///
/// Of a step's continuations the K likeliest are looked at, K = max(2, 1 + ends) · width, so that enough are left to go
/// on where all ends are among them. Those of the first `width` that are over join the finished, of which the best
/// `width` stay; the first `width` that are not over go on. Ties go to the likelier parent, then to the smaller id.
///
/// Source: `_beam_search` of transformers 5; groups as `_group_beam_search` of transformers 4.
package struct BeamGroup<Hypothesis> {
    /// A sequence that goes on.
    package struct Open {
        /// The caller's.
        package let hypothesis: Hypothesis
        /// Σ log p.
        package let sum: Double
    }

    /// A sequence that is over.
    package struct Finished {
        /// The caller's.
        package let hypothesis: Hypothesis
        /// Σ log p.
        package let sum: Double
        /// The sum over the norm of its length.
        package let score: Double
    }

    /// A continuation by one token.
    package struct Candidate: Sendable, Equatable {
        /// The place of what it continues among the open ones.
        package let parent: Int
        /// The token.
        package let id: Int32
        /// The place of the token among those of the parent's row.
        package let place: Int
        /// Σ log p, the token's included.
        package let sum: Double
    }

    /// How a continuation ends.
    package enum End: Sendable {
        /// With a token that stands for the end.
        case token
        /// Otherwise: by a stop string, a constraint, or its length.
        case text
    }

    /// What became of a step's continuations, in order of their sums.
    package struct Step {
        /// Those that go on, with what the caller made of them; they are the open ones now.
        package var kept: [(candidate: Candidate, hypothesis: Hypothesis)] = []
        /// Those that joined the finished.
        package var finished: [(candidate: Candidate, hypothesis: Hypothesis, score: Double)] = []
        /// Those that were given up.
        package var pruned: [Candidate] = []
    }

    private let parameters: BeamParameters
    private let promptCount: Int
    private let maxTokens: Int
    private var length = 0
    /// Those that go on, likeliest first.
    package private(set) var open: [Open]
    /// Those that are over, best first.
    package private(set) var finished: [Finished] = []
    /// Whether nothing is looked for any more.
    package private(set) var isOver = false

    /// A group whose only sequence is the prompt.
    package init(_ parameters: BeamParameters, root: Hypothesis, promptCount: Int, maxTokens: Int) {
        self.parameters = parameters
        self.promptCount = promptCount
        self.maxTokens = maxTokens
        open = [Open(hypothesis: root, sum: 0)]
    }

    private var width: Int { parameters.groupWidth }

    /// How many continuations are looked at where `endCount` tokens stand for the end.
    package static func candidateCount(_ parameters: BeamParameters, endCount: Int) -> Int {
        max(2, 1 + endCount) * parameters.groupWidth
    }

    /// The likeliest continuations, best first.
    ///
    /// - Parameters:
    ///   - rows: per open sequence its likeliest tokens with their log-probabilities, best first: K of them and one more
    ///     per token of `lowered`, or all there are.
    ///   - lowered: how often earlier groups chose a token at this step.
    package func candidates(_ rows: [[TokenLogprob]], endCount: Int, lowered: [Int32: Int]) -> [Candidate] {
        var all: [Candidate] = []
        for (parent, (open, row)) in zip(open, rows).enumerated() {
            for (place, token) in row.enumerated() {
                let cost = lowered[token.id].map { Double($0) * Double(parameters.diversityPenalty) } ?? 0
                all.append(
                    Candidate(
                        parent: parent, id: token.id, place: place, sum: open.sum + Double(token.logprob) - cost))
            }
        }
        all.sort { left, right in
            if left.sum != right.sum { return left.sum > right.sum }
            return left.parent != right.parent ? left.parent < right.parent : left.id < right.id
        }
        return Array(all.prefix(Self.candidateCount(parameters, endCount: endCount)))
    }

    /// Decides on a step's continuations.
    ///
    /// - Parameter make: makes a hypothesis of a continuation, and says how it ends if it does. Asked in order, for as
    ///   many as matter.
    package mutating func take<Failure: Error>(
        _ candidates: [Candidate], _ make: (Candidate) throws(Failure) -> (Hypothesis, End?)
    ) throws(Failure) -> Step {
        length += 1
        var step = Step()
        let isClosed = finished.count == width && parameters.stopping == .whenFull
        for (rank, candidate) in candidates.enumerated() {
            guard step.kept.count < width || rank < width else {
                step.pruned.append(candidate)
                continue
            }
            let (hypothesis, end) = try make(candidate)
            if let end {
                let score = candidate.sum / divisor(length, endTokens: end == .token ? 1 : 0)
                guard rank < width, !isClosed, join(hypothesis, sum: candidate.sum, score: score) else {
                    step.pruned.append(candidate)
                    continue
                }
                step.finished.append((candidate, hypothesis, score))
            } else {
                step.kept.append((candidate, hypothesis))
            }
        }
        open = step.kept.map { Open(hypothesis: $0.hypothesis, sum: $0.candidate.sum) }
        isOver = open.isEmpty || !canImprove
        return step
    }

    /// Ends the search here: what goes on counts as finished.
    package mutating func close() {
        for open in open { _ = join(open.hypothesis, sum: open.sum, score: open.sum / divisor(max(length, 1))) }
        open = []
        isOver = true
    }

    private func divisor(_ length: Int, endTokens: Int = 0) -> Double {
        parameters.lengthNorm.divisor(
            generated: length, end: endTokens, prompt: promptCount, exponent: parameters.lengthPenalty)
    }

    /// Whether it is among the best then.
    private mutating func join(_ hypothesis: Hypothesis, sum: Double, score: Double) -> Bool {
        let place = finished.firstIndex { $0.score < score } ?? finished.count
        guard place < width else { return false }
        finished.insert(Finished(hypothesis: hypothesis, sum: sum, score: score), at: place)
        if finished.count > width { finished.removeLast() }
        return true
    }

    private var canImprove: Bool {
        guard finished.count == width, let last = finished.last, let best = open.first else { return true }
        let bound: Double
        switch parameters.stopping {
        case .whenFull: return false
        case .heuristic: bound = best.sum / divisor(length)
        case .never: bound = best.sum / divisor(parameters.lengthPenalty > 0 ? maxTokens : length)
        }
        return bound > last.score
    }
}
