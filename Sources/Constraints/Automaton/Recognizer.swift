// SPDX-License-Identifier: Apache-2.0

/// Follows a text byte by byte through an automaton, along all readings at once: nothing is ever taken back.
///
/// A state of the recognizer is the set of the automaton's states that some reading is in, each with the set of its
/// call stacks. Equal states are one number, and the step from a number by a class of bytes is computed once: what is
/// visited of the pushdown automaton becomes a table, as a lazily built deterministic automaton does.
struct Recognizer {
    /// One automaton state that readings are in.
    struct Entry: Equatable {
        var state: Int32
        /// Their call stacks.
        var stacks: Int32
    }

    /// What a state is beside its entries.
    struct Flags: OptionSet {
        var rawValue: UInt8
        /// The whole text may end here.
        static let accepts = Flags(rawValue: 1)
        /// A reading has left the part of the stack that is known.
        static let escapes = Flags(rawValue: 2)
    }

    /// The state that no text reaches.
    static let dead: Int32 = 0

    let automaton: Automaton
    private(set) var stacks = StackStore()
    private var entries: [Entry] = []
    private var entryStarts: [Int32] = [0]
    private var flags: [Flags] = []
    private var table = InternTable()
    /// The next state by state and class of bytes; -1 where it was not computed.
    private var next: [Int32] = []
    /// What was done since ``beginToken()``.
    private(set) var steps = 0

    // Working memory of a closure.
    private var visited: [Int32]
    private var touched: [Int32] = []
    private var work: [Entry] = []
    private var found: Flags = []

    init(_ automaton: Automaton) {
        self.automaton = automaton
        visited = [Int32](repeating: StackStore.none, count: automaton.stateCount)
        _ = intern([], [])
    }

    /// Bytes, about.
    var byteCount: Int { stacks.byteCount + entries.count * 8 + next.count * 4 + flags.count * 24 }

    /// Starts to count steps anew.
    mutating func beginToken() { steps = 0 }

    /// The state before the first byte.
    mutating func start() throws(ConstraintError) -> Int32 {
        try close { recognizer throws(ConstraintError) in
            try recognizer.add(recognizer.automaton.start, StackStore.bottom)
        }
    }

    /// The state after a rule has ended over these stacks.
    mutating func resume(_ stacks: Int32) throws(ConstraintError) -> Int32 {
        try close { recognizer throws(ConstraintError) in try recognizer.pop(stacks) }
    }

    /// The state after `byte`.
    @inline(__always)
    mutating func step(_ state: Int32, _ byte: UInt8) throws(ConstraintError) -> Int32 {
        let place = Int(state) * automaton.classCount + Int(automaton.classOfByte[Int(byte)])
        let known = next[place]
        if known >= 0 { return known }
        return try compute(state, byte, place)
    }

    private mutating func compute(_ state: Int32, _ byte: UInt8, _ place: Int) throws(ConstraintError) -> Int32 {
        let range = entryRange(state)
        let target = try close { recognizer throws(ConstraintError) in
            for index in range {
                let entry = recognizer.entries[index]
                let first = Int(recognizer.automaton.edgeStarts[Int(entry.state)])
                let last = Int(recognizer.automaton.edgeStarts[Int(entry.state) + 1])
                recognizer.steps += last - first
                for edge in first..<last where recognizer.automaton.edges[edge].bytes.contains(byte) {
                    try recognizer.add(recognizer.automaton.edges[edge].target, entry.stacks)
                }
            }
        }
        next[place] = target
        return target
    }

    // MARK: States

    @inline(__always)
    private func entryRange(_ state: Int32) -> Range<Int> {
        Int(entryStarts[Int(state)])..<Int(entryStarts[Int(state) + 1])
    }

    /// The automaton's states in a state.
    func entries(_ state: Int32) -> ArraySlice<Entry> { entries[entryRange(state)] }

