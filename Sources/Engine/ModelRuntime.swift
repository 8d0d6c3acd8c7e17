// SPDX-License-Identifier: Apache-2.0

import Architectures
import Checkpoints
import Compute
import Decoding
import Tokenizers

/// One model's state on the engine's thread: cache, scheduler, and the groups that wait or run.
final class ModelRuntime {
    private let model: LoadedModel
    private let kernels: Kernels
    private let backend: InferenceBackend
    private let pool: BlockPool
    private let logits: UnsafeMutablePointer<Float>
    /// One per thread of the pool.
    private let workspaces: UnsafeMutablePointer<SamplingWorkspace>
    private var scheduler: Scheduler
    private var timer: StepTimer
    private var units: [Int: ActiveUnit] = [:]
    private var groups: [ActiveGroup] = []
    private var nextUnit = 0
    private(set) var metrics = EngineMetrics()

    /// The runtime of a model, or nil if the cache's address range cannot be had.
    init?(_ model: LoadedModel, kernels: Kernels) {
        guard let pool = BlockPool(layout: model.layout, blockCount: model.blockCount) else { return nil }
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
        var active: [ActiveUnit] = []
        let owner = ActiveGroup(group, units: Set(nextUnit..<nextUnit + group.requests.count))
        for (index, request) in group.requests.enumerated() {
            active.append(ActiveUnit(id: nextUnit, owner: owner, index: index, request: request))
            nextUnit += 1
        }
        groups.append(owner)
        for unit in active {
            units[unit.id] = unit
            scheduler.enqueue(unit.id, Scheduler.Unit(unit.request))
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
            unit.owner.usages[unit.index].queueDuration = now - unit.owner.group.submitted
        }
        let work = scheduler.plan(tokenBudget: timer.rowBudget)
        defer { updateGauges() }
        guard !work.isEmpty else { return false }
        var batch = StepBatch()
        for item in work { assemble(item, into: &batch) }
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
            guard let unit = units[id], let deadline = unit.request.deadline, deadline < now else { continue }
            if unit.choices.isEmpty {
                for index in 0..<unit.request.choiceCount {
                    emit(unit, .finished(index: unit.index, choice: index, reason: .deadline))
                    end(unit)
                }
            } else {
                for choice in unit.choices.compactMap({ $0 }) { finish(unit, choice, .deadline) }
            }
        }
    }

    // MARK: The step

    private func assemble(_ work: Scheduler.Work, into batch: inout StepBatch) {
        switch work {
        case .prefill(let id, let range):
            guard let unit = units[id] else { return }
            let request = unit.request
            let table =
                unit.table ?? BlockTable(pool: pool, tokenCapacity: request.prompt.count + request.maxTokens)
            unit.table = table
            guard table.reserve(tokenCount: range.upperBound) else {
                return fail(unit.owner, cacheExhausted(unit))
            }
            batch.append(unit, range, table: table)
        case .decode(let id):
            guard let unit = units[id] else { return }
            for choice in unit.choices.compactMap({ $0 }) {
                guard choice.table.reserve(tokenCount: choice.position + 1) else {
                    return fail(unit.owner, cacheExhausted(unit))
                }
                batch.append(unit, choice)
            }
        }
    }

    private func compute(_ batch: StepBatch) {
        let states = backend.hidden(model.decoder, batch.inference)
        for (unit, count) in batch.prefills where units[unit.id] != nil {
            scheduler.prefilled(unit.id, upTo: count)
            if count == unit.request.prompt.count { finishPrompt(unit) }
        }
        let vocabularySize = model.info.config.vocabularySize
        var start = 0
        while start < states.rows {
            let range = start..<min(start + EngineStep.logitRows, states.rows)
            backend.logits(model.decoder, states, rows: range, into: logits)
            var jobs: [RowJob] = []
            for row in range {
                let buffer = UnsafeBufferPointer(
                    start: logits + (row - start) * vocabularySize, count: vocabularySize)
                jobs += self.jobs(batch.tasks[row], buffer)
            }
            run(jobs)
            start = range.upperBound
        }
        guard !model.isDamaged else {
            drawn.removeAll()
            return failAll(.weightsLost)
        }
        for (unit, count) in batch.prefills where units[unit.id] != nil && count == unit.request.prompt.count {
            announcePrompt(unit)
        }
        draws(batch)
    }

    private var drawn: [(ActiveUnit, Choice, RowResult)] = []

    private func jobs(_ task: RowTask, _ logits: UnsafeBufferPointer<Float>) -> [RowJob] {
        switch task {
        case .promptToken(let unit, let position):
            [RowJob(unit: unit, purpose: .report(unit.request.prompt[position]), logits: logits, position: position)]
        case .promptEnd(let unit):
            unit.choices.compactMap { $0 }.map {
                RowJob(unit: unit, purpose: .draw($0), logits: logits, position: $0.position + 1)
            }
        case .next(let unit, let choice):
            [RowJob(unit: unit, purpose: .draw(choice), logits: logits, position: choice.position + 1)]
        }
    }

    private func run(_ jobs: [RowJob]) {
        let results = UnsafeMutablePointer<RowResult>.allocate(capacity: jobs.count)
        let tokenizer = model.info.tokenizer
        kernels.pool.run(chunkCount: jobs.count) { index, thread in
            (results + index).initialize(to: jobs[index].run(tokenizer, kernels, &workspaces[thread]))
        }
        for (index, job) in jobs.enumerated() {
            let result = (results + index).move()
            switch (job.purpose, result) {
            case (.draw(let choice), _): drawn.append((job.unit, choice, result))
            case (.report, .success(let token)): job.unit.promptTokens.append(token)
            case (.report, .failure(let error)): fail(job.unit.owner, error)
            }
        }
        results.deallocate()
    }

    private func draws(_ batch: StepBatch) {
        for (unit, choice, result) in drawn where units[unit.id] != nil {
            switch result {
            case .success(let token): take(token, unit, choice)
            case .failure(let error): fail(unit.owner, error)
            }
        }
        drawn.removeAll(keepingCapacity: true)
    }

    // MARK: After a prompt

    private func finishPrompt(_ unit: ActiveUnit) {
        let request = unit.request
        guard request.maxTokens > 0, let table = unit.table else { return }
        let tokenizer = model.info.tokenizer
        let startsText = request.prompt.allSatisfy(tokenizer.isControl)
        let stripsSpace = startsText && tokenizer.stripsLeadingSpace
        for index in 0..<request.choiceCount {
            let isLast = index == request.choiceCount - 1
            let own =
                isLast
                ? table
                : table.fork(
                    tokenCount: request.prompt.count, tokenCapacity: request.prompt.count + request.maxTokens)
            guard let own else { return fail(unit.owner, cacheExhausted(unit)) }
            do throws(DecodingError) {
                unit.choices.append(
                    Choice(
                        index: index, table: own,
                        sampler: Sampler(
                            parameters: request.sampling, choice: request.firstChoice + index,
                            prompt: request.prompt, vocabularySize: model.info.config.vocabularySize,
                            dropsSpace: stripsSpace),
                        text: try TextAssembler(
                            request, decoder: StreamingDecoder(tokenizer: tokenizer, continuesText: true),
                            stripsSpace: stripsSpace),
                        promptCount: request.prompt.count))
            } catch {
                return fail(unit.owner, .decoding(error))
            }
        }
        unit.table = nil
    }

    private func announcePrompt(_ unit: ActiveUnit) {
        let now = ContinuousClock.now
        unit.firstToken = now
        unit.owner.usages[unit.index].prefillDuration = now - (unit.started ?? now)
        var tokens: [ReportedToken] = []
        if unit.request.reportsPromptLogprobs, let first = unit.request.prompt.first {
            let bytes = RowJob.bytes(of: first, unit.request, model.info.tokenizer)
            tokens = [ReportedToken(id: first, bytes: bytes, logprob: nil, top: [])] + unit.promptTokens
            unit.promptTokens = []
        }
        emit(unit, .prompt(index: unit.index, tokens: tokens))
        guard unit.request.maxTokens == 0 else { return }
        for index in 0..<unit.request.choiceCount {
            emit(unit, .finished(index: unit.index, choice: index, reason: .length))
            end(unit)
        }
    }

    // MARK: After a draw

    private func take(_ token: ReportedToken, _ unit: ActiveUnit, _ choice: Choice) {
        let request = unit.request
        choice.generated += 1
        metrics.generatedTokens += 1
        unit.owner.usages[unit.index].generatedTokens += 1
        if request.stopIDs.contains(token.id)
            || (!request.ignoresEnd && model.info.tokenizer.endIDs.contains(token.id))
        {
            guard request.includesStop, request.stopIDs.contains(token.id) else {
                return finish(unit, choice, .endToken(token.id), ending: token)
            }
            let output = choice.text.append(token)
            emit(unit, choice, output)
            return finish(unit, choice, output.stop.map { .stopString($0) } ?? .endToken(token.id))
        }
        let output = choice.text.append(token)
        emit(unit, choice, output)
        if let stop = output.stop { return finish(unit, choice, .stopString(stop)) }
        choice.sampler.accept(token.id)
        if choice.sampler.mustEnd {
            finish(unit, choice, .constraint)
        } else if choice.generated == request.maxTokens {
            finish(unit, choice, .length)
        } else {
            choice.newest = token.id
            choice.position += 1
        }
    }

    private func finish(
        _ unit: ActiveUnit, _ choice: Choice, _ reason: FinishReason, ending: ReportedToken? = nil
    ) {
        if case .stopString = reason {} else { emit(unit, choice, choice.text.finish(ending: ending)) }
        unit.choices[choice.index] = nil
        emit(unit, .finished(index: unit.index, choice: choice.index, reason: reason))
        end(unit)
    }

    /// Notes that one of the unit's choices is over.
    private func end(_ unit: ActiveUnit) {
        guard scheduler.choiceEnded(unit.id) else { return }
        units[unit.id] = nil
        let owner = unit.owner
        owner.units.remove(unit.id)
        owner.usages[unit.index].decodeDuration = ContinuousClock.now - (unit.firstToken ?? .now)
        guard owner.units.isEmpty else { return }
        groups.removeAll { $0 === owner }
        metrics.completedGroups += 1
        owner.group.sink(.completed(owner.usages))
    }

    private func fail(_ owner: ActiveGroup, _ error: EngineError) {
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

    private func cacheExhausted(_ unit: ActiveUnit) -> EngineError {
        .cacheOverflow(
            neededTokens: unit.request.prompt.count + unit.request.maxTokens,
            capacityTokens: pool.blockCount * KVLayout.blockTokens)
    }

    private func emit(_ unit: ActiveUnit, _ event: GenerationEvent) {
        unit.owner.group.sink(event)
    }

    private func emit(_ unit: ActiveUnit, _ choice: Choice, _ output: TextAssembler.Output) {
        guard !output.isEmpty else { return }
        emit(unit, .delta(index: unit.index, choice: choice.index, text: output.text, tokens: output.tokens))
    }

    private func updateGauges() {
        metrics.runningSequences = scheduler.runningChoiceCount
        metrics.waitingSequences = scheduler.waitingCount
        metrics.usedBlocks = pool.blockCount - pool.freeCount
    }

    /// Groups that have not started yet.
    var waitingGroupCount: Int { groups.reduce(0) { $0 + ($1.hasStarted ? 0 : 1) } }
}

extension Scheduler.Unit {
    /// What a request needs.
    init(_ request: GenerationRequest) {
        self.init(
            promptTokens: request.prompt.count, choiceCount: request.choiceCount, maxTokens: request.maxTokens)
    }
}

extension LoadedModel {
    /// What the scheduler may admit.
    var schedulerLimits: Scheduler.Limits {
        Scheduler.Limits(
            choiceCount: options.choiceLimit, blockCount: blockCount, blockTokens: KVLayout.blockTokens)
    }
}
