// SPDX-License-Identifier: Apache-2.0

import Architectures
import Checkpoints
import Compute
import Decoding
import Tokenizers

/// A token that a choice drew in this step.
private struct Draw {
    let unit: ActiveUnit
    let lane: ActiveLane
    let choice: Choice
    let token: ReportedToken
    var divergence: Divergence?
}

/// A row whose logits follow some guesses of a choice.
private struct AheadRow {
    let job: RowJob
    let choice: Choice
    let guesses: Int

    /// Whether the choice goes on and its text is as guessed up to here.
    var isDue: Bool {
        let lane = job.lane
        guard lane.choices.indices.contains(choice.index), lane.choices[choice.index] === choice else { return false }
        guard choice.position == choice.draftStart + guesses else { return false }
        return guesses == 0 || choice.newest == choice.draft[guesses - 1]
    }
}

/// One model's state on the engine's thread: cache, scheduler, and the groups that wait or run.
final class ModelRuntime {
    let model: LoadedModel
    private let kernels: Kernels
    let backend: InferenceBackend
    let pool: BlockPool
    let logits: UnsafeMutablePointer<Float>
    /// One per thread of the pool.
    private let workspaces: UnsafeMutablePointer<SamplingWorkspace>
    var scheduler: Scheduler
    private var timer: StepTimer
    var units: [Int: ActiveUnit] = [:]
    private var groups: [ActiveGroup] = []
    private var nextUnit = 0
    var metrics = EngineMetrics()

    /// The runtime of a model, or nil if the cache's address range cannot be had.
    init?(_ model: LoadedModel, kernels: Kernels) {
        guard
            let pool = BlockPool(
                layout: model.layout, blockCount: model.blockCount, keepsPrefixes: model.options.keepsPrefixes)
        else { return nil }
        self.model = model
        self.kernels = kernels
        self.pool = pool
        backend = InferenceBackend(
            kernels: kernels, config: model.info.config, contextLength: model.info.contextLength,
            layout: model.layout, arenaFloatCount: model.arenaFloatCount)
        logits = .allocate(capacity: EngineStep.logitRows * model.info.config.vocabularySize)
        workspaces = .allocate(capacity: kernels.pool.threadCount)
        for thread in 0..<kernels.pool.threadCount { (workspaces + thread).initialize(to: SamplingWorkspace()) }
        scheduler = Scheduler(limits: model.schedulerLimits)
        timer = StepTimer(target: model.options.stepDuration, limit: EngineStep.prefillLimit)
        metrics.totalBlocks = model.blockCount
        metrics.blockTokens = KVLayout.blockTokens
    }

    deinit {
        logits.deallocate()
        workspaces.deinitialize(count: kernels.pool.threadCount)
        workspaces.deallocate()
    }

    /// Whether any group is here.
    var isIdle: Bool { groups.isEmpty }

    /// Takes a group in. Its requests were validated.
    func add(_ group: Group) {
        let owner = ActiveGroup(group)
        groups.append(owner)
        let shared = group.work.sharedTokens
        let lanes = group.requests.enumerated().map { index, request in
            ActiveLane(
                index: index, request: request, sharedTokens: shared > 0 ? shared : request.ownTrunkCount,
                width: model.info.config.width)
        }
        let parts = shared > 0 ? [lanes] : lanes.map { [$0] }
        for (part, needs) in zip(parts, Scheduler.Unit.units(of: group.work)) {
            let trunk = part.first.map { Array($0.request.prompt.prefix(needs.promptTokens)) } ?? []
            let unit = ActiveUnit(id: nextUnit, owner: owner, trunk: trunk, lanes: part)
            nextUnit += 1
            owner.units.insert(unit.id)
            units[unit.id] = unit
            scheduler.enqueue(unit.id, needs)
        }
    }

