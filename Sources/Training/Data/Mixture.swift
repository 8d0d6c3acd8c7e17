// SPDX-License-Identifier: Apache-2.0

/// Which source each sequence of a run comes from: always the one that is furthest behind its share. So after any number
/// of sequences every source has its share to within less than the number of sources.
///
/// A pure function of the weights and the sequence's number.
struct Mixture {
    /// The shares of the sources; they sum to 1.
    let shares: [Double]
    /// The number of sequences dealt so far.
    private(set) var count = 0
    /// How many of them each source has.
    private(set) var counts: [Int]

    /// - Parameter weights: positive and finite.
    init(weights: [Double]) {
        let total = weights.reduce(0, +)
        shares = weights.map { $0 / total }
        counts = [Int](repeating: 0, count: weights.count)
    }

    /// The source of the next sequence, and how many of its sequences came before.
    mutating func next() -> (source: Int, index: Int) {
        count += 1
        var best = 0
        var largest = -Double.infinity
        for (source, share) in shares.enumerated() {
            let lack = share * Double(count) - Double(counts[source])
            if lack > largest { (best, largest) = (source, lack) }
        }
        counts[best] += 1
        return (best, counts[best] - 1)
    }
}
