// SPDX-License-Identifier: Apache-2.0

/// A set of Unicode scalar values, as ascending ranges.
package struct ScalarSet: Sendable, Equatable {
    /// Disjoint, not adjacent, without surrogates.
    package private(set) var ranges: [ClosedRange<UInt32>]

    /// The union of `ranges`; surrogates and what lies beyond U+10FFFF are left out.
    package init(_ ranges: [ClosedRange<UInt32>]) {
        var valid: [ClosedRange<UInt32>] = []
        for range in ranges {
            for part in [UInt32(0)...0xD7FF, 0xE000...0x10FFFF] where range.overlaps(part) {
                valid.append(range.clamped(to: part))
            }
        }
        valid.sort { $0.lowerBound < $1.lowerBound }
        self.ranges = []
        for range in valid {
            if let last = self.ranges.last, range.lowerBound <= last.upperBound &+ 1 {
                self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    /// One scalar.
    package init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value]) }

    /// The scalars of a text.
    package init(of text: String) { self.init(text.unicodeScalars.map { $0.value...$0.value }) }

    /// Every scalar.
    package static let all = ScalarSet([0...0x10FFFF])
    /// No scalar.
    package static let empty = ScalarSet([])

    /// Whether nothing is in it.
    package var isEmpty: Bool { ranges.isEmpty }

    /// Whether `scalar` is in it.
    package func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar.value) } }

    /// The scalars of either.
    package func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    /// Every other scalar.
    package var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { gaps.append(next...0x10FFFF) }
        return ScalarSet(gaps)
    }

    /// The scalars of this that are not in `other`.
    package func subtracting(_ other: ScalarSet) -> ScalarSet { inverted.union(other).inverted }

    /// The scalars of both.
    package func intersection(_ other: ScalarSet) -> ScalarSet { subtracting(other.inverted) }

    /// The UTF-8 encodings, as sequences of byte ranges: a byte string encodes a scalar of the set just if some
    /// sequence has as many ranges and each holds its byte.
    ///
    /// Source: Cox, "Regular expression matching in the wild" (RE2), 2010.
    package var utf8: [[ClosedRange<UInt8>]] {
        var sequences: [[ClosedRange<UInt8>]] = []
        for range in ranges { Self.split(range.lowerBound, range.upperBound, into: &sequences) }
        return sequences
    }

    private static func split(_ low: UInt32, _ high: UInt32, into sequences: inout [[ClosedRange<UInt8>]]) {
        // Encodings of one length only.
        for last in [UInt32(0x7F), 0x7FF, 0xFFFF] where low <= last && last < high {
            split(low, last, into: &sequences)
            return split(last + 1, high, into: &sequences)
        }
        if high <= 0x7F { return sequences.append([UInt8(low)...UInt8(high)]) }
        // Continuation bytes that run over their whole range wherever a byte before them varies.
        for count in UInt32(1)..<4 {
            let mask = (UInt32(1) << (6 * count)) - 1
            guard low & ~mask != high & ~mask else { continue }
            if low & mask != 0 {
                split(low, low | mask, into: &sequences)
                return split((low | mask) + 1, high, into: &sequences)
            }
            if high & mask != mask {
                split(low, (high & ~mask) - 1, into: &sequences)
                return split(high & ~mask, high, into: &sequences)
            }
        }
        sequences.append(zip(encoding(low), encoding(high)).map { $0...$1 })
    }

    private static func encoding(_ value: UInt32) -> [UInt8] {
        func tail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: (value >> shift) & 0x3F) }
        return switch value {
        case ...0x7F: [UInt8(value)]
        case ...0x7FF: [0xC0 | UInt8(value >> 6), tail(0)]
        case ...0xFFFF: [0xE0 | UInt8(value >> 12), tail(6), tail(0)]
        default: [0xF0 | UInt8(truncatingIfNeeded: value >> 18), tail(12), tail(6), tail(0)]
        }
    }
}
