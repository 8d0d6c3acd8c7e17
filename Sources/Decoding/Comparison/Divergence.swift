// SPDX-License-Identifier: Apache-2.0

/// Two draws from the same logits that took different tokens, and what made the difference.
///
/// Each side is a sampler with its settings and its noise. The reference took the first token, the other side the
/// second.
public struct Divergence: Sendable, Equatable {
    /// One of the two draws.
    public enum Side: String, Sendable {
        case reference
        case other
    }

    /// What made the difference.
    public enum Cause: Sendable, Equatable {
        /// What the text may be on that side ruled out the token that the other side took.
        case constrained(on: Side)
        /// The stage removed, on that side, the token that was ahead there and that the other side took.
        case removed(by: StageName, on: Side)
        /// No token was removed while it was ahead: this stage moved the two tokens apart most, between the sides.
        case reweighted(by: StageName)
        /// The sides differ in seed or choice, and the noise moved the tokens apart most.
        case noise
    }

    /// The two tokens in one distribution. Logarithms are natural; minus infinity for a removed token.
    public struct Odds: Sendable, Equatable {
        /// The log-probability of the token that the reference took.
        public var reference: Float
        /// The log-probability of the token that the other side took.
        public var other: Float

        /// Log-probabilities of the two.
        public init(reference: Float, other: Float) {
            self.reference = reference
            self.other = other
        }

        /// The logarithm of how much likelier the reference's token is; infinite if one of them was removed, nil if both.
        public var logOdds: Double? {
            guard reference > -.infinity || other > -.infinity else { return nil }
            return Double(reference) - Double(other)
        }
    }

    /// The index of the tokens in the whole sequence, prompt included.
    public var position: Int
    /// What the reference took.
    public var reference: Int32
    /// What the other side took.
    public var other: Int32
    /// Both in the model's own distribution.
    public var raw: Odds
    /// Both in what the reference's stages left.
    public var inReference: Odds
    /// Both in what the other side's stages left.
    public var inOther: Odds
    /// What made the difference.
    public var cause: Cause

    /// A divergence of the given parts.
    public init(
        position: Int, reference: Int32, other: Int32, raw: Odds, inReference: Odds, inOther: Odds, cause: Cause
    ) {
        self.position = position
        self.reference = reference
        self.other = other
        self.raw = raw
        self.inReference = inReference
        self.inOther = inOther
        self.cause = cause
    }

    /// Explains two draws at `position` that took different tokens from the same logits. Neither sampler has accepted
    /// its token yet.
    ///
    /// - Throws: ``DecodingError`` as the draws would.
    public init(
        logits: UnsafeBufferPointer<Float>, position: Int, reference: (sampler: Sampler, token: Int32),
        other: (sampler: Sampler, token: Int32), workspace: inout SamplingWorkspace
    ) throws(DecodingError) {
        let ids = [reference.token, other.token]
        func odds(_ probability: (Int32) -> Float) -> Odds {
            Odds(reference: probability(ids[0]), other: probability(ids[1]))
        }
        let model = try LogProbabilities(logits: logits, position: position)
        let first = try reference.sampler.trace(ids, logits: logits, position: position, workspace: &workspace)
        let firstOdds = ProcessedProbabilities(of: workspace).map { left in odds { left.of($0) } }
        let second = try other.sampler.trace(ids, logits: logits, position: position, workspace: &workspace)
        let secondOdds = ProcessedProbabilities(of: workspace).map { left in odds { left.of($0) } }
        let raw = odds { model.of($0) }
        self.init(
            position: position, reference: ids[0], other: ids[1], raw: raw, inReference: firstOdds ?? raw,
            inOther: secondOdds ?? raw, cause: Self.cause(reference: first, other: second))
    }

    /// What made the difference.
    ///
    /// The margin is by how much logit + noise of the other side's token exceeds that of the reference's token: below
    /// zero where the reference's token is ahead. A stage changes it by an amount that has nothing to do with the noise,
    /// so that the sides' last margins differ by the sum over stages of what each changes more on the other side than on
    /// the reference's, and by the difference of the noise. The largest of these is the cause; a stage that removes a
    /// token decides by itself if that token was ahead.
    package static func cause(reference: SamplerTrace, other: SamplerTrace) -> Cause {
        if other.raw[0] == nil, reference.raw[0] != nil { return .constrained(on: .other) }
        if reference.raw[1] == nil, other.raw[1] != nil { return .constrained(on: .reference) }
        let (first, second) = (Margins(reference), Margins(other))
        if let removal = second.removal, removal.place == 0, second.last < 0 {
            return .removed(by: removal.stage, on: .other)
        }
        if let removal = first.removal, removal.place == 1, first.last > 0 {
            return .removed(by: removal.stage, on: .reference)
        }
        var shares = second.changes
        for (stage, change) in first.changes { shares[stage, default: 0] -= change }
        let noise = second.noise - first.noise
        var best: (stage: StageName?, share: Double) = (nil, noise == 0 ? -.infinity : noise)
        for stage in StageName.allCases {
            if let share = shares[stage], share > best.share { best = (stage, share) }
        }
        return best.stage.map { .reweighted(by: $0) } ?? .noise
    }

    /// How the margin changes on one side, until one of the tokens is removed.
    private struct Margins {
        let noise: Double
        var last: Double
        var changes: [StageName: Double] = [:]
        var removal: (stage: StageName, place: Int)?

        init(_ trace: SamplerTrace) {
            func difference(_ logits: [Float?]) -> Double? {
                guard let first = logits[0], let second = logits[1] else { return nil }
                return Double(second) - Double(first)
            }
            noise = trace.noise[1] - trace.noise[0]
            var logit = difference(trace.raw) ?? 0
            for step in trace.steps {
                guard let next = difference(step.logits) else {
                    removal = (step.stage, step.logits[0] == nil ? 0 : 1)
                    break
                }
                changes[step.stage, default: 0] += next - logit
                logit = next
            }
            last = logit + noise
        }
    }
}
