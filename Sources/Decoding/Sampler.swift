// SPDX-License-Identifier: Apache-2.0

/// Draws the tokens of one choice: an ordered list of stages over the candidates, then a draw.
///
///     var sampler = Sampler(parameters: parameters, choice: 0, prompt: prompt, vocabularySize: 32000)
///     let id = try sampler.sample(logits: logits, position: prompt.count)
///     sampler.accept(id)
///
/// The result depends on parameters, choice, prompt, the ids accepted so far, logits and position, and on nothing else:
/// a continuation from a forced prefix (accept its ids) reproduces the run. Mirostat and adaptive-p also learn from the
/// logits that the accepted ids were drawn from: with them a prefix must be sampled, too.
///
/// Concurrency: a value; each choice has its own. One thread at a time.
public struct Sampler: Sendable {
    private let stages: [any SamplingStage]
    private let names: [StageName]
    private let feedback: (any FeedbackStage)?
    /// Whether the likeliest id is taken and nothing comes before.
    private let isPlainArgmax: Bool
    private let vocabularySize: Int
    private var context: StageContext
    private var constraint: ConstraintFilter?
    /// What a feedback stage will have learnt once this id is accepted.
    private var pending: (id: Int32, state: FeedbackState)?
    private var ownWorkspace: SamplingWorkspace?

    /// A sampler for one choice.
    ///
    /// - Parameters:
    ///   - parameters: validated settings; a stage that would change nothing is left out.
    ///   - choice: the index of the choice among those of the same seed.
    ///   - prompt: the prompt's ids, for penalties that look at them.
    ///   - vocabularySize: V, the number of logits of each draw.
    ///   - dropsSpace: whether one space at the start of the first token is no part of the text that is constrained.
    public init(
        parameters: SamplingParameters, choice: Int, prompt: [Int32], vocabularySize: Int, dropsSpace: Bool = false
    ) {
        let chain = StageChain(parameters, vocabularySize: vocabularySize)
        stages = chain.stages
        names = chain.names
        feedback = chain.stages.last as? any FeedbackStage
        isPlainArgmax = chain.isPlainArgmax && parameters.constraint == nil
        constraint = parameters.constraint.map { ConstraintFilter($0, dropsSpace: dropsSpace) }
        self.vocabularySize = vocabularySize
        context = StageContext(
            history: TokenHistory(prompt: prompt, ranges: chain.ranges, keepsIDs: chain.looksAtSequence),
            noise: CounterNoise(seed: parameters.seed, choice: choice))
        context.feedback = feedback?.initialState ?? .none
    }

    /// Draws the token at `position` from the model's logits. Does not record it: see ``accept(_:)``.
    ///
    /// - Parameters:
    ///   - logits: one per id of the vocabulary; read only.
    ///   - position: the index of the token in the whole sequence, prompt included.
    /// - Throws: ``DecodingError`` for logits that are NaN, plus infinity or all minus infinity, or not V of them, and
    ///   if the stages ban every id.
    public mutating func sample(
        logits: UnsafeBufferPointer<Float>, position: Int
    ) throws(DecodingError) -> Int32 {
        var workspace = ownWorkspace ?? SamplingWorkspace()
        ownWorkspace = nil
        defer { ownWorkspace = workspace }
        return try sample(logits: logits, position: position, workspace: &workspace)
    }

    /// The same with buffers that many samplers share, which saves some 10 bytes per id and sampler; they hold what was
    /// drawn from: see ``ProcessedProbabilities``.
    public mutating func sample(
        logits: UnsafeBufferPointer<Float>, position: Int, workspace: inout SamplingWorkspace
    ) throws(DecodingError) -> Int32 {
        guard logits.count == vocabularySize else {
            throw .logitCount(expected: vocabularySize, found: logits.count)
        }
        if isPlainArgmax {
            let maximum = try LogitRange(logits, position: position).maximum
            let id = Int32(truncatingIfNeeded: logits.firstIndex(of: maximum) ?? 0)
            workspace.candidates.load(only: id, logit: maximum)
            return id
        }
        context.position = position
        let isOver = try run(logits, &workspace)
        let index = GumbelDraw.draw(workspace.candidates, context.noise.at(position: position))
        let id = workspace.candidates.id(at: index)
        if let feedback, !isOver { pending = (id, feedback.state(after: index, of: workspace, context: context)) }
        return id
    }

    /// What constraint and stages make of the log-probabilities of the token at `position`, for a search that adds them
    /// up: they act on the log-softmax, and nothing is normalised again. Left in `workspace`.
    ///
    /// Source: `_beam_search` of transformers.
    package func score(
        _ probabilities: LogProbabilities, position: Int, workspace: inout SamplingWorkspace
    ) throws(DecodingError) {
        guard probabilities.logits.count == vocabularySize else {
            throw .logitCount(expected: vocabularySize, found: probabilities.logits.count)
        }
        var copy = self
        copy.context.position = position
        _ = try copy.run(probabilities.logits, &workspace, logSum: probabilities.logSum)
    }

