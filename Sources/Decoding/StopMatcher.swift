// SPDX-License-Identifier: Apache-2.0

public import Constraints

/// Finds stop strings in a text that arrives piece by piece, and says which bytes can be shown already.
///
/// The text stops at the first byte that completes a stop string; if several end there, the one that starts earliest
/// (the longest) counts. Bytes are held back exactly while they are the longest suffix of the text that is a proper
/// prefix of some stop string. How the text is cut into pieces makes no difference. Patterns stop a text as strings do,
/// with the bytes held back from where the earliest unfinished match began.
///
/// An Aho-Corasick automaton (Aho, Corasick 1975) over UTF-8: linear time in the length of the text. Copies share it.
public struct StopMatcher: Sendable {
    /// How many stop strings there may be.
    public static let stopCountLimit = 64
    /// How long a stop string may be, in bytes.
    public static let stopByteLimit = 1024

    /// What is known after more text.
    public enum Outcome: Sendable, Equatable {
        /// No stop string yet; these bytes can be shown.
        case released([UInt8])
        /// A stop string was completed; these last bytes come before it.
        case stopped(released: [UInt8], stop: String)
    }

    private let automaton: StopAutomaton
    private let patterns: [StopPattern]
    private var searches: [StopSearch]
    /// Bytes that came.
    private var count = 0
    /// The bytes that stopped the text.
    public private(set) var matched: [UInt8] = []
    private var state: Int32 = 0
    private var held: [UInt8] = []
    private var found: String?

    /// A matcher for `stops`; without any it releases everything at once.
    ///
    /// - Throws: ``DecodingError`` for an empty or too long string or too many of them.
    public init(_ stops: [String], patterns: [StopPattern] = []) throws(DecodingError) {
        guard stops.count <= Self.stopCountLimit else {
            throw .tooManyStops(limit: Self.stopCountLimit, found: stops.count)
        }
        for (index, stop) in stops.enumerated() {
            guard !stop.isEmpty else { throw .emptyStop(index: index) }
            guard stop.utf8.count <= Self.stopByteLimit else {
                throw .stopTooLong(index: index, limit: Self.stopByteLimit, found: stop.utf8.count)
            }
        }
        automaton = StopAutomaton(stops)
        self.patterns = patterns
        searches = patterns.map { StopSearch($0) }
    }

    /// Takes more bytes of the text. After a stop string nothing more is released.
    ///
    /// Where `mayStop` is false, a stop string that these bytes complete does not count; one that they begin does, once
    /// later bytes complete it.
    public mutating func append(_ bytes: some Sequence<UInt8>, mayStop: Bool = true) -> Outcome {
        if let found { return .stopped(released: [], stop: found) }
        for byte in bytes {
            state = automaton.next(state, byte)
            held.append(byte)
            count += 1
            var longest = automaton.stop(at: state).map { (length: $0.utf8.count, stop: $0) }
            for index in searches.indices {
                guard let begin = searches[index].step(byte), count - begin > longest?.length ?? 0 else { continue }
                longest = (count - begin, patterns[index].expression)
            }
            if mayStop, let longest {
                // What began before the text was shown is shown.
                let length = min(longest.length, held.count)
                matched = Array(held.suffix(length))
                held.removeLast(length)
                found = longest.stop
                defer { held = [] }
                return .stopped(released: held, stop: longest.stop)
            }
        }
        let begin = searches.compactMap(\.earliestBegin).min()
        let keep = max(automaton.depth(of: state), begin.map { count - $0 } ?? 0)
        defer { held.removeFirst(held.count - keep) }
        return .released(Array(held.dropLast(keep)))
    }

    /// The bytes held back, when the text has ended without a stop string; the matcher then starts afresh.
    public mutating func finish() -> [UInt8] {
        defer {
            held = []
            state = 0
            found = nil
            searches = patterns.map { StopSearch($0) }
            count = 0
        }
        return held
    }
}

/// The states of an Aho-Corasick automaton; state 0 is the empty prefix, every other is a distinct prefix of a stop.
struct StopAutomaton: Sendable {
    private struct State {
        /// The byte that leads here from the parent.
        var byte: UInt8
        /// The length of the prefix.
        var depth: Int32
        /// The state of the longest proper suffix that is a prefix of a stop.
        var fallback: Int32 = 0
        var firstChild: Int32 = -1
        var nextSibling: Int32 = -1
        /// The longest stop that ends here, as an index; -1 for none.
        var stop: Int32 = -1
    }

    private var states = [State(byte: 0, depth: 0)]
    private let stops: [String]
    /// The children of state 0 by byte, itself where there is none.
    private var first = [Int32](repeating: 0, count: 256)

    init(_ stops: [String]) {
        self.stops = stops
        for (index, stop) in stops.enumerated() {
            var state: Int32 = 0
            for byte in stop.utf8 {
                state = child(of: state, byte) ?? addChild(to: state, byte)
            }
            if states[Int(state)].stop < 0 { states[Int(state)].stop = Int32(index) }
        }
        var child = states[0].firstChild
        while child >= 0 {
            first[Int(states[Int(child)].byte)] = child
            child = states[Int(child)].nextSibling
        }
        linkFallbacks()
    }

    /// Breadth first, so that a state's fallback, which is shorter, is done before it.
    private mutating func linkFallbacks() {
        var queue: [Int32] = [0]
        var head = 0
        while head < queue.count {
            let parent = queue[head]
            head += 1
            var child = states[Int(parent)].firstChild
            while child >= 0 {
                let fallback = parent == 0 ? 0 : next(states[Int(parent)].fallback, states[Int(child)].byte)
                states[Int(child)].fallback = fallback
                if states[Int(child)].stop < 0 { states[Int(child)].stop = states[Int(fallback)].stop }
                queue.append(child)
                child = states[Int(child)].nextSibling
            }
        }
    }

    private func child(of state: Int32, _ byte: UInt8) -> Int32? {
        var child = states[Int(state)].firstChild
        while child >= 0 {
            if states[Int(child)].byte == byte { return child }
            child = states[Int(child)].nextSibling
        }
        return nil
    }

    private mutating func addChild(to parent: Int32, _ byte: UInt8) -> Int32 {
        let child = Int32(states.count)
        states.append(State(byte: byte, depth: states[Int(parent)].depth + 1))
        states[Int(child)].nextSibling = states[Int(parent)].firstChild
        states[Int(parent)].firstChild = child
        return child
    }

    /// The state after `byte`.
    func next(_ from: Int32, _ byte: UInt8) -> Int32 {
        var state = from
        while state != 0 {
            if let child = child(of: state, byte) { return child }
            state = states[Int(state)].fallback
        }
        return first[Int(byte)]
    }

    /// The length of the prefix that `state` stands for, in bytes.
    func depth(of state: Int32) -> Int { Int(states[Int(state)].depth) }

    /// The longest stop that ends at `state`.
    func stop(at state: Int32) -> String? {
        let index = states[Int(state)].stop
        return index < 0 ? nil : stops[Int(index)]
    }
}