    /// Looks after cancellations and time limits, then computes one step. Returns false if there was nothing to compute.
    func step() -> Bool {
        let now = ContinuousClock.now
        attendToGroups(now)
        for id in scheduler.admit() {
            guard let unit = units[id] else { continue }
            unit.started = now
            unit.owner.hasStarted = true
            for lane in unit.lanes { unit.owner.usages[lane.index].queueDuration = now - unit.owner.group.submitted }
            if unit.trunk.isEmpty { startWithoutTrunk(unit) }
        }
        takeUpPrefixes()
        let budget = timer.rowBudget(isDecoding: scheduler.isDecoding)
        let work = scheduler.plan(tokenBudget: budget)
        defer { updateGauges() }
        guard !work.isEmpty else { return false }
        var batch = StepBatch()
        var draftRoom = draftRoom(beside: work, budget: budget)
        for item in work { assemble(item, into: &batch, &draftRoom) }
        guard !batch.inference.ids.isEmpty else { return false }
        compute(batch)
        metrics.steps += 1
        metrics.promptTokens += UInt64(batch.prefillRows)
        timer.record(rows: batch.inference.ids.count, duration: ContinuousClock.now - now)
        return true
    }

    /// Ends everything with an error.
    func failAll(_ error: EngineError) {
        for group in groups { fail(group, error) }
    }

    // MARK: Before a step

    private func attendToGroups(_ now: ContinuousClock.Instant) {
        for group in groups {
            if group.group.isCancelled {
                fail(group, .cancelled)
            } else if !group.hasStarted, now - group.group.submitted > model.options.queueTimeout {
                fail(group, .queueTimeout)
            } else {
                attend(to: group, now)
            }
        }
    }

    private func attend(to group: ActiveGroup, _ now: ContinuousClock.Instant) {
        if group.group.isPaused != group.isPaused {
            group.isPaused.toggle()
            for id in group.units { scheduler.setPaused(id, group.isPaused) }
            if let since = group.pausedSince { group.pausedTime += now - since }
            group.pausedSince = group.isPaused ? now : nil
        }
        // Who reads slowly holds the cache: as long as nobody else wants it.
        if scheduler.waitingCount > 0, let since = group.pausedSince,
            group.pausedTime + (now - since) > model.options.pauseLimit
        {
            return fail(group, .readerTooSlow)
        }
        for id in group.units.sorted() {
            guard let unit = units[id] else { continue }
            for lane in unit.lanes where lane.remainingChoices > 0 {
                guard let deadline = lane.request.deadline, deadline < now else { continue }
                if let search = lane.search {
                    close(unit, lane, search, .deadline)
                } else if lane.choices.isEmpty {
                    finishAll(unit, lane, .deadline)
                } else {
                    // The newest token was drawn, not computed.
                    for choice in lane.choices.compactMap({ $0 }) {
                        finish(unit, lane, choice, .deadline, computed: choice.position)
                    }
                }
            }
        }
    }

    /// Spares prompts what the cache still has. A prompt whose log-probabilities or hidden states are asked for needs
    /// every row, and the last row is always needed.
    private func takeUpPrefixes() {
        for (id, computed) in scheduler.pendingPrompts {
            guard let unit = units[id], !unit.reportsTrunk else { continue }
            let found = table(of: unit).takeUp(unit.trunk.dropLast(), after: computed)
            guard found > computed else { continue }
            scheduler.prefilled(id, upTo: found)
            // To the other lanes all of the trunk counts as spared.
            if let lane = unit.lanes.first { unit.owner.usages[lane.index].cachedTokens += found - computed }
            metrics.cachedTokens += UInt64(found - computed)
        }
    }

    func table(of unit: ActiveUnit) -> BlockTable {
        let table = unit.table ?? BlockTable(pool: pool, tokenCapacity: unit.tokenCapacity)
        unit.table = table
        return table
    }

    // MARK: The step

