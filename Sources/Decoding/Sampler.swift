// SPDX-License-Identifier: Apache-2.0

/// Draws the tokens of one choice: an ordered list of stages over the candidates, then a draw.
///
///     var sampler = Sampler(parameters: parameters, choice: 0, prompt: prompt, vocabularySize: 32000)
///     let id = try sampler.sample(logits: logits, position: prompt.count)
///     sampler.accept(id)
///
/// The result depends on parameters, choice, prompt, the ids accepted so far, logits and position, and on nothing else:
/// a continuation from a forced prefix (accept its ids) reproduces the run.
///
/// Concurrency: a value; each choice has its own. One thread at a time.
public struct Sampler: Sendable {
    private let stages: [any SamplingStage]
    private let isGreedy: Bool
    private let noise: CounterNoise
    private let vocabularySize: Int
    private let remembers: Bool
    private var history: TokenHistory
    private var ownWorkspace = SamplingWorkspace()

    /// A sampler for one choice.
    ///
    /// - Parameters:
    ///   - parameters: validated settings; a stage that would change nothing is left out.
    ///   - choice: the index of the choice among those of the same seed.
    ///   - prompt: the prompt's ids, for penalties that look at them.
    ///   - vocabularySize: V, the number of logits of each draw.
    public init(parameters: SamplingParameters, choice: Int, prompt: [Int32], vocabularySize: Int) {
        var stages: [any SamplingStage] = []
        if !parameters.logitBias.isEmpty { stages.append(LogitBias(parameters.logitBias)) }
        if parameters.repetitionPenalty != 1 {
            stages.append(RepetitionPenalty(penalty: parameters.repetitionPenalty))
        }
        if parameters.frequencyPenalty != 0 {
            stages.append(FrequencyPenalty(penalty: parameters.frequencyPenalty))
        }
        if parameters.presencePenalty != 0 {
            stages.append(PresencePenalty(penalty: parameters.presencePenalty))
        }
        remembers =
            parameters.repetitionPenalty != 1 || parameters.frequencyPenalty != 0 || parameters.presencePenalty != 0
        // At temperature 0 the likeliest id is drawn, and no truncation removes it.
        isGreedy = !(parameters.temperature > 0)
        if !isGreedy {
            if parameters.temperature != 1 { stages.append(Temperature(temperature: parameters.temperature)) }
            if parameters.topK > 0 { stages.append(TopK(limit: parameters.topK)) }
            if parameters.topP < 1 { stages.append(TopP(parameters.topP)) }
            if parameters.minP > 0 { stages.append(MinP(parameters.minP)) }
        }
        self.stages = stages
        self.vocabularySize = vocabularySize
        noise = CounterNoise(seed: parameters.seed, choice: choice)
        history = TokenHistory(prompt: remembers ? prompt : [])
    }

    /// Draws the token at `position` from the model's logits. Does not record it: see ``accept(_:)``.
    ///
    /// - Parameters:
    ///   - logits: one per id of the vocabulary; read only.
    ///   - position: the index of the token in the whole sequence, prompt included.
    /// - Throws: ``DecodingError`` for logits that are NaN, plus infinity or all minus infinity, or not V of them.
    public mutating func sample(
        logits: UnsafeBufferPointer<Float>, position: Int
    ) throws(DecodingError) -> Int32 {
        try sample(logits: logits, position: position, workspace: &ownWorkspace)
    }

    /// The same with buffers that many samplers share, which saves some 10 bytes per id and sampler.
    public func sample(
        logits: UnsafeBufferPointer<Float>, position: Int, workspace: inout SamplingWorkspace
    ) throws(DecodingError) -> Int32 {
        guard logits.count == vocabularySize else {
            throw .logitCount(expected: vocabularySize, found: logits.count)
        }
        if isGreedy, stages.isEmpty {
            let maximum = try LogitRange(logits, position: position).maximum
            return Int32(truncatingIfNeeded: logits.firstIndex(of: maximum) ?? 0)
        }
        try applyStages(logits: logits, position: position, workspace: &workspace)
        return isGreedy
            ? GumbelDraw.greedy(workspace.candidates)
            : GumbelDraw.draw(workspace.candidates, noise.at(position: position))
    }

    /// Runs the stages and leaves the survivors in `workspace`.
    package func applyStages(
        logits: UnsafeBufferPointer<Float>, position: Int, workspace: inout SamplingWorkspace
    ) throws(DecodingError) {
        try workspace.candidates.load(logits, position: position)
        for stage in stages {
            try stage.apply(to: &workspace, history: history, position: position)
        }
    }

    /// Records a token of the output, drawn or forced, for penalties that look at it.
    public mutating func accept(_ id: Int32) {
        if remembers { history.append(id) }
    }
}