    /// Whether some reading goes on within what is known.
    @inline(__always)
    func goesOn(_ state: Int32) -> Bool { entryStarts[Int(state)] < entryStarts[Int(state) + 1] }

    /// Whether the whole text may end here.
    @inline(__always)
    func accepts(_ state: Int32) -> Bool { flags[Int(state)].contains(.accepts) }

    /// Whether a reading has left what is known.
    @inline(__always)
    func escapes(_ state: Int32) -> Bool { flags[Int(state)].contains(.escapes) }

    /// The state of these entries, ascending by state and each state once.
    mutating func intern(_ own: [Entry], _ ownFlags: Flags) -> Int32 {
        var hash = UInt64(ownFlags.rawValue)
        for entry in own {
            let word = UInt64(UInt32(bitPattern: entry.state)) << 32 | UInt64(UInt32(bitPattern: entry.stacks))
            hash = InternTable.mix(hash, word)
        }
        let known = table.find(hash) { state in
            let range = entryRange(state)
            return range.count == own.count && flags[Int(state)] == ownFlags && entries[range].elementsEqual(own)
        }
        if let known { return known }
        let state = Int32(table.count)
        table.insert(hash)
        entries += own
        entryStarts.append(Int32(entries.count))
        flags.append(ownFlags)
        let row = own.isEmpty ? Self.dead : -1
        next.append(contentsOf: repeatElement(row, count: automaton.classCount))
        return state
    }

    // MARK: What is reached without a byte

    private mutating func close(
        _ seed: (inout Recognizer) throws(ConstraintError) -> Void
    ) throws(ConstraintError) -> Int32 {
        defer {
            for state in touched { visited[Int(state)] = StackStore.none }
            touched.removeAll(keepingCapacity: true)
            work.removeAll(keepingCapacity: true)
        }
        found = []
        try seed(&self)
        while let entry = work.popLast() { try expand(entry) }
        touched.sort()
        var own: [Entry] = []
        for state in touched where automaton.edgeStarts[Int(state)] < automaton.edgeStarts[Int(state) + 1] {
            own.append(Entry(state: state, stacks: visited[Int(state)]))
        }
        let state = intern(own, found)
        guard byteCount <= ConstraintLimits.memoryBytes else { throw .tooAmbiguous }
        return state
    }

    /// Adds a reading in `state` over `added`; what is new about it will be expanded.
    private mutating func add(_ state: Int32, _ added: Int32) throws(ConstraintError) {
        guard added != StackStore.none else { return }
        steps += 1
        guard steps <= ConstraintLimits.stepsPerToken else { throw .tooAmbiguous }
        let old = visited[Int(state)]
        guard old != StackStore.none else {
            touched.append(state)
            visited[Int(state)] = added
            return work.append(Entry(state: state, stacks: added))
        }
        let all = try stacks.union(old, added, steps: &steps)
        guard all != old else { return }
        visited[Int(state)] = all
        work.append(Entry(state: state, stacks: added))
    }

    private mutating func expand(_ entry: Entry) throws(ConstraintError) {
        let state = Int(entry.state)
        for index in Int(automaton.epsilonStarts[state])..<Int(automaton.epsilonStarts[state + 1]) {
            try add(automaton.epsilons[index], entry.stacks)
        }
        switch automaton.actions[state] {
        case .none: return
        case .call(let start, let back):
            // Nothing is to be done afterwards: what was to be done after this is next.
            let isTail = automaton.endsAtOnce[Int(back)]
            try add(start, isTail ? entry.stacks : push(StackStore.Symbol.back(back), on: entry.stacks))
        case .loop(let loop): try goRound(loop, count: 0, entry.stacks)
        case .end: try pop(entry.stacks)
        }
    }

    private mutating func push(_ symbol: UInt64, on parent: Int32) -> Int32 {
        guard stacks.depth(parent) < ConstraintLimits.depth else { return StackStore.none }
        return stacks.push(symbol, on: parent)
    }

