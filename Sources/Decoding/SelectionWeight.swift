// SPDX-License-Identifier: Apache-2.0

/// What an id adds to the sum that a selection collects.
protocol SelectionWeight {
    func weight(_ logit: Float) -> UInt64
    /// All logits with their weights.
    func forEach(_ logits: UnsafeBufferPointer<Float>, _ body: (Float, UInt64) -> Void)
    /// Those that pass, which are few.
    func forEach(
        _ logits: UnsafeBufferPointer<Float>, where isWanted: (Float) -> Bool, _ body: (Float, UInt64) -> Void)
}

struct UnitWeight: SelectionWeight {
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

/// A weight that is computed on eight lanes.
protocol LaneWeight: SelectionWeight {
    func weights(_ logits: Exponential.Lanes) -> SIMD8<UInt64>
}

extension LaneWeight {
    @inline(__always)
    func weight(_ logit: Float) -> UInt64 {
        weights(Exponential.Lanes(repeating: Double(logit)))[0]
    }

    @inline(__always)
    func forEach(_ logits: UnsafeBufferPointer<Float>, _ body: (Float, UInt64) -> Void) {
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
    func forEach(
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

/// Fixed-point numbers below 2^52 from doubles.
enum FixedPoint {
    @inline(__always)
    static func rounded(_ lanes: Exponential.Lanes) -> SIMD8<UInt64> {
        // Adding 2^52 rounds to an integer and leaves it in the low bits.
        unsafeBitCast(lanes + Exponential.Lanes(repeating: 0x1p52), to: SIMD8<UInt64>.self) & 0x000F_FFFF_FFFF_FFFF
    }
}

/// The probability relative to the likeliest id, in fixed point: e^(l - max) · 2^s rounded to an integer.
///
/// s is as large as keeps the sum over all ids below 2^63, at most 51: 45 for a vocabulary of 150,000. A set's mass is
/// then off by less than count · 2^-(s+1) of the likeliest id's probability, 2·10^-9 for that vocabulary.
package struct MassWeight: LaneWeight {
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
    func weights(_ logits: Exponential.Lanes) -> SIMD8<UInt64> {
        FixedPoint.rounded(Exponential.exp(logits - maximum) * scale)
    }
}

/// An id's part of the entropy, -p ln p, in fixed point: times 2^52 rounded to an integer. Each is below e^-1, and they
/// add up to less than ln V.
struct EntropyWeight: LaneWeight {
    let logSum: Double

    @inline(__always)
    func weights(_ logits: Exponential.Lanes) -> SIMD8<UInt64> {
        let surprise = (logSum - logits).replacing(with: 0, where: logSum - logits .< 0)
        // Far out the exponential is no longer zero but 10^-308: times any float that rounds to zero.
        return FixedPoint.rounded(Exponential.exp(0 - surprise) * surprise * 0x1p52)
    }
}