    /// Runs the stages and leaves the survivors in `workspace`.
    package func applyStages(
        logits: UnsafeBufferPointer<Float>, position: Int, workspace: inout SamplingWorkspace
    ) throws(DecodingError) {
        var copy = self
        copy.context.position = position
        _ = try copy.run(logits, &workspace)
    }

    /// What the stages do to single ids, with the noise that the draw at `position` adds to them. Leaves the survivors
    /// in `workspace`.
    package func trace(
        _ ids: [Int32], logits: UnsafeBufferPointer<Float>, position: Int, workspace: inout SamplingWorkspace
    ) throws(DecodingError) -> SamplerTrace {
        let noise = context.noise.at(position: position)
        var trace = SamplerTrace(noise: ids.map(noise.gumbel), raw: [], steps: [])
        try forEachStep(logits: logits, position: position, workspace: &workspace) { step, candidates in
            let now = ids.map { candidates.index(of: $0).map { candidates.logit(at: $0) } }
            switch step {
            case .load, .constraint: trace.raw = now
            case .stage(let name): trace.steps.append(SamplerTrace.Step(stage: name, logits: now))
            }
        }
        return trace
    }

    /// Runs the stages as the draw at `position` does, and shows the candidates that each step leaves.
    func forEachStep(
        logits: UnsafeBufferPointer<Float>, position: Int, workspace: inout SamplingWorkspace,
        _ body: (SamplerStep, CandidateSet) -> Void
    ) throws(DecodingError) {
        var copy = self
        copy.context.position = position
        _ = try copy.run(logits, &workspace, show: body)
    }

    /// Runs the stages and shows what each step leaves. Returns whether there was nothing for them to do: the
    /// constrained text is over.
    ///
    /// - Parameter logSum: what is subtracted from each logit before; nil: nothing.
    private func run(
        _ logits: UnsafeBufferPointer<Float>, _ workspace: inout SamplingWorkspace, logSum: Double? = nil,
        show: (SamplerStep, CandidateSet) -> Void = { _, _ in }
    ) throws(DecodingError) -> Bool {
        try workspace.candidates.load(logits, position: context.position)
        if let logSum {
            workspace.candidates.withMutableLogits { logits in
                for index in logits.indices { logits[index] = Float(Double(logits[index]) - logSum) }
            }
        }
        show(.load, workspace.candidates)
        if let constraint {
            let isOver = try constraint.apply(to: &workspace.candidates, position: context.position)
            if isOver {
                // Not even min_tokens can keep it from ending.
                workspace.candidates.keep(before: Cutoff(logit: workspace.candidates.maximum, tieCount: 1))
            }
            show(.constraint, workspace.candidates)
            if isOver { return true }
        }
        for (name, stage) in zip(names, stages) {
            try stage.apply(to: &workspace, context: context)
            show(.stage(name), workspace.candidates)
        }
        return false
    }

    /// Records a token of the output, drawn or forced.
    public mutating func accept(_ id: Int32) {
        context.history.append(id)
        constraint?.accept(id)
        if let pending, pending.id == id { context.feedback = pending.state }
        pending = nil
    }

    /// Whether the constrained text is whole and nothing can follow: there is no token to draw.
    public var mustEnd: Bool { constraint?.mustEnd ?? false }

    /// What a feedback stage has learnt so far.
    package var feedbackState: FeedbackState { context.feedback }
}

/// A step on the way from the model's logits to a draw.
enum SamplerStep {
    /// The model's logits are the candidates.
    case load
    /// What the constrained text cannot go on with is removed.
    case constraint
    /// A stage acts.
    case stage(StageName)
}

/// What the stages of a sampler do to single ids; see ``Sampler/trace(_:logits:position:workspace:)``.
package struct SamplerTrace: Sendable, Equatable {
    /// The ids after one stage.
    package struct Step: Sendable, Equatable {
        /// The stage.
        package var stage: StageName
        /// The logit of each id; nil once it is removed.
        package var logits: [Float?]

        /// What `stage` left of the ids.
        package init(stage: StageName, logits: [Float?]) {
            self.stage = stage
            self.logits = logits
        }
    }

    /// The noise of each id.
    package var noise: [Double]
    /// The model's logits; nil where the constraint rules the id out.
    package var raw: [Float?]
    /// One per stage, in sequence.
    package var steps: [Step]

    /// A trace of the given parts.
    package init(noise: [Double], raw: [Float?], steps: [Step]) {
        self.noise = noise
        self.raw = raw
        self.steps = steps
    }
}