    /// How many guesses a step has time for beside its work: these are also rows of the step, for which there is memory.
    private func draftRoom(beside work: [Scheduler.Work], budget: Int) -> Int {
        let prompts = work.reduce(0) { rows, item in
            switch item {
            case .prefill(_, let range), .extend(_, _, let range): rows + range.count
            case .decode: rows
            }
        }
        return budget - prompts - scheduler.runningChoiceCount
    }

    private func assemble(_ work: Scheduler.Work, into batch: inout StepBatch, _ draftRoom: inout Int) {
        switch work {
        case .prefill(let id, let range):
            guard let unit = units[id] else { return }
            let table = table(of: unit)
            guard table.reserve(tokenCount: range.upperBound) else {
                return fail(unit.owner, cacheExhausted(unit))
            }
            batch.append(unit, range, table: table)
        case .extend(let id, let place, let range):
            guard let unit = units[id] else { return }
            guard let table = unit.branches[place].table else {
                // Its deadline ended the lane.
                return scheduler.extended(id, branch: place, upTo: unit.branches[place].ownRows)
            }
            guard table.reserve(tokenCount: unit.trunk.count + range.upperBound) else {
                return fail(unit.owner, cacheExhausted(unit))
            }
            batch.append(unit, lane: place, range, table: table)
        case .decode(let id):
            guard let unit = units[id] else { return }
            for lane in unit.lanes {
                guard assembleSearch(unit, lane, into: &batch) else { return fail(unit.owner, cacheExhausted(unit)) }
                for choice in lane.choices.compactMap({ $0 }) where choice.contrast == nil {
                    guess(unit, lane, choice, &draftRoom)
                    guard choice.table.reserve(tokenCount: choice.position + 1 + choice.draft.count),
                        choice.guide?.reserve(choice) ?? true
                    else {
                        return fail(unit.owner, cacheExhausted(unit))
                    }
                    if let guide = choice.guide {
                        batch.append(unit, lane, choice, guide: guide)
                    } else {
                        batch.append(unit, lane, choice)
                    }
                }
            }
        }
    }

    /// Guesses how a choice goes on. Not where choices are compared token by token: these go side by side.
    private func guess(_ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice, _ room: inout Int) {
        choice.draftStart = choice.position
        choice.draft = []
        guard let lookup = lane.request.lookup, !unit.owner.group.work.reportsDivergence else { return }
        // The draw after the last guess is the last that may be made.
        let limit = min(room, lane.request.maxTokens - choice.generated - 1)
        choice.draft = lookup.draft(after: lane.request.prompt + choice.ids, limit: limit)
        room -= choice.draft.count
        unit.owner.usages[lane.index].draftTokens += choice.draft.count
        metrics.draftTokens += UInt64(choice.draft.count)
    }

