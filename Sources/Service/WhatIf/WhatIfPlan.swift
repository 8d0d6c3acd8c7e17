// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON
import Synchronization
import Tokenizers

/// What decoding a run again found, for its answer. Concurrency: any thread.
final class WhatIfReport: Sendable {
    /// What is known so far.
    struct State: Sendable {
        /// The first token that is another than in the run: its place, and both; nil: none is.
        var difference: (step: Int, recorded: Int32, drawn: Int32)?
        /// Tokens that were drawn from the logits of the run.
        var redecodedTokens = 0
        /// Tokens that went through the model.
        var computedTokens = 0
    }

    let run: String
    let choice: Int
    private let state = Mutex(State())

    init(run: String, choice: Int) {
        self.run = run
        self.choice = choice
    }

    var snapshot: State { state.withLock { $0 } }

    func update(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
}

/// A run and the request that is to be decoded over it.
struct WhatIfPlan: Sendable {
    var generation: GenerationPlan
    var run: KeptRun
    var report: WhatIfReport
}

extension GenerationPlanner {
    /// The most bytes that a run may keep, taken from `runs` for a plan that asks for it.
    ///
    /// - Throws: ``APIError`` where the run is too large, or others leave no room for it now.
    func reserve(_ plan: GenerationPlan, in runs: RunCache) throws(APIError) {
        let request = plan.requests[0]
        let bytes = RunCache.bytes(
            tokenCount: request.choiceCount * request.maxTokens, of: plan.model)
        let param = RequestFields.keep.name
        guard plan.requests.count == 1 else {
            throw .unsupported(param: param, reason: "a run is kept of one prompt only", allowed: nil)
        }
        guard bytes <= runs.limitBytes else {
            throw .invalidValue(
                param: param,
                reason: "\(request.choiceCount) x \(request.maxTokens) tokens would take \(bytes) bytes, at most "
                    + "\(runs.limitBytes) are kept; ask for fewer tokens")
        }
        guard runs.reserve(plan.id, bytes: bytes) else { throw .runCacheFull(limitBytes: runs.limitBytes) }
    }

    /// The plan that decodes a kept run under other settings.
    ///
    /// - Throws: ``APIError`` where there is no such run or choice, or settings that cannot be.
    func whatIf(
        _ values: FieldValues, run: KeptRun, id: String, assembly: PromptAssembly, warnings: [RequestWarning],
        isStrict: Bool
    ) throws(APIError) -> WhatIfPlan {
        let model = assembly.model
        let choice = values[RequestFields.runChoice]
        guard choice < run.choiceCount else {
            throw .notAllowed(
                param: RequestFields.runChoice.name, found: String(choice),
                allowed: Allowed(min: 0, max: Double(run.choiceCount - 1)))
        }
        let path = RequestFields.whatIfSettings.name
        let given = values[RequestFields.whatIfSettings] ?? JSONObject()
        if let key = given.keys.first(where: { WhatIfFields.prompt.contains($0) }) {
            throw .unsupported(
                param: JSONPath.member(path, key), reason: "is that of the run and cannot be changed", allowed: nil)
        }
        var reading = FieldReading(
            limits: ModelLimits(
                contextLength: model.contextLength, vocabularySize: model.tokenizer.vocabularySize),
            isStrict: isStrict)
        var lane = LaneInput()
        lane.values = try RequestSchema.read(given, for: .completions, at: path, &reading)
        for key in RequestSchema.names(of: given, for: .completions) where !lane.values.isGiven(key) {
            lane.cleared.insert(key)
        }
        if lane.cleared.contains(RequestFields.seed.name) { lane.cleared.remove(RequestFields.seed.name) }
        var all = run.values.overlaid(by: lane)
        all.set(RequestFields.prompt.name, [PromptInput(segments: [.ids(run.prompt)])])
        all.set(RequestFields.addSpecialTokens.name, false)
        if let asked = StrategyPlanner(all).path {
            throw .unsupported(
                param: asked, reason: "a kept run is decoded again by draws alone", allowed: nil)
        }
        var plan = try plan(
            all, endpoint: .completions, assembly: assembly, warnings: warnings + reading.warnings)
        plan.requests[0].firstChoice = choice
        let report = WhatIfReport(run: id, choice: choice)
        plan.whatIf = report
        return WhatIfPlan(generation: plan, run: run, report: report)
    }
}
