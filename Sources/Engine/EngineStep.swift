// SPDX-License-Identifier: Apache-2.0

import Architectures
import Compute

/// Sizes of a step. Results do not depend on them.
enum EngineStep {
    /// Prompt tokens that a step takes at most.
    static let prefillLimit = 512
    /// Rows of logits that are in memory at once.
    static let logitRows = 32
}

/// What an output row is wanted for.
enum RowTask {
    /// What follows a token of the trunk, for every lane that wants to know.
    case trunk(ActiveUnit, position: Int)
    /// What follows a token of a lane's own prompt.
    case own(ActiveUnit, ActiveLane, position: Int)
    /// To draw the next token of a choice that has no guesses.
    case next(ActiveUnit, ActiveLane, Choice)
    /// To draw what follows so many guesses of a choice, if these come true.
    case ahead(ActiveUnit, ActiveLane, Choice, guesses: Int)
    /// To draw the next token of a choice from these logits and others: those of the row after it, which guides it, or
    /// those of earlier layers.
    case mixed(ActiveUnit, ActiveLane, Choice)
    /// To guide the row before this one.
    case guide
    /// To decide what follows a sequence of a search.
    case search(ActiveUnit, ActiveLane, SearchRow)
    /// To decide which token of a choice that tries several is taken.
    case contrast(ActiveUnit, ActiveLane, Choice, SearchRow)

    /// Whether logits are wanted, not the hidden state alone.
    var needsLogits: Bool {
        switch self {
        case .trunk(let unit, let position): unit.lanes.contains { $0.wantsLogits(after: position) }
        case .own(_, let lane, let position): lane.wantsLogits(after: position)
        case .next, .ahead, .mixed, .guide, .search, .contrast: true
        }
    }

    /// The lanes that want the hidden state.
    var embeddedLanes: [ActiveLane] {
        switch self {
        case .trunk(let unit, _): unit.lanes.filter(\.request.reportsEmbedding)
        case .own(_, let lane, _): lane.request.reportsEmbedding ? [lane] : []
        case .next, .ahead, .mixed, .guide, .search, .contrast: []
        }
    }
}

/// One forward pass and what it is for.
struct StepBatch {
    /// The rows.
    var inference = InferenceBatch()
    /// What the logits of each output are wanted for.
    var tasks: [RowTask] = []
    /// Units whose trunk is computed to this many tokens afterwards.
    var prefills: [(unit: ActiveUnit, upTo: Int)] = []
    /// Branches of which this many tokens of their own prompt are computed afterwards; the place is that in the unit.
    var extensions: [(unit: ActiveUnit, lane: Int, upTo: Int)] = []

    /// Prompt tokens in it.
    var prefillRows: Int { inference.ids.count - decodeRows }
    /// Newest tokens of choices, and guesses.
    var decodeRows = 0

    /// Appends tokens of a unit's trunk.
    mutating func append(_ unit: ActiveUnit, _ range: Range<Int>, table: BlockTable) {
        for position in range {
            let isWanted = unit.lanes.contains { $0.context != nil || $0.wantsOutput(after: position) }
            inference.append(
                id: unit.trunk[position], row: AttentionRow(position: Int32(position), blocks: table.addresses),
                wantsOutput: isWanted)
            if isWanted { tasks.append(.trunk(unit, position: position)) }
        }
        prefills.append((unit, range.upperBound))
    }

    /// Appends tokens of a lane's own prompt, counted from the trunk's end.
    mutating func append(_ unit: ActiveUnit, lane place: Int, _ range: Range<Int>, table: BlockTable) {
        let lane = unit.branches[place]
        for offset in range {
            let position = unit.trunk.count + offset
            let isWanted = lane.wantsOutput(after: position)
            inference.append(
                id: lane.request.prompt[position],
                row: AttentionRow(position: Int32(position), blocks: table.addresses), wantsOutput: isWanted)
            if isWanted { tasks.append(.own(unit, lane, position: position)) }
        }
        extensions.append((unit, place, range.upperBound))
    }

    /// Appends the newest token of a choice, and what is guessed to follow it.
    mutating func append(_ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice) {
        inference.append(
            id: choice.newest,
            row: AttentionRow(position: Int32(choice.position), blocks: choice.table.addresses), wantsOutput: true)
        if case .layerContrast(let layers) = lane.request.activeStrategy {
            inference.tappedLayers = Set(inference.tappedLayers + layers).sorted()
            tasks.append(.mixed(unit, lane, choice))
        } else {
            tasks.append(choice.draft.isEmpty ? .next(unit, lane, choice) : .ahead(unit, lane, choice, guesses: 0))
        }
        for (index, id) in choice.draft.enumerated() {
            inference.append(
                id: id,
                row: AttentionRow(position: Int32(choice.position + 1 + index), blocks: choice.table.addresses),
                wantsOutput: true)
            tasks.append(.ahead(unit, lane, choice, guesses: index + 1))
        }
        decodeRows += 1 + choice.draft.count
    }

    /// Appends the newest token of a choice, after its prompt and after the one that guides it.
    mutating func append(_ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice, guide: GuideSequence) {
        inference.append(
            id: choice.newest,
            row: AttentionRow(position: Int32(choice.position), blocks: choice.table.addresses), wantsOutput: true)
        tasks.append(.mixed(unit, lane, choice))
        inference.append(
            id: choice.generated == 0 ? guide.promptEnd : choice.newest,
            row: AttentionRow(position: Int32(guide.position(choice)), blocks: guide.table.addresses), wantsOutput: true
        )
        tasks.append(.guide)
        decodeRows += 2
    }

    /// Appends the newest token of a search's sequence.
    mutating func append(_ unit: ActiveUnit, _ lane: ActiveLane, _ row: SearchRow) {
        inference.append(
            id: row.newest, row: AttentionRow(position: Int32(row.position), blocks: row.table.addresses),
            wantsOutput: true)
        tasks.append(.search(unit, lane, row))
        decodeRows += 1
    }

    /// Appends what a choice tries: the newest token of a sequence of its own.
    mutating func append(_ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice, _ row: SearchRow) {
        inference.append(
            id: row.newest, row: AttentionRow(position: Int32(row.position), blocks: row.table.addresses),
            wantsOutput: true)
        tasks.append(.contrast(unit, lane, choice, row))
        decodeRows += 1
    }

    /// Where a chunk of rows that begins at `start` ends, so that all the logits that a row needs are in memory at once:
    /// those of its guide or of earlier layers, beside which there is no room for other rows.
    func chunkEnd(from start: Int, of count: Int) -> Int {
        if usesLayers(start) { return start + 1 }
        let limit = min(start + EngineStep.logitRows, count)
        var end = start + 1
        while end < limit, tasks[end].needsLogits, !usesLayers(end) { end += 1 }
        if end < count, case .guide = tasks[end] { return end - 1 }
        return end
    }

    private func usesLayers(_ row: Int) -> Bool {
        guard case .mixed(_, let lane, _) = tasks[row], case .layerContrast = lane.request.activeStrategy else {
            return false
        }
        return true
    }
}
