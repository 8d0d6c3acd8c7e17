// SPDX-License-Identifier: Apache-2.0

/// Which of many examples are shown for a query, and in which order. A pure function of its settings, the examples and the
/// query.
public struct ExampleSelection: Sendable, Equatable {
    /// How examples are ranked; the first ``count`` of them are taken.
    public enum Method: String, Sendable, CaseIterable {
        /// As they are given.
        case first
        /// By a hash of the seed and each one's index.
        case random
        /// Labels take turns, within one as ``random``.
        case balanced
        /// By Okapi BM25 of the query over the inputs.
        case bm25
        /// By the share of the query's word n-grams that the input has, n = 1…4.
        case ngram
        /// By the cosine of the inputs' embeddings with the query's.
        case knn
        /// By maximal marginal relevance: near the query and far from those taken before. Source: Carbonell & Goldstein
        /// 1998.
        case mmr
        /// By the likelihood of the query after the example alone. Source: Peng et al. 2024, "Revisiting Demonstration
        /// Selection Strategies in In-Context Learning".
        case nll

        /// Whether it scores examples by the query.
        var isSimilarity: Bool {
            switch self {
            case .first, .random, .balanced: false
            case .bm25, .ngram, .knn, .mmr, .nll: true
            }
        }

        /// Whether it goes by embeddings.
        public var usesEmbeddings: Bool { self == .knn || self == .mmr }
    }

    /// The order in which those taken are shown.
    public enum Order: String, Sendable, CaseIterable {
        /// As ranked.
        case selected
        /// As they are given.
        case given
        /// By a hash of the seed and each one's index, another one than that of the selection.
        case random
        /// The most similar one next to the query.
        case similarLast = "similar_last"
        /// The most similar one at the beginning.
        case similarFirst = "similar_first"
        /// The shortest one, input and output together, at the beginning.
        case shortFirst = "short_first"
        /// The longest one at the beginning.
        case longFirst = "long_first"
        /// Labels take turns, in the order of their first example as ranked.
        case alternate
        /// The order of several in which the model's predictions are the most even; see ``OrderProbing``.
        case entropyProbed = "entropy_probed"
    }

    /// How to rank.
    public var method = Method.first
    /// How to arrange; nil: ``Order/similarLast`` if the method scores by the query, else ``Order/selected``.
    public var order: Order?
    /// How many to take; nil: all.
    public var count: Int?
    /// The seed of what is random.
    public var seed: UInt64 = 0
    /// Whether examples that ask the query itself are left out.
    public var excludesQuery = true
    /// How much ``Method/mmr`` wants examples near the query rather than far from each other, from 0 to 1.
    public var relevance = 0.5
    /// How many examples ``Method/mmr`` and ``Method/nll`` choose among: those nearest to the query by cosine and by
    /// BM25. The others come after them, as near as they are.
    public var candidateCount = 64

    /// All examples as they are given.
    public init() {}

    /// The order in effect.
    public var effectiveOrder: Order { order ?? (method.isSimilarity ? .similarLast : .selected) }

    /// What a selection comes to.
    public struct Result: Sendable, Equatable {
        /// The indices of those taken, as ranked.
        public var ranked: [Int]
        /// The indices of those that ask the query itself.
        public var excluded: [Int]
        /// How similar each example of the pool is; nil: all the same.
        var scores: [Double]?
        /// The places of examples in the order of ``Order/entropyProbed``; nil: it was not probed for.
        public var probed: [Int]?
    }

    /// What a model knows of the examples of a pool and a query; see ``Method``.
    public struct ModelView: Sendable {
        /// The embeddings of all inputs, one after another, C numbers each.
        public var inputs: [Float] = []
        /// The embedding of the query.
        public var query: [Float] = []
        /// The log-likelihoods of the query after each of ``ExampleSelection/candidates(from:query:)``, in that order.
        public var likelihoods: [Double] = []

        /// Nothing known.
        public init() {}
    }

    /// The indices of those that do not ask the query itself, and of those that do.
    private func split(_ pool: ExamplePool, _ query: String) -> (left: [Int], excluded: [Int]) {
        guard excludesQuery else { return (Array(pool.examples.indices), []) }
        let asked = ExamplePool.normalized(query)
        let inputs = pool.normalizedInputs
        let excluded = inputs.indices.filter { inputs[$0] == asked }
        let isExcluded = Set(excluded)
        return (inputs.indices.filter { !isExcluded.contains($0) }, excluded)
    }

    /// The examples of which ``Method/nll`` wants to know how likely they make the query, nearest by BM25 first.
    public func candidates(from pool: ExamplePool, query: String) -> [Int] {
        Array(Self.descending(split(pool, query).left, by: pool.bm25(query)).prefix(candidateCount))
    }

