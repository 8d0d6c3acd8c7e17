// SPDX-License-Identifier: Apache-2.0

/// A pair of neighbouring symbols.
struct SymbolPair: Hashable {
    var left: Int32
    var right: Int32

    /// Ascending as (left, right) is; neither is negative.
    var key: UInt64 { UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right)) }
}

/// Words as symbols that are merged pair by pair, with the count of every pair kept up to date.
///
/// The order of merges, and what happens to a pair that comes up again after it was merged, are those of Hugging Face
/// tokenizers, `models/bpe/trainer.rs`: the pair of the highest count comes first, of equals the smallest pair of ids.
struct PairMerging {
    /// A pair with the words that got it since it was last queued.
    private struct Candidate {
        var count: Int
        var pair: SymbolPair
        var words: [Int32]

        /// Whether this one is merged before `other`.
        func precedes(_ other: Candidate) -> Bool {
            count != other.count ? count > other.count : pair.key < other.pair.key
        }
    }

    /// The symbols of all words; a word shrinks within its place.
    private var symbols: [Int32]
    private let starts: [Int]
    private var lengths: [Int32]
    private let wordCounts: [Int]
    private var pairCounts: [SymbolPair: Int] = [:]
    private var queue: [Candidate] = []

    /// - Parameter symbolOfByte: the symbol of each of the 256 bytes.
    init(_ words: WordCounts, symbolOfByte: [Int32]) {
        symbols = words.bytes.map { symbolOfByte[Int($0)] }
        starts = words.starts
        wordCounts = words.counts
        lengths = (0..<words.count).map { Int32(words.starts[$0 + 1] - words.starts[$0]) }
        var places: [SymbolPair: [Int32]] = [:]
        for word in 0..<words.count {
            for index in starts[word]..<max(starts[word + 1] - 1, starts[word]) {
                let pair = SymbolPair(left: symbols[index], right: symbols[index + 1])
                pairCounts[pair, default: 0] += wordCounts[word]
                Self.note(Int32(word), at: pair, in: &places)
            }
        }
        enqueue(places)
    }

    /// The next pair to merge and its count; nil when no pair occurs `minimumCount` times.
    mutating func next(minimumCount: Int) -> (pair: SymbolPair, words: [Int32])? {
        while var top = pop() {
            let count = pairCounts[top.pair] ?? 0
            if top.count != count {
                top.count = count
                push(top)
                continue
            }
            return count >= max(minimumCount, 1) ? (top.pair, top.words) : nil
        }
        return nil
    }

    /// Puts `symbol` in place of `pair` in `words`. A new pair for which `allows` is false is never merged.
    mutating func merge(_ pair: SymbolPair, in words: [Int32], into symbol: Int32, allows: (SymbolPair) -> Bool) {
        var places: [SymbolPair: [Int32]] = [:]
        for word in words {
            let count = wordCounts[Int(word)]
            let start = starts[Int(word)]
            let end = start + Int(lengths[Int(word)])
            var read = start
            var write = start
            while read < end {
                guard read + 1 < end, symbols[read] == pair.left, symbols[read + 1] == pair.right else {
                    symbols[write] = symbols[read]
                    write += 1
                    read += 1
                    continue
                }
                read += 2
                if write > start {
                    let before = symbols[write - 1]
                    pairCounts[SymbolPair(left: before, right: pair.left), default: 0] -= count
                    add(SymbolPair(left: before, right: symbol), word, allows, &places)
                }
                symbols[write] = symbol
                write += 1
                if read < end {
                    let after = symbols[read]
                    pairCounts[SymbolPair(left: pair.right, right: after), default: 0] -= count
                    add(SymbolPair(left: symbol, right: after), word, allows, &places)
                }
            }
            lengths[Int(word)] = Int32(write - start)
        }
        enqueue(places)
    }

    private mutating func add(
        _ pair: SymbolPair, _ word: Int32, _ allows: (SymbolPair) -> Bool, _ places: inout [SymbolPair: [Int32]]
    ) {
        guard allows(pair) else { return }
        pairCounts[pair, default: 0] += wordCounts[Int(word)]
        Self.note(word, at: pair, in: &places)
    }

    private static func note(_ word: Int32, at pair: SymbolPair, in places: inout [SymbolPair: [Int32]]) {
        if places[pair]?.last != word { places[pair, default: []].append(word) }
    }

    private mutating func enqueue(_ places: [SymbolPair: [Int32]]) {
        for (pair, words) in places {
            if let count = pairCounts[pair], count > 0 { push(Candidate(count: count, pair: pair, words: words)) }
        }
    }

    // MARK: A binary heap

    private mutating func push(_ candidate: Candidate) {
        queue.append(candidate)
        var index = queue.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard queue[index].precedes(queue[parent]) else { return }
            queue.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func pop() -> Candidate? {
        guard !queue.isEmpty else { return nil }
        queue.swapAt(0, queue.count - 1)
        let top = queue.removeLast()
        var index = 0
        while true {
            var best = index
            for child in [2 * index + 1, 2 * index + 2] where child < queue.count {
                if queue[child].precedes(queue[best]) { best = child }
            }
            guard best != index else { return top }
            queue.swapAt(index, best)
            index = best
        }
    }
}