    private func compute(_ batch: StepBatch) {
        let states = backend.hidden(model.decoder, batch.inference)
        keepStates(batch, states)
        let isSound = !model.isDamaged
        for (unit, count) in batch.prefills where units[unit.id] != nil {
            scheduler.prefilled(unit.id, upTo: count)
            if isSound { unit.table?.share(unit.trunk, tokenCount: count) }
            if count == unit.trunk.count { finishTrunk(unit) }
        }
        for (unit, place, count) in batch.extensions where units[unit.id] != nil {
            let lane = unit.branches[place]
            scheduler.extended(unit.id, branch: place, upTo: count)
            if isSound { lane.table?.share(lane.request.prompt, tokenCount: unit.trunk.count + count) }
            if count == lane.ownRows { finishBranch(unit, lane) }
        }
        let vocabularySize = model.info.config.vocabularySize
        var start = 0
        for (row, task) in batch.tasks.enumerated() {
            for lane in task.embeddedLanes { lane.add(states, row: row) }
        }
        while start < states.rows {
            guard batch.tasks[start].needsLogits else {
                start += 1
                continue
            }
            let range = start..<batch.chunkEnd(from: start, of: states.rows)
            backend.logits(model.decoder, states, rows: range, into: logits)
            let extra = layerLogits(batch.tasks[start], row: start)
            var jobs: [RowJob] = []
            var ahead: [AheadRow] = []
            for row in range {
                let buffer = UnsafeBufferPointer(
                    start: logits + (row - start) * vocabularySize, count: vocabularySize)
                if case .ahead(let unit, let lane, let choice, let guesses) = batch.tasks[row] {
                    let job = RowJob(
                        unit: unit, lane: lane, purpose: .draw(choice), logits: buffer,
                        position: choice.draftStart + 1 + guesses)
                    ahead.append(AheadRow(job: job, choice: choice, guesses: guesses))
                } else {
                    let next = UnsafeBufferPointer(
                        start: logits + (row - start + 1) * vocabularySize, count: vocabularySize)
                    jobs += self.jobs(batch.tasks[row], buffer, beside: extra.isEmpty ? [next] : extra)
                }
            }
            run(jobs)
            runAhead(ahead)
            start = range.upperBound
        }
        guard !model.isDamaged else {
            drawn.removeAll()
            return failAll(.weightsLost)
        }
        for (unit, count) in batch.prefills where count == unit.trunk.count {
            for lane in unit.lanes where lane.ownRows == 0 { announcePrompt(unit, lane) }
        }
        for (unit, place, count) in batch.extensions
        where place < unit.lanes.count && count == unit.lanes[place].ownRows {
            announcePrompt(unit, unit.lanes[place])
        }
        takeDraws()
        advanceSearches(batch)
    }

    private var drawn: [Draw] = []

    private func jobs(
        _ task: RowTask, _ logits: UnsafeBufferPointer<Float>, beside others: [UnsafeBufferPointer<Float>]
    ) -> [RowJob] {
        switch task {
        case .trunk(let unit, let position):
            unit.lanes.flatMap { jobs(unit, $0, after: position, logits) }
        case .own(let unit, let lane, let position): jobs(unit, lane, after: position, logits)
        case .next(let unit, let lane, let choice): [draw(unit, lane, choice, logits)]
        case .ahead: []
        case .mixed(let unit, let lane, let choice): [draw(unit, lane, choice, logits, beside: others)]
        case .guide: []
        case .search(let unit, let lane, let row): expansion(unit, lane, row, lane.search?.query, logits)
        case .contrast(let unit, let lane, let choice, let row):
            expansion(unit, lane, row, choice.contrast?.query, logits)
        }
    }

    private func draw(
        _ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice, _ logits: UnsafeBufferPointer<Float>,
        beside others: [UnsafeBufferPointer<Float>] = []
    ) -> RowJob {
        RowJob(
            unit: unit, lane: lane, purpose: .draw(choice), logits: logits, position: choice.position + 1,
            others: others)
    }

    /// What a lane wants to know of the logits after the token at `position` of its prompt.
    private func jobs(
        _ unit: ActiveUnit, _ lane: ActiveLane, after position: Int, _ logits: UnsafeBufferPointer<Float>
    ) -> [RowJob] {
        let request = lane.request
        guard lane.remainingChoices > 0, lane.wantsLogits(after: position) else { return [] }
        let next = position + 1
        if next < request.prompt.count {
            return [
                RowJob(
                    unit: unit, lane: lane, purpose: .report(request.prompt[next]), logits: logits, position: next)
            ]
        }
        var jobs = lane.choices.compactMap { $0 }.map { draw(unit, lane, $0, logits) }
        if let query = request.distributions {
            jobs.append(RowJob(unit: unit, lane: lane, purpose: .compare(query), logits: logits, position: next))
        }
        return jobs
    }

