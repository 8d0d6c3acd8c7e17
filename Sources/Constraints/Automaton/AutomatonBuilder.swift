// SPDX-License-Identifier: Apache-2.0

/// Makes states of expressions (Thompson's construction), rule after rule as they are first named.
///
/// Small rules that call no other are put in place of their calls; short repetitions are written out, longer ones
/// become loops that count.
struct AutomatonBuilder {
    private(set) var edges: [[Automaton.Edge]] = []
    private(set) var epsilons: [[Int32]] = []
    private(set) var actions: [Automaton.Action] = []
    private(set) var loops: [Automaton.Loop] = []
    private(set) var start: Int32 = 0

    /// States that a rule or a repetition may be copied to.
    private static let copyLimit = 64
    /// Rules within rules that are copied.
    private static let copyDepth = 8

    private let grammar: Grammar
    /// The first states of rules that have any.
    private var starts: [Int: Int32] = [:]
    /// Rules to be built, with their last states.
    private var pending: [(rule: Int, from: Int32, to: Int32)] = []
    private var costs: [Int: Int] = [:]
    /// States with a single edge, by that edge.
    private var suffixes: [Suffix: Int32] = [:]

    private struct Suffix: Hashable {
        var low: UInt8
        var high: UInt8
        var target: Int32
    }

    init(_ grammar: Grammar) {
        self.grammar = grammar
    }

    /// The name of the rule that begins at `state`.
    func name(ofRuleAt state: Int32) -> String {
        starts.first { $0.value == state }.map { grammar.rules[$0.key].name } ?? "a rule"
    }

    mutating func build() throws(ConstraintError) {
        start = try startOfRule(grammar.root)
        while let next = pending.popLast() {
            try add(grammar.rules[next.rule].expression, from: next.from, to: next.to)
        }
    }

    private mutating func newState(_ action: Automaton.Action = .none) throws(ConstraintError) -> Int32 {
        guard actions.count < ConstraintLimits.states else {
            throw .tooLarge(what: "states", limit: ConstraintLimits.states)
        }
        edges.append([])
        epsilons.append([])
        actions.append(action)
        return Int32(actions.count - 1)
    }

    private mutating func startOfRule(_ rule: Int) throws(ConstraintError) -> Int32 {
        if let known = starts[rule] { return known }
        let from = try newState()
        let to = try newState(.end)
        starts[rule] = from
        pending.append((rule, from, to))
        return from
    }

    /// Adds the ways from one state to another. No edge comes to lead into `from` or out of `to`, but where both are
    /// the same state.
    private mutating func add(_ expression: Expression, from: Int32, to: Int32) throws(ConstraintError) {
        switch expression {
        case .literal(let bytes):
            try add(bytes.map { $0...$0 }, from: from, to: to)
        case .scalars(let set):
            for sequence in set.utf8 { try add(sequence, from: from, to: to) }
        case .sequence(let parts):
            guard let last = parts.last else { return connect(from, to) }
            var state = from
            for part in parts.dropLast() {
                let next = try newState()
                try add(part, from: state, to: next)
                state = next
            }
            try add(last, from: state, to: to)
        case .choice(let parts):
            for part in parts { try add(part, from: from, to: to) }
        case .repeated(let body, let min, let max):
            try add(body, min: min, max: max, from: from, to: to)
        case .rule(let rule):
            if cost(ofRule: rule, depth: 0) <= Self.copyLimit / 2 {
                return try add(grammar.rules[rule].expression, from: from, to: to)
            }
            connect(from, try newState(.call(start: try startOfRule(rule), back: to)))
        }
    }

    private mutating func connect(_ from: Int32, _ to: Int32) {
        if from != to { epsilons[Int(from)].append(to) }
    }

    private mutating func add(
        _ sequence: [ClosedRange<UInt8>], from: Int32, to: Int32
    ) throws(ConstraintError) {
        guard let first = sequence.first else { return connect(from, to) }
        var target = to
        for bytes in sequence.dropFirst().reversed() {
            let suffix = Suffix(low: bytes.lowerBound, high: bytes.upperBound, target: target)
            if let known = suffixes[suffix] {
                target = known
            } else {
                let state = try newState()
                edges[Int(state)].append(Automaton.Edge(bytes: bytes, target: target))
                suffixes[suffix] = state
                target = state
            }
        }
        edges[Int(from)].append(Automaton.Edge(bytes: first, target: target))
    }

