// SPDX-License-Identifier: Apache-2.0

/// Sets of call stacks, each set once.
///
/// A set is a node: its stacks by their topmost frame, each with the set of what may lie below. So a set of stacks is a
/// deterministic acyclic automaton that shares its parts with others, and equal sets are one number. However many
/// readings of a text there are, they take no more nodes than there are frames to return to.
struct StackStore {
    /// What lies on top of a stack.
    struct Frame: Equatable {
        /// Where to go on, see ``Symbol``.
        var symbol: UInt64
        /// What may lie below.
        var parent: Int32
    }

    /// The kinds of frames.
    enum Symbol {
        /// The bottom of every stack: the whole text ends.
        static let bottom = UInt64.max
        /// The bottom of a stack of which only the top is looked at.
        static let unknown = UInt64.max - 1
        private static let loopBit = UInt64(1) << 63

        /// To go on at a state.
        static func back(_ state: Int32) -> UInt64 { UInt64(UInt32(bitPattern: state)) }
        /// In a loop, after so many rounds.
        static func loop(_ loop: Int32, count: Int32) -> UInt64 {
            loopBit | UInt64(UInt32(bitPattern: loop)) << 31 | UInt64(UInt32(bitPattern: count))
        }
        static func isLoop(_ symbol: UInt64) -> Bool { symbol & loopBit != 0 && symbol < unknown }
        static func loopIndex(_ symbol: UInt64) -> Int { Int((symbol & ~loopBit) >> 31) }
        static func loopCount(_ symbol: UInt64) -> Int32 { Int32(truncatingIfNeeded: symbol & 0x7FFF_FFFF) }
        static func state(_ symbol: UInt64) -> Int32 { Int32(truncatingIfNeeded: symbol) }
    }

    /// No stack.
    static let none: Int32 = 0
    /// The stack of the bottom alone.
    static let bottom: Int32 = 1
    /// The stack of the unknown bottom alone.
    static let unknown: Int32 = 2

    private(set) var frames: [Frame] = []
    private var starts: [Int32] = [0]
    /// Frames of the longest stack.
    private var depths: [Int32] = []
    private var table = InternTable()
    private var unions: [UInt64: Int32] = [:]

    init() {
        _ = intern([])
        _ = intern([Frame(symbol: Symbol.bottom, parent: Self.none)])
        _ = intern([Frame(symbol: Symbol.unknown, parent: Self.none)])
    }

    /// Bytes, about.
    var byteCount: Int { frames.count * 16 + starts.count * 40 + unions.count * 32 }

    /// The places of a set's frames in ``frames``, ascending by symbol.
    @inline(__always)
    func range(_ node: Int32) -> Range<Int> { Int(starts[Int(node)])..<Int(starts[Int(node) + 1]) }

    /// Frames of the set's longest stack.
    func depth(_ node: Int32) -> Int { Int(depths[Int(node)]) }

    /// The set of the stacks of `parent`, each with one more frame.
    mutating func push(_ symbol: UInt64, on parent: Int32) -> Int32 {
        intern([Frame(symbol: symbol, parent: parent)])
    }

    /// The set of these frames, ascending by symbol.
    mutating func intern(_ own: [Frame]) -> Int32 {
        var hash: UInt64 = UInt64(own.count)
        var depth: Int32 = 0
        for frame in own {
            hash = InternTable.mix(InternTable.mix(hash, frame.symbol), UInt64(UInt32(bitPattern: frame.parent)))
            if !depths.isEmpty { depth = max(depth, depths[Int(frame.parent)] + 1) }
        }
        let known = table.find(hash) { node in
            let range = range(node)
            return range.count == own.count && frames[range].elementsEqual(own)
        }
        if let known { return known }
        let node = Int32(table.count)
        table.insert(hash)
        frames += own
        starts.append(Int32(frames.count))
        depths.append(depth)
        return node
    }

    /// The stacks of either set.
    ///
    /// - Throws: ``ConstraintError/tooAmbiguous``.
    mutating func union(_ left: Int32, _ right: Int32, steps: inout Int) throws(ConstraintError) -> Int32 {
        if left == right || right == Self.none { return left }
        if left == Self.none { return right }
        let key = UInt64(UInt32(bitPattern: min(left, right))) << 32 | UInt64(UInt32(bitPattern: max(left, right)))
        if let known = unions[key] { return known }
        var merged: [Frame] = []
        var (i, j) = (range(left).lowerBound, range(right).lowerBound)
        let (iEnd, jEnd) = (range(left).upperBound, range(right).upperBound)
        merged.reserveCapacity(iEnd - i + jEnd - j)
        while i < iEnd || j < jEnd {
            if j == jEnd || (i < iEnd && frames[i].symbol < frames[j].symbol) {
                merged.append(frames[i])
                i += 1
            } else if i == iEnd || frames[j].symbol < frames[i].symbol {
                merged.append(frames[j])
                j += 1
            } else {
                let parent = try union(frames[i].parent, frames[j].parent, steps: &steps)
                merged.append(Frame(symbol: frames[i].symbol, parent: parent))
                i += 1
                j += 1
            }
        }
        guard merged.count <= ConstraintLimits.readings else { throw .tooAmbiguous }
        steps += merged.count
        guard steps <= ConstraintLimits.stepsPerToken else { throw .tooAmbiguous }
        let node = intern(merged)
        unions[key] = node
        return node
    }
}
