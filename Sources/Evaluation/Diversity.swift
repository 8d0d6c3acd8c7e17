// SPDX-License-Identifier: Apache-2.0

/// How varied texts are, as sequences of token ids.
public enum Diversity {
    /// Distinct-n: the share of different n-grams among all n-grams of all samples (Li et al. 2016). Nil if no sample has
    /// `order` tokens.
    public static func distinct(_ samples: [[Int32]], order: Int) -> Double? {
        precondition(order > 0, "n-grams of no elements")
        var table = NgramTable<Int32>()
        var all: [Int: Int] = [:]
        for sample in samples {
            for (number, count) in table.counts(of: sample, maxOrder: order)[order - 1] {
                all[number, default: 0] += count
            }
        }
        let total = all.values.reduce(0, +)
        return total > 0 ? Double(all.count) / Double(total) : nil
    }

    /// Seq-rep-n: the share of n-grams of one sample that occurred in it before, 1 - different / all
    /// (Welleck et al. 2020). Nil if it has fewer than `order` tokens.
    public static func repetition(_ sample: [Int32], order: Int = 4) -> Double? {
        distinct([sample], order: order).map { 1 - $0 }
    }
}

/// How far two samples of the same prompt agree.
public enum Agreement {
    /// Tokens that both begin with.
    public static func commonPrefix(_ left: [Int32], _ right: [Int32]) -> Int {
        var count = 0
        while count < left.count, count < right.count, left[count] == right[count] { count += 1 }
        return count
    }

    /// The common prefix as a share of the longer sample; 1 for two that are empty.
    public static func prefixShare(_ left: [Int32], _ right: [Int32]) -> Double {
        let longer = max(left.count, right.count)
        return longer == 0 ? 1 : Double(commonPrefix(left, right)) / Double(longer)
    }
}