    private func run(_ jobs: [RowJob]) {
        let results = UnsafeMutablePointer<RowResult>.allocate(capacity: jobs.count)
        let tokenizer = model.info.tokenizer
        kernels.pool.run(chunkCount: jobs.count) { index, thread in
            (results + index).initialize(to: jobs[index].run(tokenizer, kernels, &workspaces[thread]))
        }
        var draws: [(place: Int, job: RowJob)] = []
        for (index, job) in jobs.enumerated() {
            let result = (results + index).move()
            switch (job.purpose, result) {
            case (.draw(let choice), .success(.token(let token))):
                choice.drawn = token.id
                draws.append((drawn.count, job))
                drawn.append(Draw(unit: job.unit, lane: job.lane, choice: choice, token: token))
            case (.expand(let row, _), .success(.expansion(let expansion))): row.expansion = expansion
            case (_, .success(.expansion)): break
            case (_, .success(.token(let token))): job.lane.promptTokens.append(token)
            case (_, .success(.distributions(let report))): job.lane.distributions = report
            case (_, .failure(let error)): fail(job.unit.owner, error)
            }
        }
        results.deallocate()
        explainDivergences(draws)
    }

    /// Draws from rows that guesses were computed for, of each choice one after the other, as long as its guesses come
    /// true: the token that is drawn is that of a step of its own.
    private func runAhead(_ rows: [AheadRow]) {
        for guesses in Set(rows.map(\.guesses)).sorted() {
            guard !model.isDamaged else { return }
            let due = rows.filter { $0.guesses == guesses && $0.isDue && units[$0.job.unit.id] != nil }
            let before = drawn.count
            run(due.map(\.job))
            let draws = drawn[before...]
            drawn.removeLast(draws.count)
            for draw in draws where units[draw.unit.id] != nil {
                if guesses > 0 {
                    draw.unit.owner.usages[draw.lane.index].acceptedDraftTokens += 1
                    metrics.acceptedDraftTokens += 1
                }
                take(draw.token, draw.unit, draw.lane, draw.choice)
            }
        }
    }

    private func takeDraws() {
        for draw in drawn where units[draw.unit.id] != nil {
            if let divergence = draw.divergence {
                emit(draw.unit, .diverged(index: draw.lane.index, choice: draw.choice.index, divergence))
            }
        }
        for draw in drawn where units[draw.unit.id] != nil { take(draw.token, draw.unit, draw.lane, draw.choice) }
        drawn.removeAll(keepingCapacity: true)
    }

    // MARK: Comparison

    /// Finds the draws that part from those of the first lane, while their logits are at hand: up to here both had the
    /// same past, so that the logits are the same bits for both.
    private func explainDivergences(_ draws: [(place: Int, job: RowJob)]) {
        var parting: [(place: Int, logits: RowJob, choice: Choice, reference: Choice)] = []
        for (place, job) in draws {
            let choice = drawn[place].choice
            guard job.unit.owner.group.work.reportsDivergence, choice.followsReference,
                let leader = job.unit.lanes.first, leader !== job.lane
            else { continue }
            guard leader.choices.indices.contains(choice.index), let reference = leader.choices[choice.index],
                reference.position == choice.position
            else {
                choice.followsReference = false  // The reference is over.
                continue
            }
            guard reference.drawn != choice.drawn else { continue }
            choice.followsReference = false
            parting.append((place, job, choice, reference))
        }
        guard !parting.isEmpty else { return }
        let results = UnsafeMutablePointer<Divergence?>.allocate(capacity: parting.count)
        defer { results.deallocate() }
        kernels.pool.run(chunkCount: parting.count) { index, thread in
            let (_, row, choice, reference) = parting[index]
            var divergence: Divergence?
            if let left = reference.drawn, let right = choice.drawn {
                // Both chains have just run on these logits: they do not throw now.
                divergence = try? Divergence(
                    logits: row.logits, position: row.position, reference: (reference.sampler, left),
                    other: (choice.sampler, right), workspace: &workspaces[thread])
            }
            (results + index).initialize(to: divergence)
        }
        for (index, entry) in parting.enumerated() { drawn[entry.place].divergence = (results + index).move() }
    }

    // MARK: After a prompt

