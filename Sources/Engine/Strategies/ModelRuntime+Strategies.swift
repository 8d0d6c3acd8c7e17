// SPDX-License-Identifier: Apache-2.0

import Architectures
import Checkpoints
import Decoding
import Tokenizers

// What strategies other than sampling need of the runtime.
extension ModelRuntime {
    // MARK: The beginning

    /// Starts a unit whose branches have no token in common.
    func startWithoutTrunk(_ unit: ActiveUnit) {
        _ = table(of: unit)
        finishTrunk(unit)
        for lane in unit.lanes where lane.ownRows == 0 { announcePrompt(unit, lane) }
    }

    /// Notes that a branch's prompt is computed. A lane that is guided goes on once its guide is there, too.
    func finishBranch(_ unit: ActiveUnit, _ branch: ActiveLane) {
        branch.isReady = true
        let lane = branch.guided ?? branch
        guard lane.isReady, lane.guide?.isReady ?? true else { return }
        finishPrompt(unit, lane)
    }

    /// The beginning of one of a request's choices: its sampler, and its text, which is empty.
    func start(_ request: GenerationRequest, choice: Int = 0) throws(DecodingError) -> ChoiceStart {
        try ChoiceStart(
            request, choice: choice, tokenizer: model.info.tokenizer,
            vocabularySize: model.info.config.vocabularySize)
    }

    // MARK: Choices that need more than a draw

    /// Makes the choices of a lane start with the last token of its prompt, and gives each what its strategy needs.
    func prepare(_ unit: ActiveUnit, _ lane: ActiveLane) {
        guard lane.request.decodesPromptEnd else { return }
        for choice in lane.choices.compactMap({ $0 }) {
            choice.newest = lane.request.prompt.last ?? 0
            guard case .contrastive(let parameters) = lane.request.strategy, let context = lane.context else {
                continue
            }
            choice.contrast = ContrastiveChoice(
                lane.request, parameters, context: context, table: choice.table, sampler: choice.sampler,
                tokenizer: model.info.tokenizer)
        }
        lane.context = nil
        attachGuides(unit, lane)
    }

    private func attachGuides(_ unit: ActiveUnit, _ lane: ActiveLane) {
        guard let branch = lane.guide, let table = branch.table else { return }
        let prompt = branch.request.prompt
        let choices = lane.choices.compactMap { $0 }
        for choice in choices {
            let own =
                choice === choices.last
                ? table
                : table.fork(
                    tokenCount: branch.request.promptRowCount,
                    tokenCapacity: prompt.count + branch.request.maxTokens)
            guard let own else { return fail(unit.owner, cacheExhausted(unit)) }
            choice.guide = GuideSequence(table: own, prompt: prompt)
        }
        branch.table = nil
    }

    /// Remembers the hidden states that contrastive search compares.
    func keepStates(_ batch: StepBatch, _ states: HiddenStates) {
        func state(_ row: Int) -> UnsafeBufferPointer<Float> {
            UnsafeBufferPointer(start: states.pointer + row * states.columns, count: states.columns)
        }
        for (row, task) in batch.tasks.enumerated() {
            switch task {
            case .trunk(let unit, _): for lane in unit.lanes { lane.context?.append(state(row)) }
            case .contrast(_, _, _, let tried): tried.state = Array(state(row))
            default: break
            }
        }
    }

    /// The logits of the earlier layers that a row is contrasted with, behind its own.
    func layerLogits(_ task: RowTask, row: Int) -> [UnsafeBufferPointer<Float>] {
        guard case .mixed(_, let lane, _) = task, case .layerContrast(let layers) = lane.request.activeStrategy else {
            return []
        }
        let vocabularySize = model.info.config.vocabularySize
        return layers.enumerated().map { place, layer in
            let start = logits + (place + 1) * vocabularySize
            backend.logits(model.decoder, tapped: layer, row: row, into: start)
            return UnsafeBufferPointer(start: start, count: vocabularySize)
        }
    }

    // MARK: Searches

    func startSearch(_ unit: ActiveUnit, _ lane: ActiveLane, _ parameters: BeamParameters, _ table: BlockTable) {
        do throws(DecodingError) {
            let start = try start(lane.request)
            lane.search = BeamLane(
                lane.request, parameters, table: table, sampler: start.sampler, text: start.text,
                tokenizer: model.info.tokenizer)
            lane.table = nil
        } catch {
            fail(unit.owner, .decoding(error))
        }
    }

