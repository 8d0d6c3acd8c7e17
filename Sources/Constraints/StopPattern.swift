// SPDX-License-Identifier: Apache-2.0

/// A regular expression that ends a text where it first matches; see ``StopSearch``.
public struct StopPattern: Sendable {
    /// States that one may have, with repetitions written out.
    public static let stateLimit = 2048

    /// Why an expression cannot end a text.
    public enum Fault: Error, Sendable, Equatable, CustomStringConvertible {
        /// It is none, or too large.
        case expression(ConstraintError)
        /// It begins or ends at an anchor: there is nothing where it may not match.
        case anchored
        /// It matches the empty text, with which every text ends at once.
        case matchesNothing
        /// It has too many states, or a repetition that is too long to be written out.
        case tooLarge(limit: Int)

        /// The fault in words.
        public var description: String {
            switch self {
            case .expression(let error): "\(error)"
            case .anchored: "^ and $ have no place in it: it is looked for everywhere"
            case .matchesNothing: "it matches the empty text"
            case .tooLarge(let limit):
                "it is too large: repetitions of more than some 60 characters, or more than \(limit) states"
            }
        }
    }

    /// As it was written.
    public let expression: String
    let automaton: Automaton
    /// The states with edges in which a match begins, in a fixed order.
    let firstStates: [Int32]

    /// The number of its states, which bounds the work per byte.
    public var stateCount: Int { automaton.stateCount }

    /// A pattern in the notation of ``ConstraintSource/regex(_:)``.
    public init(_ expression: String) throws(Fault) {
        self.expression = expression
        let automaton: Automaton
        let isAnchored: Bool
        do throws(ConstraintError) {
            let parsed = try RegularExpression(expression)
            isAnchored = parsed.isAnchored
            automaton = try Automaton(Grammar(parsed.wholeMatch))
        } catch {
            throw .expression(error)
        }
        if isAnchored { throw .anchored }
        let isPlain = automaton.actions.allSatisfy { $0 == .none || $0 == .end }
        guard isPlain, automaton.stateCount <= Self.stateLimit else { throw .tooLarge(limit: Self.stateLimit) }
        let first = automaton.statesWithoutByte(from: automaton.start)
        if first.contains(where: { automaton.actions[Int($0)] == .end }) { throw .matchesNothing }
        self.automaton = automaton
        firstStates = first.filter { !automaton.edges(of: $0).isEmpty }.sorted()
    }
}

/// Looks for a pattern in a text that arrives byte by byte. A match may begin at any character; the first byte that
/// completes one ends the search, and of the matches that it completes the longest counts.
///
/// Thompson's simulation with the earliest beginning per state (Pike): time and memory are linear in the pattern's
/// states, whatever the text.
public struct StopSearch: Sendable {
    /// A state that was reached, and where the match began that reached it.
    private typealias Thread = (state: Int32, begin: Int)

    private let automaton: Automaton
    private let firstStates: [Int32]
    /// The states with edges that are open, the earliest beginning first, no state twice.
    private var threads: [Thread] = []
    /// By state, the step in which it was last reached: what is reached again stands behind an earlier beginning.
    private var reached: [Int]
    private var position = 0
    private var work: [Int32] = []

    /// A search at the start of a text.
    public init(_ pattern: StopPattern) {
        automaton = pattern.automaton
        firstStates = pattern.firstStates
        reached = Array(repeating: -1, count: automaton.stateCount)
    }

    /// Where the earliest match began that is not complete, in bytes from the start of the text.
    public var earliestBegin: Int? { threads.first?.begin }

    /// Takes a byte. Returns where the match began that it completes, if it completes one.
    public mutating func step(_ byte: UInt8) -> Int? {
        let open = threads
        let start = position
        threads = []
        position += 1
        var end: Int?
        for thread in open { follow(thread, byte, &end) }
        // A beginning stands behind all earlier ones: of two readings in one state the earlier one stays.
        if byte & 0xC0 != 0x80 {
            for state in firstStates { follow((state, start), byte, &end) }
        }
        return end
    }

    /// Goes on from a state by the edges that take the byte.
    private mutating func follow(_ thread: Thread, _ byte: UInt8, _ end: inout Int?) {
        for edge in automaton.edges(of: thread.state) where edge.bytes.contains(byte) {
            work.append(edge.target)
            while let state = work.popLast() {
                guard reached[Int(state)] != position else { continue }
                reached[Int(state)] = position
                if automaton.actions[Int(state)] == .end, end == nil { end = thread.begin }
                if !automaton.edges(of: state).isEmpty { threads.append((state, thread.begin)) }
                work += automaton.epsilons(of: state)
            }
        }
    }
}

extension Automaton {
    /// The transitions of a state.
    fileprivate func edges(of state: Int32) -> ArraySlice<Edge> {
        edges[Int(edgeStarts[Int(state)])..<Int(edgeStarts[Int(state) + 1])]
    }

    /// The states that a state also is, itself aside.
    fileprivate func epsilons(of state: Int32) -> ArraySlice<Int32> {
        epsilons[Int(epsilonStarts[Int(state)])..<Int(epsilonStarts[Int(state) + 1])]
    }

    /// The states that `state` also is, itself included.
    fileprivate func statesWithoutByte(from state: Int32) -> Set<Int32> {
        var seen: Set<Int32> = []
        var work = [state]
        while let state = work.popLast() {
            if seen.insert(state).inserted { work += epsilons(of: state) }
        }
        return seen
    }
}
