// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How much of the way to a draw is reported.
public enum TraceDetail: Sendable, Equatable {
    /// Of each stage how much it left, and where the drawn token stands.
    case summary
    /// The same, and this many of the likeliest ids after each stage.
    case full(count: Int)

    /// How many ids are listed per stage.
    public var count: Int {
        switch self {
        case .summary: 0
        case .full(let count): count
        }
    }
}

/// What each stage did on the way from the model's logits to a drawn token. Logarithms are natural, entropies in nats.
public struct DrawTrace: Sendable, Equatable {
    /// A distribution on the way.
    public struct Level: Sendable, Equatable {
        /// How many ids are left.
        public var survivorCount: Int
        /// The entropy of what is left.
        public var entropy: Double
        /// The place of the token among the ids by probability, 1 for the likeliest, ties by smaller id; nil if it is
        /// not left.
        public var rank: Int?
        /// The token's log-probability; minus infinity if it is not left.
        public var logprob: Float
        /// The likeliest ids, best first, ties by smaller id; no more than are left.
        public var top: [TokenLogprob]

        /// A distribution of the given parts.
        public init(survivorCount: Int, entropy: Double, rank: Int?, logprob: Float, top: [TokenLogprob]) {
            self.survivorCount = survivorCount
            self.entropy = entropy
            self.rank = rank
            self.logprob = logprob
            self.top = top
        }
    }

    /// A stage.
    public struct Step: Sendable, Equatable {
        /// Which; nil: the constraint on the text, which acts before the stages.
        public var stage: StageName?
        /// The probability, in the distribution before it, of the ids that it removed.
        public var removedMass: Double
        /// The distribution that it left.
        public var after: Level

        /// What `stage` did.
        public init(stage: StageName?, removedMass: Double, after: Level) {
            self.stage = stage
            self.removedMass = removedMass
            self.after = after
        }
    }

    /// The model's own distribution.
    public var raw: Level
    /// One per stage that acts, first to last.
    public var steps: [Step]

    /// A trace of the given parts.
    public init(raw: Level, steps: [Step]) {
        self.raw = raw
        self.steps = steps
    }
}

extension DrawTrace.Level {
    /// The distribution of what is left, with the place of `id` in it.
    init(_ candidates: CandidateSet, id: Int32, count: Int) {
        let left = ProcessedProbabilities(of: candidates)
        self.init(
            survivorCount: left.count, entropy: left.entropy, rank: candidates.rank(of: id), logprob: left.of(id),
            top: left.top(count))
    }
}

extension Sampler {
    /// What the stages do on the way to the draw of `id` at `position`, which was just made or is forced, and not yet
    /// accepted. Runs the stages once more and leaves the survivors in `workspace`.
    ///
    /// - Throws: ``DecodingError`` as the draw would.
    public func trace(
        of id: Int32, _ detail: TraceDetail, logits: UnsafeBufferPointer<Float>, position: Int,
        workspace: inout SamplingWorkspace
    ) throws(DecodingError) -> DrawTrace {
        var trace: DrawTrace?
        var level: DrawTrace.Level?
        var before = workspace.takeReference()
        defer { workspace.reference = before }
        try forEachStep(logits: logits, position: position, workspace: &workspace) { step, candidates in
            // A stage that found nothing to do leaves the distribution as it was.
            let isSame = level != nil && before.hasSameContent(as: candidates)
            let now = isSame ? level : nil
            let after = now ?? DrawTrace.Level(candidates, id: id, count: detail.count)
            func append(_ stage: StageName?) {
                let removed = isSame ? 0 : before.mass(without: candidates)
                trace?.steps.append(DrawTrace.Step(stage: stage, removedMass: removed, after: after))
            }
            switch step {
            case .load: trace = DrawTrace(raw: after, steps: [])
            case .constraint: append(nil)
            case .stage(let name): append(name)
            }
            level = after
            if !isSame { before.copy(candidates) }
        }
        guard let trace else { throw .noCandidates(position: position) }
        return trace
    }
}

extension CandidateSet {
    /// The place of `id` by logit, from 1; ties by smaller id. Nil if it is not there.
    func rank(of id: Int32) -> Int? {
        guard let place = index(of: id) else { return nil }
        return withLogits { logits in
            let own = logits[place]
            var rank = 1
            for index in logits.indices { rank += logits[index] > own ? 1 : 0 }
            // Places ascend with ids: of equal logits those before it come first.
            for index in 0..<place { rank += logits[index] == own ? 1 : 0 }
            return rank
        }
    }

    /// The probability of the ids that `later`, which was made of this set by a stage, lacks. Summed over the fewer:
    /// the ids that are gone, or those that are left.
    func mass(without later: CandidateSet) -> Double {
        let goneCount = count - later.count
        guard goneCount > 0 else { return 0 }
        let countsGone = goneCount <= later.count
        var part: [Float] = []
        part.reserveCapacity(countsGone ? goneCount : later.count)
        if countsGone {
            var next = 0
            for index in 0..<count {
                if next < later.count, later.id(at: next) == id(at: index) {
                    next += 1
                } else {
                    part.append(logit(at: index))
                }
            }
        } else {
            for index in 0..<later.count {
                if let place = self.index(of: later.id(at: index)) { part.append(logit(at: place)) }
            }
        }
        guard !part.isEmpty else { return countsGone ? 0 : 1 }
        let logShare = part.withUnsafeBufferPointer { SoftmaxStatistics($0).logSum } - statistics.logSum
        return min(1, countsGone ? exp(logShare) : max(0, -expm1(logShare)))
    }
}