    /// Hands the trunk's blocks to the lanes that go on from it, the last of which takes them over.
    func finishTrunk(_ unit: ActiveUnit) {
        let heirs = unit.branches.filter { $0.needsTable && $0.remainingChoices > 0 }
        for lane in heirs {
            let isLast = lane === heirs.last
            lane.table =
                isLast ? unit.table : unit.table?.fork(tokenCount: unit.trunk.count, tokenCapacity: unit.tokenCapacity)
            guard lane.table != nil else { return fail(unit.owner, cacheExhausted(unit)) }
            if lane.ownRows == 0 { finishBranch(unit, lane) }
        }
        unit.table = nil
    }

    func finishPrompt(_ unit: ActiveUnit, _ lane: ActiveLane) {
        let request = lane.request
        guard request.maxTokens > 0, let table = lane.table else {
            lane.table = nil
            return
        }
        if case .beam(let parameters) = request.strategy { return startSearch(unit, lane, parameters, table) }
        for index in 0..<request.choiceCount {
            let isLast = index == request.choiceCount - 1
            let own =
                isLast
                ? table
                : table.fork(
                    tokenCount: request.prompt.count, tokenCapacity: request.prompt.count + request.maxTokens)
            guard let own else { return fail(unit.owner, cacheExhausted(unit)) }
            do throws(DecodingError) {
                let start =
                    if let start = request.start { start } else { try self.start(request, choice: index) }
                lane.choices.append(
                    Choice(
                        index: index, table: own, start: start, promptCount: request.prompt.count,
                        followsReference: lane.index > 0))
            } catch {
                return fail(unit.owner, .decoding(error))
            }
        }
        lane.table = nil
        prepare(unit, lane)
    }

    func announcePrompt(_ unit: ActiveUnit, _ lane: ActiveLane) {
        guard units[unit.id] != nil, lane.remainingChoices > 0 else { return }
        let now = ContinuousClock.now
        let request = lane.request
        lane.firstToken = now
        unit.owner.usages[lane.index].prefillDuration = now - (unit.started ?? now)
        var tokens = lane.promptTokens
        lane.promptTokens = []
        if request.reportsPromptLogprobs, request.promptLogprobStart == 0, let first = request.prompt.first {
            let bytes = RowJob.bytes(of: first, request, model.info.tokenizer)
            tokens.insert(ReportedToken(id: first, bytes: bytes, logprob: nil, top: []), at: 0)
        }
        emit(unit, .prompt(index: lane.index, tokens: tokens))
        if let report = lane.distributions {
            lane.distributions = nil
            emit(unit, .distributions(index: lane.index, report))
        }
        if request.reportsEmbedding {
            let embedding = lane.stateSum.map { Float($0 / Double(request.prompt.count)) }
            lane.stateSum = []
            guard embedding.allSatisfy(\.isFinite) else {
                return fail(unit.owner, .nonFiniteLogits(position: request.prompt.count - 1))
            }
            emit(unit, .embedding(index: lane.index, embedding))
        }
        if request.maxTokens == 0 { finishAll(unit, lane, .length) }
    }

    /// Ends all choices of a lane that has none yet.
    func finishAll(_ unit: ActiveUnit, _ lane: ActiveLane, _ reason: FinishReason) {
        lane.table = nil
        lane.guide?.table = nil
        for index in 0..<lane.request.choiceCount {
            emit(unit, .finished(index: lane.index, choice: index, reason: reason))
            end(unit, lane)
        }
    }

    // MARK: After a draw

    func take(_ token: ReportedToken, _ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice) {
        let request = lane.request
        choice.generated += 1
        metrics.generatedTokens += 1
        unit.owner.usages[lane.index].generatedTokens += 1
        let taken = TakenToken(
            token, request, tokenizer: model.info.tokenizer, sampler: &choice.sampler, text: &choice.text)
        emit(unit, lane, choice, taken.output)
        if let reason = taken.reason {
            finish(unit, lane, choice, reason, ending: taken.ending)
        } else if choice.generated == request.maxTokens {
            finish(unit, lane, choice, .length)
        } else {
            choice.ids.append(token.id)
            choice.newest = token.id
            choice.position += 1
        }
    }

