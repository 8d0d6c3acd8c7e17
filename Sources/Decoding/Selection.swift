// SPDX-License-Identifier: Apache-2.0

/// Finds how far down the sorted order (logit descending, id ascending) one must go to collect a given weight,
/// without sorting.
///
/// A few first ids are found by keeping a sorted list of them. Otherwise a radix selection: logits become integers of
/// the same order, and a histogram of weights over their top 11 bits, then the next 11, then the last 10, narrows the
/// place down to one value. Time is linear in the number of candidates.
/// Weights are integers, so that the result does not depend on the order in which they are added.
package struct Selection: Sendable {
    private var histogram = [UInt64](repeating: 0, count: 1 << 11)

    package init() {}

    /// The cutoff below which the `count` first ids lie; `logits` has at least one.
    package mutating func cutoff(count: Int, in logits: UnsafeBufferPointer<Float>) -> Cutoff {
        let count = max(1, min(count, logits.count))
        if count <= Self.listLimit { return listCutoff(count: count, in: logits) }
        return cutoff(in: logits, weights: UnitWeight()) { _ in UInt64(count) }
    }

    /// Up to here the sorted list is faster than the histograms.
    private static let listLimit = 64

    private func listCutoff(count: Int, in logits: UnsafeBufferPointer<Float>) -> Cutoff {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: count) { list in
            list.initialize(repeating: .min)
            // Of equal logits only the first, which have the smallest ids, come above the list's last.
            var last = Int32.min
            let blockSize = 32
            var start = 0
            while start < logits.count {
                let end = min(start + blockSize, logits.count)
                var highest = Int32.min
                for index in start..<end { highest = max(highest, Self.signedKey(logits[index])) }
                if highest > last {
                    for index in start..<end {
                        let key = Self.signedKey(logits[index])
                        guard key > last else { continue }
                        var place = count - 1
                        while place > 0, list[place - 1] < key {
                            list[place] = list[place - 1]
                            place -= 1
                        }
                        list[place] = key
                        last = list[count - 1]
                    }
                }
                start = end
            }
            return Cutoff(
                logit: Self.logit(UInt32(bitPattern: last) ^ 0x8000_0000), tieCount: list.count { $0 == last })
        }
    }

    /// A signed integer that orders as the logit does; both zeros are one.
    @inline(__always)
    private static func signedKey(_ logit: Float) -> Int32 {
        let bits = Int32(bitPattern: (logit + 0).bitPattern)
        return bits ^ ((bits >> 31) & .max)
    }

    /// The cutoff of the smallest set of first ids whose share of the probability mass reaches `mass`.
    package mutating func cutoff(mass: Double, in logits: UnsafeBufferPointer<Float>, maximum: Float) -> Cutoff {
        let weights = MassWeight(maximum: maximum, count: logits.count)
        return cutoff(in: logits, weights: weights) { total in
            let target = (mass * Double(total)).rounded(.up)
            // The maximum itself has a positive weight, so that `total` is at least 1.
            return target >= Double(total) ? total : max(1, UInt64(max(target, 0)))
        }
    }

    /// The cutoff of the largest set of first ids whose part of the entropy is at most `entropyShare` of it; nil if that is
    /// all of them. It may leave none.
    mutating func cutoff(
        entropyShare: Double, in logits: UnsafeBufferPointer<Float>, statistics: SoftmaxStatistics
    ) -> Cutoff? {
        var isAll = false
        var cutoff = cutoff(in: logits, weights: EntropyWeight(logSum: statistics.logSum)) { total in
            let target = UInt64(max(0, (entropyShare * Double(total)).rounded(.down))) + 1
            isAll = target > total
            return isAll ? max(total, 1) : target
        }
        // The last of these is the first one too many.
        cutoff.tieCount -= 1
        return isAll ? nil : cutoff
    }

    /// The largest key such that those above it weigh less than `target` and with those equal to it at least as much,
    /// and what is missing to the target without the latter. Keys and weights go in pairs, of which there is one.
    mutating func cutoff(
        keys: ArraySlice<Float>, weights: ArraySlice<UInt64>, target: UInt64
    ) -> (key: Float, rest: UInt64) {
        var prefix: UInt32 = 0
        var remaining = target
        keys.withUnsafeBufferPointer { keys in
            weights.withUnsafeBufferPointer { weights in
                histogram.withUnsafeMutableBufferPointer { histogram in
                    for (shift, bits) in [(UInt32(21), UInt32(11)), (10, 11), (0, 10)] {
                        histogram.update(repeating: 0)
                        let mask = (UInt32(1) << bits) - 1
                        for index in keys.indices {
                            let key = Self.key(keys[index]) >> shift
                            if shift == 21 || key >> bits == prefix { histogram[Int(key & mask)] &+= weights[index] }
                        }
                        Self.descend(histogram, bits: bits, &prefix, &remaining)
                    }
                }
            }
        }
        return (Self.logit(prefix), remaining)
    }

    /// Finds the bucket, from the top, at which `remaining` is reached.
    @inline(__always)
    private static func descend(
        _ histogram: UnsafeMutableBufferPointer<UInt64>, bits: UInt32, _ prefix: inout UInt32, _ remaining: inout UInt64
    ) {
        var bucket = (1 << Int(bits)) - 1
        while bucket > 0, remaining > histogram[bucket] {
            remaining -= histogram[bucket]
            bucket -= 1
        }
        prefix = prefix << bits | UInt32(bucket)
    }

    /// `target` is asked once for the weight to collect, given the total; at most the total, at least 1.
    @inline(__always)
    private mutating func cutoff(
        in logits: UnsafeBufferPointer<Float>, weights: some SelectionWeight, target: (UInt64) -> UInt64
    ) -> Cutoff {
        if logits.count <= Self.listLimit { return sortedCutoff(in: logits, weights: weights, target: target) }
        return histogram.withUnsafeMutableBufferPointer { histogram in
            var prefix: UInt32 = 0
            var remaining: UInt64 = 0
            for level in 0..<3 {
                let shift = UInt32([21, 10, 0][level])
                let bits = UInt32([11, 11, 10][level])
                histogram.update(repeating: 0)
                if level == 0 {
                    weights.forEach(logits) { logit, weight in
                        histogram[Int(Self.key(logit) >> shift)] &+= weight
                    }
                    remaining = target(histogram.reduce(0, &+))
                } else {
                    let mask = (UInt32(1) << bits) - 1
                    weights.forEach(logits, where: { Self.key($0) >> (shift + bits) == prefix }) { logit, weight in
                        histogram[Int((Self.key(logit) >> shift) & mask)] &+= weight
                    }
                }
                Self.descend(histogram, bits: bits, &prefix, &remaining)
            }
            let logit = Self.logit(prefix)
            let weight = max(1, weights.weight(logit))
            return Cutoff(logit: logit, tieCount: Int(clamping: (remaining + weight - 1) / weight))
        }
    }

    /// The same for so few that sorting them is faster than clearing histograms.
    private func sortedCutoff(
        in logits: UnsafeBufferPointer<Float>, weights: some SelectionWeight, target: (UInt64) -> UInt64
    ) -> Cutoff {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: logits.count) { sorted in
            var total: UInt64 = 0
            var count = 0
            weights.forEach(logits) { logit, weight in
                total &+= weight
                var place = count
                while place > 0, sorted[place - 1] < logit {
                    sorted[place] = sorted[place - 1]
                    place -= 1
                }
                sorted[place] = logit
                count += 1
            }
            var remaining = target(total)
            var place = 0
            var ties = 1
            while place + 1 < count {
                let weight = weights.weight(sorted[place])
                if remaining <= weight { break }
                remaining -= weight
                ties = sorted[place + 1] == sorted[place] ? ties + 1 : 1
                place += 1
            }
            return Cutoff(logit: sorted[place], tieCount: ties)
        }
    }

    /// An integer that orders as the logit does; both zeros are one.
    @inline(__always)
    static func key(_ logit: Float) -> UInt32 {
        let bits = (logit + 0).bitPattern
        return bits ^ (UInt32(bitPattern: Int32(bitPattern: bits) >> 31) | 0x8000_0000)
    }

    /// The logit of a key.
    static func logit(_ key: UInt32) -> Float {
        Float(bitPattern: key & 0x8000_0000 != 0 ? key ^ 0x8000_0000 : ~key)
    }
}
