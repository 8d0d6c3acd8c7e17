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

        /// Whether it scores examples by the query.
        var isSimilarity: Bool { self == .bm25 || self == .ngram }
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
    }

    /// Ranks the examples of `pool` for `query` and takes the first of them.
    public func select(from pool: ExamplePool, query: String) -> Result {
        let examples = pool.examples
        var excluded: [Int] = []
        if excludesQuery {
            let asked = ExamplePool.normalized(query)
            let inputs = pool.normalizedInputs
            excluded = inputs.indices.filter { inputs[$0] == asked }
        }
        let isExcluded = Set(excluded)
        var ranked = examples.indices.filter { !isExcluded.contains($0) }
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
