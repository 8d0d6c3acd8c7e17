// SPDX-License-Identifier: Apache-2.0

/// What can be said of an automaton's states before any text is read.
struct AutomatonAnalysis {
    /// Whether the end of the state's rule can be reached at all.
    let isProductive: [Bool]
    /// Whether it can be reached without taking a byte.
    let isNullable: [Bool]

    init(_ builder: AutomatonBuilder) {
        isProductive = Self.reached(builder, takesBytes: true)
        isNullable = Self.reached(builder, takesBytes: false)
    }

    /// The states from which an end is reached, found backwards from the ends; linear in states and edges.
    private static func reached(_ builder: AutomatonBuilder, takesBytes: Bool) -> [Bool] {
        let actions = builder.actions
        var reached = [Bool](repeating: false, count: actions.count)
        // Who depends on a state: alone, or together with others.
        var dependents = [[(state: Int32, isAlone: Bool)]](repeating: [], count: actions.count)
        for state in actions.indices {
            let dependent = Int32(state)
            if takesBytes {
                for edge in builder.edges[state] { dependents[Int(edge.target)].append((dependent, true)) }
            }
            for target in builder.epsilons[state] { dependents[Int(target)].append((dependent, true)) }
            switch actions[state] {
            case .call(let callee, let back):
                dependents[Int(callee)].append((dependent, false))
                dependents[Int(back)].append((dependent, false))
            case .loop(let index):
                dependents[Int(builder.loops[Int(index)].body)].append((dependent, false))
                dependents[Int(builder.loops[Int(index)].exit)].append((dependent, false))
            case .none, .end: break
            }
        }
        var queue = actions.indices.filter { actions[$0] == .end }
        for state in queue { reached[state] = true }
        while let state = queue.popLast() {
            for (dependent, isAlone) in dependents[state] where !reached[Int(dependent)] {
                let holds =
                    switch actions[Int(dependent)] {
                    case _ where isAlone: true
                    case .call(let callee, let back): reached[Int(callee)] && reached[Int(back)]
                    case .loop(let index):
                        reached[Int(builder.loops[Int(index)].exit)]
                            && (builder.loops[Int(index)].min == 0 || reached[Int(builder.loops[Int(index)].body)])
                    case .none, .end: false
                    }
                guard holds else { continue }
                reached[Int(dependent)] = true
                queue.append(Int(dependent))
            }
        }
        return reached
    }

    /// - Throws: ``ConstraintError`` if the automaton matches nothing, a rule is left-recursive, or something that can
    ///   be empty is counted too high.
    func check(_ builder: AutomatonBuilder) throws(ConstraintError) {
        guard isProductive[Int(builder.start)] else { throw .matchesNothing }
        for loop in builder.loops
        where isNullable[Int(loop.body)] && loop.max > ConstraintLimits.emptyRepetitions {
            throw .emptyRepetition(limit: ConstraintLimits.emptyRepetitions)
        }
        if let start = leftRecursiveStart(builder) {
            throw .leftRecursion(rule: builder.name(ofRuleAt: start))
        }
    }

    /// The states that `state` leads to without a byte, and those of them where a rule or a body is entered.
    private func steps(_ state: Int, _ builder: AutomatonBuilder) -> (targets: [Int32], entered: Int32?) {
        var targets = builder.epsilons[state]
        switch builder.actions[state] {
        case .call(let callee, let back):
            if isNullable[Int(callee)] { targets.append(back) }
            return (targets + [callee], callee)
        case .loop(let index):
            let loop = builder.loops[Int(index)]
            if loop.min == 0 || isNullable[Int(loop.body)] { targets.append(loop.exit) }
            return (targets + [loop.body], loop.body)
        case .none, .end: return (targets, nil)
        }
    }

    /// The first state of a rule that can be entered again from itself without a byte: one whose call lies in the same
    /// strongly connected component. Source: Tarjan 1972, without recursion.
    private func leftRecursiveStart(_ builder: AutomatonBuilder) -> Int32? {
        let count = builder.actions.count
        var order = [Int32](repeating: -1, count: count)
        var low = [Int32](repeating: 0, count: count)
        var component = [Int32](repeating: -1, count: count)
        var stack: [Int32] = []
        var visits: [(state: Int, targets: [Int32], next: Int)] = []
        var time: Int32 = 0
        func enter(_ state: Int) {
            order[state] = time
            low[state] = time
            time += 1
            stack.append(Int32(state))
            visits.append((state, steps(state, builder).targets, 0))
        }
        for root in 0..<count where order[root] < 0 {
            enter(root)
            while let visit = visits.last {
                if visit.next < visit.targets.count {
                    visits[visits.count - 1].next += 1
                    let target = Int(visit.targets[visit.next])
                    if order[target] < 0 {
                        enter(target)
                    } else if component[target] < 0 {
                        low[visit.state] = min(low[visit.state], order[target])
                    }
                    continue
                }
                visits.removeLast()
                if let parent = visits.last { low[parent.state] = min(low[parent.state], low[visit.state]) }
                guard low[visit.state] == order[visit.state] else { continue }
                while let member = stack.popLast() {
                    component[Int(member)] = Int32(visit.state)
                    if Int(member) == visit.state { break }
                }
            }
        }
        for state in 0..<count {
            if let entered = steps(state, builder).entered, component[Int(entered)] == component[state] {
                return entered
            }
        }
        return nil
    }
}