    private mutating func add(
        _ body: Expression, min: Int, max: Int?, from: Int32, to: Int32
    ) throws(ConstraintError) {
        guard Swift.max(min, max ?? 0) <= ConstraintLimits.repetitions else {
            throw .tooLarge(what: "repetitions", limit: ConstraintLimits.repetitions)
        }
        if let max, max < min { return }
        let count = max ?? Swift.max(min, 1)
        guard count > 1, cost(body, depth: 0).multipliedReportingOverflow(by: count).partialValue > Self.copyLimit
        else { return try addCopies(of: body, min: min, max: max, from: from, to: to) }
        let loop = Int32(loops.count)
        let first = try newState()
        let last = try newState(.end)
        let exit: Int32
        if max == nil {
            exit = try newState()
            try addCopies(of: body, min: 0, max: nil, from: exit, to: to)
        } else {
            exit = to
        }
        loops.append(
            Automaton.Loop(min: Int32(min), max: Int32(max ?? min), body: first, exit: exit))
        connect(from, try newState(.loop(loop)))
        try add(body, from: first, to: last)
    }

    /// `min` copies one after the other, then up to `max` in all of which each may be left out, or any number.
    private mutating func addCopies(
        of body: Expression, min: Int, max: Int?, from: Int32, to: Int32
    ) throws(ConstraintError) {
        var state = from
        for _ in 0..<min {
            let next = try newState()
            try add(body, from: state, to: next)
            state = next
        }
        guard let max else {
            let inner = try newState()
            connect(state, inner)
            try add(body, from: inner, to: inner)
            return connect(inner, to)
        }
        connect(state, to)
        for index in min..<Swift.max(max, min) {
            let next = index == max - 1 ? to : try newState()
            try add(body, from: state, to: next)
            if next != to { connect(next, to) }
            state = next
        }
    }

    // MARK: Sizes

    /// About as many states as the expression becomes; at least one.
    private mutating func cost(_ expression: Expression, depth: Int) -> Int {
        var sum = 1
        func add(_ more: Int) { sum = Swift.min(sum &+ more, Int(Int32.max)) }
        switch expression {
        case .literal(let bytes): add(bytes.count)
        case .scalars(let set):
            add(2 * set.ranges.count + (set.ranges.last.map { $0.upperBound > 0x7F } == true ? 8 : 0))
        case .sequence(let parts), .choice(let parts):
            for part in parts where sum <= Self.copyLimit { add(cost(part, depth: depth)) }
        case .repeated(let body, let min, let max):
            let copies = cost(body, depth: depth) * Swift.max(1, Swift.min(max ?? (min + 1), ConstraintLimits.states))
            add(Swift.min(copies, Int(Int32.max)))
        case .rule(let rule): add(cost(ofRule: rule, depth: depth + 1))
        }
        return sum
    }

    private mutating func cost(ofRule rule: Int, depth: Int) -> Int {
        if let known = costs[rule] { return known }
        guard depth < Self.copyDepth else { return Self.copyLimit + 1 }
        let found = cost(grammar.rules[rule].expression, depth: depth)
        // What was cut off at a depth says nothing of the rule itself.
        if depth == 0 { costs[rule] = found }
        return found
    }

    // MARK: After the analysis

    /// Removes what cannot come to an end.
    mutating func trim(_ analysis: AutomatonAnalysis) {
        let isProductive = analysis.isProductive
        for state in actions.indices {
            edges[state].removeAll { !isProductive[Int($0.target)] }
            epsilons[state].removeAll { !isProductive[Int($0)] }
            switch actions[state] {
            case .call(let callee, let back):
                if !isProductive[Int(callee)] || !isProductive[Int(back)] { actions[state] = .none }
            case .loop(let index):
                let loop = loops[Int(index)]
                if !isProductive[Int(loop.exit)] {
                    actions[state] = .none
                } else if !isProductive[Int(loop.body)] {
                    actions[state] = .none
                    if loop.min == 0 { epsilons[state].append(loop.exit) }
                }
            case .none, .end: break
            }
        }
        for index in loops.indices where analysis.isNullable[Int(loops[index].body)] {
            loops[index].bodyIsNullable = true
            loops[index].min = 0
        }
    }
}