    /// Ranks the examples of `pool` for `query` and takes the first of them.
    ///
    /// - Parameter view: what the model knows, for methods that ask it.
    public func select(from pool: ExamplePool, query: String, view: ModelView = ModelView()) -> Result {
        var (ranked, excluded) = split(pool, query)
        var scores: [Double]?
        switch method {
        case .first: break
        case .random: ranked = drawn(ranked, stream: .selection)
        case .balanced: ranked = Self.takingTurns(ranked, pool) { drawn($0, stream: .selection) }
        case .bm25:
            let found = pool.bm25(query)
            ranked = Self.descending(ranked, by: found)
            scores = found
        case .ngram:
            let found = pool.overlap(query)
            ranked = Self.descending(ranked, by: found)
            scores = found
        case .knn, .mmr:
            let space = EmbeddingSpace(view.inputs, query: view.query)
            ranked = Self.descending(ranked, by: space.cosines)
            scores = space.cosines
            if method == .mmr {
                let near = Array(ranked.prefix(candidateCount))
                let taken = space.marginallyRelevant(near, relevance: relevance, count: count ?? .max)
                let isTaken = Set(taken)
                ranked = taken + ranked.filter { !isTaken.contains($0) }
            }
        case .nll:
            ranked = Self.descending(ranked, by: pool.bm25(query))
            // Those that the model was not asked about are behind, in the order in which they are.
            var found = ranked.enumerated().reduce(into: [Int: Double]()) { $0[$1.element] = -1e9 - Double($1.offset) }
            for (index, likelihood) in zip(ranked, view.likelihoods) { found[index] = likelihood }
            let all = pool.examples.indices.map { found[$0] ?? -.infinity }
            ranked = Self.descending(ranked, by: all)
            scores = all
        }
        if scores == nil, effectiveOrder == .similarFirst || effectiveOrder == .similarLast {
            scores = pool.bm25(query)
        }
        return Result(ranked: Array(ranked.prefix(count ?? .max)), excluded: excluded, scores: scores)
    }

    /// The order in which `ranked`, some of the indices of `result`, are shown.
    public func arrange(_ ranked: [Int], of result: Result, in pool: ExamplePool) -> [Int] {
        func length(_ index: Int) -> Int {
            pool.examples[index].input.utf8.count + pool.examples[index].output.utf8.count
        }
        switch effectiveOrder {
        case .selected: return ranked
        case .given: return ranked.sorted()
        case .random: return drawn(ranked, stream: .order)
        case .similarFirst: return Self.descending(ranked, by: result.scores ?? [])
        case .similarLast: return Self.descending(ranked, by: result.scores ?? []).reversed()
        case .shortFirst: return Self.sorted(ranked) { length($0) < length($1) }
        case .longFirst: return Self.sorted(ranked) { length($0) > length($1) }
        case .alternate: return Self.takingTurns(ranked, pool) { $0 }
        case .entropyProbed:
            guard let probed = result.probed else { return ranked }
            let isTaken = Set(ranked)
            return probed.filter(isTaken.contains)
        }
    }

    /// The order in which examples that were chosen otherwise are shown.
    public func arranged(_ indices: [Int], in pool: ExamplePool) -> [Int] {
        arrange(indices, of: Result(ranked: indices, excluded: []), in: pool)
    }

    // MARK: Orders

    /// A stable sort.
    private static func sorted(_ indices: [Int], by areInOrder: (Int, Int) -> Bool) -> [Int] {
        indices.enumerated().sorted { left, right in
            if areInOrder(left.element, right.element) { return true }
            if areInOrder(right.element, left.element) { return false }
            return left.offset < right.offset
        }.map(\.element)
    }

    /// The highest score first, of equal ones the smaller index.
    private static func descending(_ indices: [Int], by scores: [Double]) -> [Int] {
        guard !scores.isEmpty else { return indices }
        return indices.sorted { left, right in
            scores[left] != scores[right] ? scores[left] > scores[right] : left < right
        }
    }

    /// One of each label in turn, labels in the order of their first example.
    private static func takingTurns(_ indices: [Int], _ pool: ExamplePool, _ arrange: ([Int]) -> [Int]) -> [Int] {
        var groups: [[Int]] = []
        var places: [String: Int] = [:]
        for index in indices {
            let label = pool.examples[index].group
            if let place = places[label] {
                groups[place].append(index)
            } else {
                places[label] = groups.count
                groups.append([index])
            }
        }
        groups = groups.map(arrange)
        var result: [Int] = []
        result.reserveCapacity(indices.count)
        var round = 0
        while result.count < indices.count {
            for group in groups where round < group.count { result.append(group[round]) }
            round += 1
        }
        return result
    }

    private enum Stream: UInt64 { case selection = 0, order = 1 }

    /// By a hash of seed, purpose and index; so fewer are the beginning of more, whatever is drawn from.
    private func drawn(_ indices: [Int], stream: Stream) -> [Int] {
        let base = Self.mixed(Self.mixed(seed) &+ stream.rawValue)
        return indices.map { (index: $0, key: Self.mixed(base ^ UInt64($0))) }
            .sorted { $0.key != $1.key ? $0.key < $1.key : $0.index < $1.index }.map(\.index)
    }

    /// The output function of SplitMix64. Source: Steele, Lea, Flood 2014.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
