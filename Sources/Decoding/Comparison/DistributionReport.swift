// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Settings whose distributions of the next token are to be compared.
public struct DistributionQuery: Sendable, Equatable {
    /// The settings, at least one.
    public var settings: [SamplingParameters]
    /// How many of the likeliest ids to report, of the model's own distribution and under each of the settings.
    public var count: Int
    /// Whether one space at the start of the first token is no part of a text that is constrained.
    public var dropsSpace = false

    /// A query for the given settings.
    public init(settings: [SamplingParameters], count: Int) {
        self.settings = settings
        self.count = count
    }
}

/// The distributions of one next token under several settings, and how far they are apart. All sums run over the whole
/// vocabulary, in doubles; logarithms are natural.
public struct DistributionReport: Sendable, Equatable {
    /// One distribution.
    public struct Entry: Sendable, Equatable {
        /// How many ids have a probability above zero as far as the stages left them.
        public var survivorCount: Int
        /// The probability of these ids in the model's own distribution.
        public var rawMass: Double
        /// In nats.
        public var entropy: Double
        /// The likeliest ids, best first, ties by smaller id; no more than are left.
        public var top: [TokenLogprob]
        /// The model's own log-probabilities of the same ids.
        public var rawLogprobs: [Float]

        /// A distribution of the given parts.
        public init(
            survivorCount: Int, rawMass: Double, entropy: Double, top: [TokenLogprob], rawLogprobs: [Float]
        ) {
            self.survivorCount = survivorCount
            self.rawMass = rawMass
            self.entropy = entropy
            self.top = top
            self.rawLogprobs = rawLogprobs
        }
    }

    /// How far apart two distributions p and q are.
    public struct Distance: Sendable, Equatable {
        /// Σ p ln(p/q); infinite if q lacks an id that p has.
        public var forward: Double
        /// Σ q ln(q/p).
        public var backward: Double
        /// Jensen-Shannon: the mean of the divergences of p and of q from their mean; at most ln 2 (Lin 1991).
        public var jensenShannon: Double
        /// Half of Σ |p - q|; at most 1.
        public var totalVariation: Double

        /// Distances of the given sizes.
        public init(forward: Double, backward: Double, jensenShannon: Double, totalVariation: Double) {
            self.forward = forward
            self.backward = backward
            self.jensenShannon = jensenShannon
            self.totalVariation = totalVariation
        }
    }

    /// The model's own distribution.
    public var raw: Entry
    /// One per setting.
    public var entries: [Entry]
    /// `distances[i][j]`: between setting i, as p, and setting j > i at j - i - 1, as q.
    public var distances: [[Distance]]
    /// Between the model's own distribution, as p, and each setting, as q.
    public var distancesFromRaw: [Distance]

    /// A report of the given parts.
    public init(raw: Entry, entries: [Entry], distances: [[Distance]], distancesFromRaw: [Distance]) {
        self.raw = raw
        self.entries = entries
        self.distances = distances
        self.distancesFromRaw = distancesFromRaw
    }

    /// The distributions of the token after `prompt` with the given logits, one per id.
    ///
    /// Takes 12 bytes per setting and id while it runs.
    /// - Throws: ``DecodingError`` for unusable logits, and if a setting bans every id.
    public init(
        _ query: DistributionQuery, logits: UnsafeBufferPointer<Float>, prompt: [Int32],
        workspace: inout SamplingWorkspace
    ) throws(DecodingError) {
        let model = try LogProbabilities(logits: logits, position: prompt.count)
        let own = try Distribution(
            SamplingParameters(), logits, prompt, model: model, count: query.count, dropsSpace: false, &workspace)
        var all: [Distribution] = []
        for parameters in query.settings {
            all.append(
                try Distribution(
                    parameters, logits, prompt, model: model, count: query.count, dropsSpace: query.dropsSpace,
                    &workspace))
        }
        self.init(
            raw: own.entry, entries: all.map(\.entry),
            distances: all.indices.map { index in all[(index + 1)...].map { Distance(all[index], $0) } },
            distancesFromRaw: all.map { Distance(own, $0) })
    }

    /// The probabilities of the ids that are left, ascending.
    fileprivate struct Distribution {
        var entry: Entry
        var ids: [Int32] = []
        var probabilities: [Double] = []

        init(
            _ parameters: SamplingParameters, _ logits: UnsafeBufferPointer<Float>, _ prompt: [Int32],
            model: LogProbabilities, count: Int, dropsSpace: Bool, _ workspace: inout SamplingWorkspace
        ) throws(DecodingError) {
            let sampler = Sampler(
                parameters: parameters, choice: 0, prompt: prompt, vocabularySize: logits.count,
                dropsSpace: dropsSpace)
            try sampler.applyStages(logits: logits, position: prompt.count, workspace: &workspace)
            guard let left = ProcessedProbabilities(of: workspace) else {
                throw .noCandidates(position: prompt.count)
            }
            let top = left.top(count)
            entry = Entry(
                survivorCount: left.count, rawMass: 0, entropy: left.entropy, top: top,
                rawLogprobs: top.map { model.of($0.id) })
            ids.reserveCapacity(left.count)
            probabilities.reserveCapacity(left.count)
            var mass = 0.0
            left.forEach { id, probability in
                ids.append(id)
                probabilities.append(probability)
                mass += exp(Double(model.of(id)))
            }
            entry.rawMass = left.count == logits.count ? 1 : min(1, mass)
        }
    }
}

extension DistributionReport.Distance {
    fileprivate init(_ left: DistributionReport.Distribution, _ right: DistributionReport.Distribution) {
        self.init(
            ids: (left.ids, right.ids), probabilities: (left.probabilities, right.probabilities))
    }

    /// The distances of two distributions, each over ascending ids.
    package init(ids: ([Int32], [Int32]), probabilities: ([Double], [Double])) {
        self.init(forward: 0, backward: 0, jensenShannon: 0, totalVariation: 0)
        var (left, right) = (0, 0)
        while left < ids.0.count || right < ids.1.count {
            let (first, second) =
                (left < ids.0.count ? ids.0[left] : .max, right < ids.1.count ? ids.1[right] : .max)
            let p = first <= second ? probabilities.0[left] : 0
            let q = second <= first ? probabilities.1[right] : 0
            if first <= second { left += 1 }
            if second <= first { right += 1 }
            add(p, q)
        }
        // Rounding may leave a little below zero of what is zero.
        forward = max(0, forward)
        backward = max(0, backward)
        jensenShannon = max(0, jensenShannon)
    }

    private mutating func add(_ p: Double, _ q: Double) {
        let mean = (p + q) / 2
        if p > 0 {
            forward += q > 0 ? p * log(p / q) : .infinity
            jensenShannon += p * log(p / mean) / 2
        }
        if q > 0 {
            backward += p > 0 ? q * log(q / p) : .infinity
            jensenShannon += q * log(q / mean) / 2
        }
        totalVariation += abs(p - q) / 2
    }
}
