// SPDX-License-Identifier: Apache-2.0

/// A stretch of text that merging has made one, and its id; negative if the vocabulary does not have it.
struct MergeSymbol {
    var id: Int32
    /// First byte in the text.
    var start: Int32
    /// Byte after the last.
    var end: Int32
}

/// What merging two neighbours gives, and how soon: lower ranks first.
struct Merge: Sendable, Equatable {
    var rank: UInt32
    var result: Int32

    /// No merge.
    static let none = Merge(rank: .max, result: -1)
}

/// Which neighbours merge.
protocol MergeRanking: Sendable {
    /// The merge of two neighbours of `text`; ``Merge/none`` if they stay apart.
    func merge(_ left: MergeSymbol, _ right: MergeSymbol, in text: UnsafeBufferPointer<UInt8>) -> Merge
}

/// Byte pair encoding: merges the pair of lowest rank, of equals the leftmost, until no pair merges.
///
/// Time is O(n log n) in the number of symbols. Reused from piece to piece for its buffers.
struct BytePairMerger {
    /// What to merge, and afterwards the result.
    var symbols: [MergeSymbol] = []
    private var merges: [Merge] = []
    private var next: [Int32] = []
    private var previous: [Int32] = []
    private var heap = MinimumHeap()

    /// Up to here, looking at every pair each time is faster than a heap.
    private static let scanLimit = 24

    /// Merges ``symbols``, which are neighbours in `text` in order.
    mutating func run(_ ranking: some MergeRanking, in text: UnsafeBufferPointer<UInt8>) {
        guard symbols.count > 1 else { return }
        merges.removeAll(keepingCapacity: true)
        merges.reserveCapacity(symbols.count)
        var isDone = true
        for index in 0..<symbols.count - 1 {
            let merge = ranking.merge(symbols[index], symbols[index + 1], in: text)
            if merge.rank != .max { isDone = false }
            merges.append(merge)
        }
        guard !isDone else { return }
        if symbols.count <= Self.scanLimit {
            scan(ranking, text)
        } else {
            drain(ranking, text)
        }
    }

    private mutating func scan(_ ranking: some MergeRanking, _ text: UnsafeBufferPointer<UInt8>) {
        while !merges.isEmpty {
            var best = 0
            for index in 1..<max(merges.count, 1) where merges[index].rank < merges[best].rank { best = index }
            guard merges[best].rank != .max else { return }
            symbols[best].id = merges[best].result
            symbols[best].end = symbols[best + 1].end
            symbols.remove(at: best + 1)
            merges.remove(at: best)
            if best < merges.count { merges[best] = ranking.merge(symbols[best], symbols[best + 1], in: text) }
            if best > 0 { merges[best - 1] = ranking.merge(symbols[best - 1], symbols[best], in: text) }
        }
    }

    private mutating func drain(_ ranking: some MergeRanking, _ text: UnsafeBufferPointer<UInt8>) {
        let count = symbols.count
        merges.append(.none)
        next.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        heap.removeAll()
        next.reserveCapacity(count)
        previous.reserveCapacity(count)
        for index in 0..<count {
            next.append(index + 1 < count ? Int32(index + 1) : -1)
            previous.append(Int32(index) - 1)
            if merges[index].rank != .max { heap.append(rank: merges[index].rank, position: UInt32(index)) }
        }
        heap.order()
        while let (rank, position) = heap.popMinimum() {
            let left = Int(position)
            // An entry is stale once its pair has changed.
            guard merges[left].rank == rank else { continue }
            let right = Int(next[left])
            symbols[left].id = merges[left].result
            symbols[left].end = symbols[right].end
            symbols[right].end = symbols[right].start
            merges[right] = .none
            next[left] = next[right]
            if next[left] >= 0 {
                previous[Int(next[left])] = Int32(left)
                update(left, ranking, text)
            } else {
                merges[left] = .none
            }
            if previous[left] >= 0 { update(Int(previous[left]), ranking, text) }
        }
        symbols.removeAll { $0.start == $0.end }
    }

    private mutating func update(_ left: Int, _ ranking: some MergeRanking, _ text: UnsafeBufferPointer<UInt8>) {
        let merge = ranking.merge(symbols[left], symbols[Int(next[left])], in: text)
        merges[left] = merge
        if merge.rank != .max { heap.push(rank: merge.rank, position: UInt32(left)) }
    }
}

/// A binary heap of (rank, position), least first.
private struct MinimumHeap {
    private var keys: [UInt64] = []

    mutating func removeAll() { keys.removeAll(keepingCapacity: true) }

    /// Appends without keeping order; ``order()`` must follow.
    mutating func append(rank: UInt32, position: UInt32) { keys.append(UInt64(rank) << 32 | UInt64(position)) }

    /// Establishes the order of the heap.
    mutating func order() {
        for index in stride(from: keys.count / 2 - 1, through: 0, by: -1) { sink(index) }
    }

    mutating func push(rank: UInt32, position: UInt32) {
        append(rank: rank, position: position)
        var index = keys.count - 1
        let key = keys[index]
        while index > 0 {
            let parent = (index - 1) / 2
            guard key < keys[parent] else { break }
            keys[index] = keys[parent]
            index = parent
        }
        keys[index] = key
    }

    mutating func popMinimum() -> (rank: UInt32, position: UInt32)? {
        guard let least = keys.first, let last = keys.popLast() else { return nil }
        if !keys.isEmpty {
            keys[0] = last
            sink(0)
        }
        return (UInt32(least >> 32), UInt32(truncatingIfNeeded: least))
    }

    private mutating func sink(_ start: Int) {
        keys.withUnsafeMutableBufferPointer { keys in
            var index = start
            let key = keys[index]
            while true {
                var child = 2 * index + 1
                guard child < keys.count else { break }
                if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
                guard keys[child] < key else { break }
                keys[index] = keys[child]
                index = child
            }
            keys[index] = key
        }
    }
}
