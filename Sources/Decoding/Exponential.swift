// SPDX-License-Identifier: Apache-2.0

/// e^x for x ≤ 0 on eight lanes, from additions and multiplications alone.
///
/// x = n·ln 2 + r with |r| ≤ ½ ln 2; e^r by its Taylor polynomial of degree 12, whose remainder is below 2·10^-16;
/// 2^n by the exponent bits. Within 2 units in the last place of the exact value. Arguments below -708 are taken as
/// -708, which makes minus infinity about 3·10^-308 instead of zero. The result does not depend on the C library,
/// nor on how a compiler groups lanes.
enum Exponential {
    typealias Lanes = SIMD8<Double>

    @inline(__always)
    static func exp(_ input: Lanes) -> Lanes {
        let x = input.replacing(with: -708, where: input .< -708)
        // Adding 1.5·2^52 rounds to an integer and leaves it in the low bits.
        let magic = Lanes(repeating: 0x1.8p52)
        let shifted = x * 1.442_695_040_888_963_4 + magic
        let n = shifted - magic
        let r = (x - n * 0x1.62e42fefa38p-1) - n * 0x1.ef35793c76730p-45
        var p = Lanes(repeating: 1 / 479_001_600)
        p = p * r + 1 / 39_916_800
        p = p * r + 1 / 3_628_800
        p = p * r + 1 / 362_880
        p = p * r + 1 / 40_320
        p = p * r + 1 / 5040
        p = p * r + 1 / 720
        p = p * r + 1 / 120
        p = p * r + 1 / 24
        p = p * r + 1 / 6
        p = p * r + 1 / 2
        p = p * r + 1
        p = p * r + 1
        let integer = unsafeBitCast(shifted, to: SIMD8<UInt64>.self)
        let power = unsafeBitCast((integer &+ 1023) &<< 52, to: Lanes.self)
        return p * power
    }

    /// e^(l - maximum) of logits that are at most `maximum`.
    static func weights(
        _ logits: UnsafeBufferPointer<Float>, maximum: Double, into result: UnsafeMutableBufferPointer<Double>
    ) {
        var index = 0
        let raw = UnsafeRawBufferPointer(logits)
        while index + 8 <= logits.count {
            let lanes = Lanes(raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<Float>.self))
            let weights = exp(lanes - maximum)
            for lane in 0..<8 { result[index + lane] = weights[lane] }
            index += 8
        }
        while index < logits.count {
            result[index] = exp(Lanes(repeating: Double(logits[index]) - maximum))[0]
            index += 1
        }
    }
}
