// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Gumbel noise without state: a pure function of seed, choice, position and token id.
///
/// A draw from softmax(l) is argmax over ids of l + g, where the g are independent standard Gumbel variables
/// (Gumbel 1954; Maddison, Tarlow, Minka 2014). Because g depends on nothing but its four inputs, a draw does not
/// change with batch neighbours, with other choices, or with which other ids survive the filters.
///
/// Definition, all arithmetic modulo 2^64, with `mix` the finaliser of SplitMix64 (Steele, Lea, Flood 2014, variant
/// 13 of Stafford) and φ = 0x9E3779B97F4A7C15:
///
///     k₁ = mix(seed + φ)
///     k₂ = mix(k₁ + φ·(choice + 1))
///     k₃ = mix(k₂ + φ·(position + 1))
///     b  = mix(k₃ + φ·(id + 1))
///     u  = (⌊b / 2^12⌋ + ½) / 2^52            in [2^-53, 1 - 2^-53], exact in a double
///     g  = -ln(-ln u)                         in [-3.61, 36.74]
///
/// Golden values of this definition are part of the tests: to change it changes the output of every seeded request.
public struct CounterNoise: Sendable, Equatable {
    private let key: UInt64

    /// The noise of one choice of one seed.
    public init(seed: UInt64, choice: Int) {
        let seedKey = Self.mix(seed &+ Self.step)
        key = Self.mix(seedKey &+ Self.step &* (UInt64(truncatingIfNeeded: choice) &+ 1))
    }

    /// The noise of the token at `position`, its index in the whole sequence, prompt included.
    public func at(position: Int) -> PositionNoise {
        PositionNoise(key: Self.mix(key &+ Self.step &* (UInt64(truncatingIfNeeded: position) &+ 1)))
    }

    static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

    @inline(__always)
    static func mix(_ input: UInt64) -> UInt64 {
        var z = input
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The noise of every id at one position. See ``CounterNoise``.
public struct PositionNoise: Sendable, Equatable {
    let key: UInt64

    /// The 64 hashed bits of `id`.
    @inline(__always)
    public func bits(_ id: Int32) -> UInt64 {
        CounterNoise.mix(key &+ CounterNoise.step &* (UInt64(truncatingIfNeeded: id) &+ 1))
    }

    /// The Gumbel noise of `id`; always finite.
    public func gumbel(_ id: Int32) -> Double { Self.gumbel(bits: bits(id)) }

    /// A uniform number in (0, 1) that belongs to the position and to no id: u of the id -1.
    public var uniform: Double { Self.uniform(bits: bits(-1)) }

    @inline(__always)
    static func uniform(bits: UInt64) -> Double { (Double(bits >> 12) + 0.5) * 0x1p-52 }

    /// The Gumbel noise made from hashed bits.
    @inline(__always)
    static func gumbel(bits: UInt64) -> Double {
        -log(-log(uniform(bits: bits)))
    }

    /// A number greater than the noise made from `bits`, without a logarithm.
    ///
    /// With c leading ones, 1 - u > 2^-(c+1); and -ln u ≥ 1 - u; so g ≤ -ln(1 - u) < (c + 1)·ln 2.
    /// The constant is ln 2 rounded up so far that rounding of the noise cannot exceed it.
    @inline(__always)
    static func bound(bits: UInt64) -> Double {
        Double((~bits | 0xFFF).leadingZeroBitCount + 1) * 0.693_147_181
    }
}
