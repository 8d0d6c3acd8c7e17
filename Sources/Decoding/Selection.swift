// SPDX-License-Identifier: Apache-2.0

/// Finds how far down the sorted order (logit descending, id ascending) one must go to collect a given weight,
/// without sorting.
///
/// A few first ids are found by keeping a sorted list of them. Otherwise a radix selection: logits become integers of the same order, and a histogram of weights over their top 11 bits, then
/// the next 11, then the last 10, narrows the place down to one value. Time is linear in the number of candidates.
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

    /// `target` is asked once for the weight to collect, given the total; at most the total, at least 1.
    @inline(__always)
    private mutating func cutoff(
        in logits: UnsafeBufferPointer<Float>, weights: some SelectionWeight, target: (UInt64) -> UInt64
    ) -> Cutoff {
        histogram.withUnsafeMutableBufferPointer { histogram in
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
                var bucket = (1 << Int(bits)) - 1
                while bucket > 0, remaining > histogram[bucket] {
                    remaining -= histogram[bucket]
                    bucket -= 1
                }
                prefix = prefix << bits | UInt32(bucket)
            }
            let logit = Self.logit(prefix)
            let weight = max(1, weights.weight(logit))
            return Cutoff(logit: logit, tieCount: Int(clamping: (remaining + weight - 1) / weight))
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

/// What an id adds to the sum that a selection collects.
private protocol SelectionWeight {
    func weight(_ logit: Float) -> UInt64
    /// All logits with their weights.
    func forEach(_ logits: UnsafeBufferPointer<Float>, _ body: (Float, UInt64) -> Void)
    /// Those that pass, which are few.
    func forEach(
        _ logits: UnsafeBufferPointer<Float>, where isWanted: (Float) -> Bool, _ body: (Float, UInt64) -> Void)
}

private struct UnitWeight: SelectionWeight {
    @inline(__always)
    func weight(_ logit: Float) -> UInt64 { 1 }

    @inline(__always)
    func forEach(_ logits: UnsafeBufferPointer<Float>, _ body: (Float, UInt64) -> Void) {
        for logit in logits { body(logit, 1) }
    }

    @inline(__always)
    func forEach(
        _ logits: UnsafeBufferPointer<Float>, where isWanted: (Float) -> Bool, _ body: (Float, UInt64) -> Void
    ) {
        for logit in logits where isWanted(logit) { body(logit, 1) }
    }
}

/// The probability relative to the likeliest id, in fixed point: e^(l - max) · 2^s rounded to an integer.
///
/// s is as large as keeps the sum over all ids below 2^63, at most 51: 45 for a vocabulary of 150,000. A set's mass is
/// then off by less than count · 2^-(s+1) of the likeliest id's probability, 2·10^-9 for that vocabulary.
package struct MassWeight: SelectionWeight {
    private let maximum: Double
    private let scale: Double

    /// Weights for `count` candidates of which the likeliest has the logit `maximum`.
    package init(maximum: Float, count: Int) {
        self.maximum = Double(maximum)
        let countBits = Int.bitWidth - max(count, 1).leadingZeroBitCount
        scale = Double(sign: .plus, exponent: min(51, 63 - countBits), significand: 1)
    }

    @inline(__always)
    package func weight(_ logit: Float) -> UInt64 {
        weights(Exponential.Lanes(repeating: Double(logit)))[0]
    }

    @inline(__always)
    private func weights(_ logits: Exponential.Lanes) -> SIMD8<UInt64> {
        // Adding 2^52 rounds to an integer and leaves it in the low bits.
        let shifted = Exponential.exp(logits - maximum) * scale + Exponential.Lanes(repeating: 0x1p52)
        return unsafeBitCast(shifted, to: SIMD8<UInt64>.self) & 0x000F_FFFF_FFFF_FFFF
    }

    @inline(__always)
    package func forEach(_ logits: UnsafeBufferPointer<Float>, _ body: (Float, UInt64) -> Void) {
        var index = 0
        let whole = logits.count & ~7
        let raw = UnsafeRawBufferPointer(logits)
        while index < whole {
            let lanes = raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<Float>.self)
            let weights = weights(Exponential.Lanes(lanes))
            for lane in 0..<8 { body(lanes[lane], weights[lane]) }
            index += 8
        }
        while index < logits.count {
            body(logits[index], weight(logits[index]))
            index += 1
        }
    }

    @inline(__always)
    package func forEach(
        _ logits: UnsafeBufferPointer<Float>, where isWanted: (Float) -> Bool, _ body: (Float, UInt64) -> Void
    ) {
        var lanes = SIMD8<Float>(repeating: 0)
        var filled = 0
        for logit in logits where isWanted(logit) {
            lanes[filled] = logit
            filled += 1
            guard filled == 8 else { continue }
            let weights = weights(Exponential.Lanes(lanes))
            for lane in 0..<8 { body(lanes[lane], weights[lane]) }
            filled = 0
        }
        for lane in 0..<filled { body(lanes[lane], weight(lanes[lane])) }
    }
}
