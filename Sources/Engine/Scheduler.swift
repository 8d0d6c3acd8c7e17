// SPDX-License-Identifier: Apache-2.0

/// Which tokens are computed next: continuous batching with chunked prefill, as a pure state machine.
///
/// A unit is one prompt with its choices, or several that begin with the same tokens: these are computed once, then each
/// branch goes on with its own. Units are admitted in order of arrival, once the cache can hold all that
/// they may ever need and their choices fit beside those that run: so what is admitted never has to be thrown out. A
/// step takes the next token of every running choice, and prompt tokens in order of admission up to a budget.
package struct Scheduler: Sendable {
    /// What a unit will need.
    package struct Unit: Sendable, Equatable {
        /// Tokens of the prompt that all branches share; 0 where they begin apart.
        package var promptTokens: Int
        /// What goes on from there; at least one.
        package var branches: [Branch]

        /// A unit of the given parts.
        package init(promptTokens: Int, branches: [Branch]) {
            self.promptTokens = promptTokens
            self.branches = branches
        }

        /// A unit with one branch that has no prompt tokens of its own.
        package init(promptTokens: Int, choiceCount: Int, maxTokens: Int) {
            self.init(
                promptTokens: promptTokens,
                branches: [Branch(promptTokens: 0, choiceCount: choiceCount, maxTokens: maxTokens)])
        }

        /// Choices of all branches.
        package var choiceCount: Int { branches.reduce(0) { $0 + $1.choiceCount } }

        /// Blocks that the unit may come to hold: the shared prompt's full blocks once, the rest per choice.
        package func blockCount(blockTokens: Int) -> Int {
            func blocks(_ tokens: Int) -> Int { (tokens + blockTokens - 1) / blockTokens }
            let shared = promptTokens / blockTokens
            let own = branches.reduce(0) { sum, branch in
                guard branch.addsTokens else { return sum }
                let tokens = promptTokens + branch.promptTokens + branch.maxTokens
                return sum + branch.choiceCount * (blocks(tokens) - shared)
            }
            return max(blocks(promptTokens), shared + own)
        }
    }

    /// What a branch of a unit will need.
    package struct Branch: Sendable, Equatable {
        /// Tokens of its own prompt after the shared ones that must be computed.
        package var promptTokens: Int
        /// Choices that share it.
        package var choiceCount: Int
        /// The most tokens that each choice may add.
        package var maxTokens: Int

        /// A branch of the given sizes.
        package init(promptTokens: Int, choiceCount: Int, maxTokens: Int) {
            self.promptTokens = promptTokens
            self.choiceCount = choiceCount
            self.maxTokens = maxTokens
        }

        /// Whether it needs any cache of its own.
        var addsTokens: Bool { promptTokens > 0 || maxTokens > 0 }
    }

    /// What can be held.
    package struct Limits: Sendable {
        /// Choices that run at the same time.
        package var choiceCount: Int
        /// Blocks of the cache.
        package var blockCount: Int
        /// Tokens per block.
        package var blockTokens: Int
        /// Prompt tokens that a step takes at least, however many choices run: so prompts never starve.
        package var minimumPrefill: Int

        /// Limits of the given sizes.
        package init(choiceCount: Int, blockCount: Int, blockTokens: Int, minimumPrefill: Int = 16) {
            self.choiceCount = choiceCount
            self.blockCount = blockCount
            self.blockTokens = blockTokens
            self.minimumPrefill = minimumPrefill
        }
    }

    /// A part of a step.
    package enum Work: Sendable, Equatable {
        /// Compute these tokens of the unit's shared prompt.
        case prefill(unit: Int, range: Range<Int>)
        /// Compute these tokens of a branch's own prompt, counted from the end of the shared one.
        case extend(unit: Int, branch: Int, range: Range<Int>)
        /// Compute the newest token of each choice of the unit that still runs.
        case decode(unit: Int)
    }

    private struct State: Sendable {
        let unit: Unit
        /// Tokens computed of the shared prompt.
        var computed = 0
        /// Tokens computed of each branch's own.
        var extended: [Int]
        var runningChoices: Int
        var isPaused = false
        var isAdmitted = false

        init(_ unit: Unit) {
            self.unit = unit
            extended = unit.branches.map { _ in 0 }
            runningChoices = unit.choiceCount
        }

        /// Whether any choice may have a token to be computed.
        var decodes: Bool {
            guard computed == unit.promptTokens else { return false }
            return zip(unit.branches, extended).contains { $0.maxTokens > 0 && $0.promptTokens == $1 }
        }
    }

    private let limits: Limits
    private var states: [Int: State] = [:]
    private var waiting: [Int] = []
    private var running: [Int] = []
    private var reservedBlocks = 0
    private var runningChoices = 0

    /// A scheduler without units.
    package init(limits: Limits) {
        self.limits = limits
    }

    /// Units that wait.
    package var waitingCount: Int { waiting.count }
    /// Choices that are computed, those of admitted prompts included.
    package var runningChoiceCount: Int { runningChoices }
    /// Blocks that admitted units may come to hold.
    package var reservedBlockCount: Int { reservedBlocks }

    /// Whether a running choice waits for its next token.
    package var isDecoding: Bool {
        running.contains { id in
            guard let state = states[id], !state.isPaused else { return false }
            return state.computed == state.unit.promptTokens
        }
    }

    /// Whether the unit could ever be admitted.
    package func canHold(_ unit: Unit) -> Bool {
        unit.choiceCount <= limits.choiceCount
            && unit.blockCount(blockTokens: limits.blockTokens) <= limits.blockCount
    }

    /// Appends a unit to the queue. `id` is the caller's and not in use; ``canHold(_:)`` must be true.
    package mutating func enqueue(_ id: Int, _ unit: Unit) {
        precondition(states[id] == nil && canHold(unit) && unit.promptTokens >= 0)
        precondition(!unit.branches.isEmpty && unit.branches.allSatisfy { $0.choiceCount > 0 })
        states[id] = State(unit)
        waiting.append(id)
    }

    /// Admits units from the head of the queue as long as they fit, and returns them.
    package mutating func admit() -> [Int] {
        var admitted: [Int] = []
        for id in waiting {
            guard let state = states[id] else { break }
            let blocks = state.unit.blockCount(blockTokens: limits.blockTokens)
            guard reservedBlocks + blocks <= limits.blockCount,
                runningChoices + state.unit.choiceCount <= limits.choiceCount
            else { break }
            reservedBlocks += blocks
            runningChoices += state.unit.choiceCount
            states[id]?.isAdmitted = true
            admitted.append(id)
        }
        waiting.removeFirst(admitted.count)
        running.append(contentsOf: admitted)
        return admitted
    }

    /// The next step, with at most `tokenBudget` rows where decoding leaves room for prompts. Empty if there is nothing
    /// to do.
    package func plan(tokenBudget: Int) -> [Work] {
        var plan: [Work] = []
        var rows = 0
        for id in running {
            guard let state = states[id], !state.isPaused, state.decodes else { continue }
            plan.append(.decode(unit: id))
            rows += state.runningChoices
        }
        var budget = max(tokenBudget - rows, limits.minimumPrefill)
        for id in running where budget > 0 {
            guard let state = states[id], !state.isPaused else { continue }
            let count = min(state.unit.promptTokens - state.computed, budget)
            if count > 0 {
                plan.append(.prefill(unit: id, range: state.computed..<state.computed + count))
                budget -= count
            }
            guard state.computed == state.unit.promptTokens else { continue }
            for (index, branch) in state.unit.branches.enumerated() where budget > 0 {
                let start = state.extended[index]
                let count = min(branch.promptTokens - start, budget)
                guard count > 0 else { continue }
                plan.append(.extend(unit: id, branch: index, range: start..<start + count))
                budget -= count
            }
        }
        return plan
    }

    /// Units whose prompt is to be computed further, in order of admission, and how much of it is.
    package var pendingPrompts: [(unit: Int, computed: Int)] {
        running.compactMap { id in
            guard let state = states[id], !state.isPaused, state.computed < state.unit.promptTokens else { return nil }
            return (id, state.computed)
        }
    }

    /// Notes that tokens of a unit's shared prompt were computed, or need not be.
    package mutating func prefilled(_ id: Int, upTo count: Int) {
        states[id]?.computed = count
    }

    /// Notes that tokens of a branch's own prompt were computed.
    package mutating func extended(_ id: Int, branch: Int, upTo count: Int) {
        states[id]?.extended[branch] = count
    }

    /// Notes that choices of a unit ended. Returns true if they were the unit's last; then the unit is gone.
    package mutating func choicesEnded(_ id: Int, count: Int = 1) -> Bool {
        guard var state = states[id] else { return false }
        state.runningChoices -= count
        if state.isAdmitted { runningChoices -= count }
        states[id] = state
        guard state.runningChoices == 0 else { return false }
        remove(id)
        return true
    }

    /// Removes a unit, wherever it is.
    package mutating func remove(_ id: Int) {
        guard let state = states.removeValue(forKey: id) else { return }
        if state.isAdmitted {
            running.removeAll { $0 == id }
            reservedBlocks -= state.unit.blockCount(blockTokens: limits.blockTokens)
            runningChoices -= state.runningChoices
        } else {
            waiting.removeAll { $0 == id }
        }
    }

    /// Leaves a unit out of the steps, or takes it in again.
    package mutating func setPaused(_ id: Int, _ isPaused: Bool) {
        states[id]?.isPaused = isPaused
    }
}