    /// Puts the sequences of a lane's search into the step. Returns false if the pool is empty.
    func assembleSearch(_ unit: ActiveUnit, _ lane: ActiveLane, into batch: inout StepBatch) -> Bool {
        for row in lane.search?.rows ?? [] {
            guard row.table.reserve(tokenCount: row.position + 1) else { return false }
            batch.append(unit, lane, row)
        }
        for choice in lane.choices.compactMap({ $0 }) {
            for row in choice.contrast?.rows ?? [] {
                guard row.table.reserve(tokenCount: row.position + 1) else { return false }
                batch.append(unit, lane, choice, row)
            }
        }
        return true
    }

    func expansion(
        _ unit: ActiveUnit, _ lane: ActiveLane, _ row: SearchRow, _ query: ExpansionQuery?,
        _ logits: UnsafeBufferPointer<Float>
    ) -> [RowJob] {
        guard let query else { return [] }
        return [
            RowJob(
                unit: unit, lane: lane, purpose: .expand(row, query), logits: logits, position: row.position + 1)
        ]
    }

    /// Lets every search whose sequences were computed in this step decide.
    func advanceSearches(_ batch: StepBatch) {
        var seen: Set<ObjectIdentifier> = []
        for task in batch.tasks {
            switch task {
            case .search(let unit, let lane, _) where seen.insert(ObjectIdentifier(lane)).inserted:
                guard units[unit.id] != nil, let search = lane.search else { continue }
                advance(unit, lane, search)
            case .contrast(let unit, let lane, let choice, _) where seen.insert(ObjectIdentifier(choice)).inserted:
                guard units[unit.id] != nil, let contrast = choice.contrast else { continue }
                advance(unit, lane, choice, contrast)
            default: break
            }
        }
    }

    private func advance(
        _ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice, _ contrast: ContrastiveChoice
    ) {
        let taken = contrast.take()
        let place = taken?.place ?? 0
        choice.table = contrast.table(at: place)
        if let taken {
            take(taken.token, unit, lane, choice)
            guard units[unit.id] != nil, lane.choices[choice.index] === choice else { return }
        }
        if !contrast.goOn(from: place) { fail(unit.owner, cacheExhausted(unit)) }
    }

    private func advance(_ unit: ActiveUnit, _ lane: ActiveLane, _ search: BeamLane) {
        do throws(DecodingError) {
            guard let step = try search.advance() else { return fail(unit.owner, cacheExhausted(unit)) }
            let count = search.decidedCount
            metrics.generatedTokens += UInt64(count)
            unit.owner.usages[lane.index].generatedTokens += count
            if lane.request.reportsSearch { emit(unit, .searched(index: lane.index, step)) }
            if search.isOver { close(unit, lane, search, .length) }
        } catch {
            fail(unit.owner, .decoding(error))
        }
    }

    /// Ends a search: sends the best of what it found. What it cut off ends by `reason`.
    func close(_ unit: ActiveUnit, _ lane: ActiveLane, _ search: BeamLane, _ reason: FinishReason) {
        search.close()
        lane.search = nil
        let results = search.results(cutBy: reason)
        for choice in 0..<lane.request.choiceCount {
            // Fewer are found where less can follow than is asked for: the others are empty.
            let result = results.indices.contains(choice) ? results[choice] : nil
            do throws(DecodingError) {
                if let result { try send(result, unit, lane, choice) }
            } catch {
                return fail(unit.owner, .decoding(error))
            }
            emit(unit, .finished(index: lane.index, choice: choice, reason: result?.reason ?? .exhausted))
            end(unit, lane)
        }
    }

    private func send(
        _ result: BeamLane.Result, _ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Int
    ) throws(DecodingError) {
        let request = lane.request
        var text = try start(request).text
        var output = TextAssembler.Output()
        func add(_ more: TextAssembler.Output) {
            output.text += more.text
            output.tokens += more.tokens
            output.stop = output.stop ?? more.stop
        }
        for token in result.tokens.dropLast() { add(text.append(token)) }
        if let last = result.tokens.last {
            if case .endToken(let id) = result.reason, !(request.includesStop && request.stopIDs.contains(id)) {
                add(text.finish(ending: last))
            } else {
                add(text.append(last))
                if output.stop == nil { add(text.finish()) }
            }
        }
        guard !output.isEmpty else { return }
        emit(unit, .delta(index: lane.index, choice: choice, text: output.text, tokens: output.tokens))
    }
}

extension ActiveLane {
    /// How many of the scheduler's sequences end with one of its choices, the last of which ends all that are left.
    var sequencesEnded: Int {
        guard let guide else {
            return remainingChoices > 0 ? 1 : request.sequenceCount - (request.choiceCount - 1)
        }
        // The guide's, too.
        guide.remainingChoices = remainingChoices
        return 2
    }
}
