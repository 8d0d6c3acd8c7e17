// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Normal deviates by counter: element i is a function of the seed, a name and i, so order and layout do not matter.
struct NormalNoise {
    private let key: UInt64

    init(seed: UInt64, name: String) {
        // FNV-1a of the name, then mixed with the seed.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0100_0000_01b3 }
        key = Self.mix(seed ^ Self.mix(hash))
    }

    /// Mean 0, deviation 1 (Box & Muller 1958).
    subscript(_ index: Int) -> Double {
        let counter = key &+ UInt64(truncatingIfNeeded: index) &* 0x9e37_79b9_7f4a_7c15
        let first = Self.mix(counter)
        let second = Self.mix(first ^ 0xd1b5_4a32_d192_ed03)
        // 53 bits in (0, 1]
        let radius = (-2 * log((Double(first >> 11) + 1) * 0x1p-53)).squareRoot()
        return radius * cos(2 * .pi * Double(second >> 11) * 0x1p-53)
    }

    /// The finalizer of SplitMix64 (Steele et al. 2014).
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
