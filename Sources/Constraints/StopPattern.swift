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
        self.automaton = automaton
        if StopSearch(self).matchesEmpty { throw .matchesNothing }
    }
}

/// Looks for a pattern in a text that arrives byte by byte. A match may begin at any character; the first byte that
/// completes one ends the search, and of the matches that it completes the longest counts.
///
/// Thompson's simulation with the earliest beginning per state (Pike): time and memory are linear in the pattern's
/// states, whatever the text.
public struct StopSearch: Sendable {
    private static let none = Int.max

    private let automaton: Automaton
    /// By state, where the earliest match began that may go on from it.
    private var begins: [Int]
    /// States with a beginning, earliest first.
    private var active: [Int32] = []
    private var position = 0

    /// A search at the start of a text.
    public init(_ pattern: StopPattern) {
        automaton = pattern.automaton
        begins = Array(repeating: Self.none, count: automaton.stateCount)
    }

    /// Where the earliest match began that is not complete, in bytes from the start of the text.
    public var earliestBegin: Int? { active.first.map { begins[Int($0)] } }

    /// Takes a byte. Returns where the match began that it completes, if it completes one.
    public mutating func step(_ byte: UInt8) -> Int? {
        // A beginning stands behind all earlier ones: of two readings in one state the earlier one stays.
        var seeds: [(state: Int32, begin: Int)] = active.map { ($0, begins[Int($0)]) }
        if byte & 0xC0 != 0x80 { for state in closure([(automaton.start, position)]).states { seeds.append(state) } }
        for state in active { begins[Int(state)] = Self.none }
        active = []
        var moved: [(state: Int32, begin: Int)] = []
        for (state, begin) in seeds {
            for edge in automaton.edges[
                Int(automaton.edgeStarts[Int(state)])..<Int(automaton.edgeStarts[Int(state) + 1])]
            where edge.bytes.contains(byte) {
                moved.append((edge.target, begin))
            }
        }
        position += 1
        let reached = closure(moved)
        for (state, begin) in reached.states {
            begins[Int(state)] = begin
            active.append(state)
        }
        return reached.end
    }

    /// Whether the empty text matches.
    var matchesEmpty: Bool { closure([(automaton.start, 0)]).end != nil }

    /// The states with edges that are reached without a byte, and the earliest beginning that ends. `seeds` are ordered
    /// by beginning, and so is what is returned.
    private func closure(
        _ seeds: [(state: Int32, begin: Int)]
    ) -> (states: [(state: Int32, begin: Int)], end: Int?) {
        var seen: Set<Int32> = []
        var states: [(state: Int32, begin: Int)] = []
        var end: Int?
        for (seed, begin) in seeds {
            var work = [seed]
            while let state = work.popLast() {
                guard seen.insert(state).inserted else { continue }
                let index = Int(state)
                if automaton.actions[index] == .end { end = end ?? begin }
                if automaton.edgeStarts[index] < automaton.edgeStarts[index + 1] { states.append((state, begin)) }
                work +=
                    automaton.epsilons[Int(automaton.epsilonStarts[index])..<Int(automaton.epsilonStarts[index + 1])]
            }
        }
        return (states, end)
    }
}
