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

/// What a row of logits is wanted for.
enum RowTask {
    /// To report on the prompt token that follows the row's own.
    case promptToken(ActiveUnit, position: Int)
    /// To draw the first token of each choice.
    case promptEnd(ActiveUnit)
    /// To draw the next token of a choice.
    case next(ActiveUnit, Choice)
}

/// One forward pass and what it is for.
struct StepBatch {
    /// The rows.
    var inference = InferenceBatch()
    /// What the logits of each output are wanted for.
    var tasks: [RowTask] = []
    /// Units whose prompt is computed to this many tokens afterwards.
    var prefills: [(unit: ActiveUnit, upTo: Int)] = []

    /// Prompt tokens in it.
    var prefillRows: Int { inference.ids.count - decodeRows }
    /// Choices whose newest token is in it.
    var decodeRows = 0

    /// Appends tokens of a unit's prompt.
    mutating func append(_ unit: ActiveUnit, _ range: Range<Int>, table: BlockTable) {
        let prompt = unit.request.prompt
        for position in range {
            let isLast = position == prompt.count - 1
            let task: RowTask? =
                if isLast {
                    unit.request.maxTokens > 0 ? .promptEnd(unit) : nil
                } else {
                    unit.request.reportsPromptLogprobs ? .promptToken(unit, position: position + 1) : nil
                }
            inference.append(
                id: prompt[position], row: AttentionRow(position: Int32(position), blocks: table.addresses),
                wantsOutput: task != nil)
            if let task { tasks.append(task) }
        }
        prefills.append((unit, range.upperBound))
    }

    /// Appends the newest token of a choice.
    mutating func append(_ unit: ActiveUnit, _ choice: Choice) {
        inference.append(
            id: choice.newest,
            row: AttentionRow(position: Int32(choice.position), blocks: choice.table.addresses), wantsOutput: true)
        tasks.append(.next(unit, choice))
        decodeRows += 1
    }
}