    private mutating func goRound(_ index: Int32, count: Int32, _ below: Int32) throws(ConstraintError) {
        let loop = automaton.loops[Int(index)]
        if count >= loop.min { try add(loop.exit, below) }
        if count < loop.max {
            try add(loop.body, push(StackStore.Symbol.loop(index, count: count), on: below))
        }
    }

    private mutating func pop(_ node: Int32) throws(ConstraintError) {
        for index in stacks.range(node) {
            let frame = stacks.frames[index]
            switch frame.symbol {
            case StackStore.Symbol.bottom: found.insert(.accepts)
            case StackStore.Symbol.unknown: found.insert(.escapes)
            case let symbol where StackStore.Symbol.isLoop(symbol):
                try goRound(
                    Int32(StackStore.Symbol.loopIndex(symbol)), count: StackStore.Symbol.loopCount(symbol) + 1,
                    frame.parent)
            case let symbol: try add(StackStore.Symbol.state(symbol), frame.parent)
            }
        }
    }

    // MARK: Looking at the top alone

    /// The set of stacks cut off below the frames of loops, with the bottom unknown, and what was cut off; nil where
    /// that is not the same under all of them.
    ///
    /// How often a loop was gone round counts only as far as `horizon` more bytes can make a difference.
    mutating func cut(_ node: Int32, horizon: Int32) throws(ConstraintError) -> (top: Int32, rest: Int32)? {
        let range = stacks.range(node)
        let loopCount = range.reduce(0) { $0 + (StackStore.Symbol.isLoop(stacks.frames[$1].symbol) ? 1 : 0) }
        if loopCount == 0 { return (StackStore.unknown, node) }
        guard loopCount == range.count else { return nil }
        var top = StackStore.none
        var rest: Int32?
        for index in range {
            let frame = stacks.frames[index]
            guard let below = try cut(frame.parent, horizon: horizon), rest == nil || rest == below.rest else {
                return nil
            }
            rest = below.rest
            let one = stacks.push(representative(frame.symbol, horizon: horizon), on: below.top)
            top = try stacks.union(top, one, steps: &steps)
        }
        return rest.map { (top, $0) }
    }

    private func representative(_ symbol: UInt64, horizon: Int32) -> UInt64 {
        let index = StackStore.Symbol.loopIndex(symbol)
        let loop = automaton.loops[index]
        let count = StackStore.Symbol.loopCount(symbol)
        // Rounds without a byte would make a difference sooner.
        guard !loop.bodyIsNullable else { return symbol }
        let (reached, _) = count.addingReportingOverflow(horizon)
        if reached < loop.min { return StackStore.Symbol.loop(Int32(index), count: 0) }
        if count >= loop.min, reached < loop.max { return StackStore.Symbol.loop(Int32(index), count: loop.min) }
        return symbol
    }

    // MARK: Forgetting

    /// A recognizer of the same automaton that knows these states and nothing else, and their numbers there.
    func keeping(_ kept: some Sequence<Int32>) -> (recognizer: Recognizer, numbers: [Int32: Int32]) {
        var fresh = Recognizer(automaton)
        var nodes: [Int32: Int32] = [StackStore.none: StackStore.none]
        var numbers: [Int32: Int32] = [:]
        func copy(_ node: Int32) -> Int32 {
            if let known = nodes[node] { return known }
            let frames = stacks.range(node).map {
                StackStore.Frame(symbol: stacks.frames[$0].symbol, parent: copy(stacks.frames[$0].parent))
            }
            let number = fresh.stacks.intern(frames)
            nodes[node] = number
            return number
        }
        for state in kept where numbers[state] == nil {
            let own = entries(state).map { Entry(state: $0.state, stacks: copy($0.stacks)) }
            numbers[state] = fresh.intern(own, flags[Int(state)])
        }
        return (fresh, numbers)
    }
}
