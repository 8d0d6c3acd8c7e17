// SPDX-License-Identifier: Apache-2.0

/// The parts of a text in which the spelling of a control token is that token.
struct TrustedRanges {
    /// Ascending and disjoint, in bytes of the text.
    private let ranges: [Range<Int>]
    /// Where the text at hand starts in the text that `ranges` count in.
    private let base: Int

    /// The given ascending, disjoint ranges.
    init(_ ranges: [Range<Int>]) { self.init(ranges, base: 0) }

    private init(_ ranges: [Range<Int>], base: Int) {
        self.ranges = ranges
        self.base = base
    }

    /// Whether all of `range` lies in one of them.
    func contain(_ range: Range<Int>) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < range.upperBound + base { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= range.lowerBound + base
    }

    /// The same parts as seen by the stretch `range` of the text.
    func inside(_ range: Range<Int>) -> TrustedRanges { TrustedRanges(ranges, base: base + range.lowerBound) }

    /// As ``inside(_:)`` for a stretch that became another text of `byteCount` bytes, whose places are not those of the
    /// stretch any more: trusted as a whole or not at all.
    func inside(_ range: Range<Int>, rewrittenTo byteCount: Int) -> TrustedRanges {
        TrustedRanges(contain(range) ? [0..<byteCount] : [])
    }
}
