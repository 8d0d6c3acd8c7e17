// SPDX-License-Identifier: Apache-2.0

/// A grammar as a pushdown automaton over bytes: a nondeterministic automaton per rule, whose states may call others.
///
/// States are numbered over all rules. Every state lies on some way to the end of its rule, so that what can be begun
/// can be ended.
package struct Automaton: Sendable {
    /// A transition that takes one byte.
    package struct Edge: Sendable, Equatable {
        /// The bytes that it takes.
        var bytes: ClosedRange<UInt8>
        var target: Int32
    }

    /// What a state does without taking a byte, beside its ``epsilons``.
    package enum Action: Sendable, Equatable {
        /// Nothing.
        case none
        /// Follows a rule from its first state, then goes on at `back`.
        case call(start: Int32, back: Int32)
        /// Follows the body of a counted repetition.
        case loop(Int32)
        /// Ends its rule or body.
        case end
    }

    /// A counted repetition.
    package struct Loop: Sendable, Equatable {
        var min: Int32
        /// `Int32.max`: any number.
        var max: Int32
        /// The first state of what is repeated.
        var body: Int32
        /// Where it goes on afterwards.
        var exit: Int32
        /// Whether the body may take no byte; then `min` is 0.
        var bodyIsNullable = false
    }

    /// Of state q: `edges[edgeStarts[q]..<edgeStarts[q + 1]]`.
    let edges: [Edge]
    let edgeStarts: [Int32]
    /// States that it also is, found as ``edges`` are.
    let epsilons: [Int32]
    let epsilonStarts: [Int32]
    let actions: [Action]
    let loops: [Loop]
    /// Whether a state does nothing but end: a call that would come back there need not come back.
    let endsAtOnce: [Bool]
    /// The first state of the whole.
    let start: Int32
    /// Bytes of one class do the same everywhere.
    let classOfByte: [UInt8]
    let classCount: Int

    /// The number of states.
    package var stateCount: Int { actions.count }

    /// Makes the automaton of a grammar.
    ///
    /// - Throws: ``ConstraintError`` if it is too large, left-recursive or matches nothing.
    package init(_ grammar: Grammar) throws(ConstraintError) {
        var builder = AutomatonBuilder(grammar)
        try builder.build()
        let analysis = AutomatonAnalysis(builder)
        try analysis.check(builder)
        builder.trim(analysis)
        self.init(builder)
    }

    private init(_ builder: AutomatonBuilder) {
        var (edges, edgeStarts): ([Edge], [Int32]) = ([], [0])
        var (epsilons, epsilonStarts): ([Int32], [Int32]) = ([], [0])
        var startsClass = [Bool](repeating: false, count: 257)
        startsClass[0] = true
        for (own, empty) in zip(builder.edges, builder.epsilons) {
            for edge in own {
                startsClass[Int(edge.bytes.lowerBound)] = true
                startsClass[Int(edge.bytes.upperBound) + 1] = true
            }
            edges += own
            epsilons += empty
            edgeStarts.append(Int32(edges.count))
            epsilonStarts.append(Int32(epsilons.count))
        }
        (self.edges, self.edgeStarts) = (edges, edgeStarts)
        (self.epsilons, self.epsilonStarts) = (epsilons, epsilonStarts)
        (actions, loops, start) = (builder.actions, builder.loops, builder.start)
        var classOfByte = [UInt8](repeating: 0, count: 256)
        var count = 0
        for byte in 0..<256 {
            if startsClass[byte] { count += 1 }
            classOfByte[byte] = UInt8(count - 1)
        }
        (self.classOfByte, classCount) = (classOfByte, count)
        endsAtOnce = Self.statesThatEndAtOnce(builder)
    }

    private static func statesThatEndAtOnce(_ builder: AutomatonBuilder) -> [Bool] {
        builder.actions.indices.map { state in
            // A short look: the chains are those that the builder makes.
            var state = state
            for _ in 0..<8 {
                guard builder.edges[state].isEmpty else { return false }
                if builder.actions[state] == .end { return builder.epsilons[state].isEmpty }
                guard builder.actions[state] == .none, builder.epsilons[state].count == 1 else { return false }
                state = Int(builder.epsilons[state][0])
            }
            return false
        }
    }
}