    /// Ends a choice of which the cache holds the first `computed` tokens; nil: all up to the one that was gone on
    /// from.
    private func finish(
        _ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice, _ reason: FinishReason,
        ending: ReportedToken? = nil, computed: Int? = nil
    ) {
        if case .stopString = reason {} else { emit(unit, lane, choice, choice.text.finish(ending: ending)) }
        choice.table.share(
            lane.request.prompt + choice.ids, tokenCount: computed ?? choice.position + 1, isFinal: true)
        lane.choices[choice.index] = nil
        emit(unit, .finished(index: lane.index, choice: choice.index, reason: reason))
        end(unit, lane)
    }

    /// Notes that one of the lane's choices is over.
    func end(_ unit: ActiveUnit, _ lane: ActiveLane) {
        let owner = unit.owner
        lane.remainingChoices -= 1
        if lane.remainingChoices == 0 {
            owner.usages[lane.index].decodeDuration = ContinuousClock.now - (lane.firstToken ?? .now)
        }
        guard scheduler.choicesEnded(unit.id, count: lane.sequencesEnded) else { return }
        units[unit.id] = nil
        owner.units.remove(unit.id)
        guard owner.units.isEmpty else { return }
        groups.removeAll { $0 === owner }
        metrics.completedGroups += 1
        owner.group.sink(.completed(owner.usages))
    }

    func fail(_ owner: ActiveGroup, _ error: EngineError) {
        guard !owner.units.isEmpty else { return }
        for id in owner.units {
            scheduler.remove(id)
            units[id] = nil
        }
        owner.units = []
        groups.removeAll { $0 === owner }
        if error == .cancelled { metrics.cancelledGroups += 1 } else { metrics.failedGroups += 1 }
        owner.group.sink(.failed(error))
    }

    func cacheExhausted(_ unit: ActiveUnit) -> EngineError {
        .cacheOverflow(
            neededTokens: unit.tokenCapacity,
            capacityTokens: pool.blockCount * KVLayout.blockTokens)
    }

    func emit(_ unit: ActiveUnit, _ event: GenerationEvent) {
        unit.owner.group.sink(event)
    }

    private func emit(
        _ unit: ActiveUnit, _ lane: ActiveLane, _ choice: Choice, _ output: TextAssembler.Output
    ) {
        guard !output.isEmpty else { return }
        emit(unit, .delta(index: lane.index, choice: choice.index, text: output.text, tokens: output.tokens))
    }

    private func updateGauges() {
        metrics.runningSequences = scheduler.runningChoiceCount
        metrics.waitingSequences = scheduler.waitingCount
        metrics.usedBlocks = pool.blockCount - pool.freeCount
        metrics.idleBlocks = pool.idleCount
    }

    /// Groups that have not started yet.
    var waitingGroupCount: Int { groups.reduce(0) { $0 + ($1.hasStarted ? 0 : 1) } }
}

extension ActiveLane {
    /// Adds a hidden state to the sum; rows come in order of position, however the prompt is cut into steps.
    fileprivate func add(_ states: HiddenStates, row: Int) {
        let state = UnsafeBufferPointer(start: states.pointer + row * states.columns, count: states.columns)
        if stateSum.isEmpty { stateSum = Array(repeating: 0, count: states.columns) }
        for (column, value) in state.enumerated() { stateSum[column] += Double(value) }
    }
}

extension LoadedModel {
    /// What the scheduler may admit.
    var schedulerLimits: Scheduler.Limits {
        Scheduler.Limits(
            choiceCount: options.choiceLimit, blockCount: blockCount, blockTokens: KVLayout.blockTokens)
    }
}
