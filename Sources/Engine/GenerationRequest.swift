// SPDX-License-Identifier: Apache-2.0

public import Constraints
public import Decoding

/// One prompt to continue, `choiceCount` times.
public struct GenerationRequest: Sendable {
    /// The prompt's ids; not empty, each within the vocabulary.
    public var prompt: [Int32]
    /// How many continuations; they share one prefill.
    public var choiceCount: Int
    /// The index of the first choice among those of the same seed: the counter-based noise takes it as an input.
    public var firstChoice: Int
    /// The most tokens to generate per choice; 0 computes the prompt only.
    public var maxTokens: Int
    /// The decoding controls.
    public var sampling: SamplingParameters
    /// How the continuations are found.
    public var strategy = DecodingStrategy.sample
    /// Whether to report what a search decides at each step.
    public var reportsSearch = false
    /// Whether the last token of the prompt is computed as the newest of each choice, as strategies have it: so that the
    /// request goes step by step with those beside it.
    package var startsAtPromptEnd = false
    /// Strings that end a choice; the text stops before the first of them.
    public var stopStrings: [String]
    /// Expressions that end a choice as strings do.
    public var stopPatterns: [StopPattern] = []
    /// Whether the text holds the stop string, or the bytes of the stop id, that ended it.
    public var includesStop = false
    /// Stop strings that the first so many tokens complete do not count.
    public var minTokens = 0
    /// Ids that end a choice beside the vocabulary's own.
    public var stopIDs: Set<Int32>
    /// Whether the vocabulary's end tokens are drawn and shown like any other.
    public var ignoresEnd: Bool
    /// How many of the likeliest ids to report per generated token; 0 reports the chosen id alone; nil nothing.
    public var logprobCount: Int?
    /// Which log-probabilities those are.
    public var logprobMode = LogprobMode.raw
    /// Whether to report the same for the prompt's tokens.
    public var reportsPromptLogprobs: Bool
    /// The first token of the prompt that is reported then, counted from 0.
    public var promptLogprobStart = 0
    /// Whether to report probability and entropy of each generated token, raw and processed.
    public var reportsStatistics = false
    /// What to report of the stages at each generated token; nil: nothing.
    public var trace: TraceDetail?
    /// Takes the logits of each draw; nil: they are not kept.
    public var recorder: RunRecorder?
    /// What of the prompt is to stay in the cache afterwards; nil: nothing.
    public var pin: PrefixPin?
    /// Where the only choice goes on from: the prompt's last ids are its first tokens then. Nil: from its beginning.
    package var start: ChoiceStart?
    /// Settings whose distributions after the prompt are compared, before anything is drawn; nil: none.
    public var distributions: DistributionQuery?
    /// Whether to report the embedding of the prompt: the mean of its hidden states after the last norm.
    public var reportsEmbedding = false
    /// Whether control tokens appear in the text.
    public var showsSpecial: Bool
    /// How tokens are guessed and computed ahead; nil: one token a step. The answer is the same.
    public var lookup: PromptLookup?
    /// The moment by which the request must be done; nil: no limit of its own.
    public var deadline: ContinuousClock.Instant?

    /// A request for one greedy-free continuation of `prompt` with the defaults.
    public init(prompt: [Int32], maxTokens: Int, sampling: SamplingParameters = SamplingParameters()) {
        self.prompt = prompt
        self.maxTokens = maxTokens
        self.sampling = sampling
        choiceCount = 1
        firstChoice = 0
        stopStrings = []
        stopIDs = []
        ignoresEnd = false
        reportsPromptLogprobs = false
        showsSpecial = false
    }
}

/// Requests that are submitted together: all are admitted or none.
public struct GenerationGroup: Sendable {
    /// The requests.
    public var requests: [GenerationRequest]
    /// Tokens that all prompts begin with and that are computed once for all of them, whose cache the requests then
    /// share; 0: nothing is shared. Requests that share run side by side, so that their choices count together. A
    /// request whose strategy begins with fewer of them, such as one that another prompt guides, runs by itself.
    public var sharedTokens: Int
    /// Whether to report where the choices of requests first differ from those of the first request, choice by choice.
    /// The requests must have the same prompt. Of requests that do not just draw, and beside a first one that does not,
    /// nothing is reported.
    public var reportsDivergence = false

    /// A group of the given requests.
    public init(_ requests: [GenerationRequest], sharedTokens: Int = 0) {
        self.requests = requests
        self.sharedTokens = sharedTokens
    }

    /// What the scheduler sees as one: requests that go on from the same tokens, by their places in the group.
    struct Part {
        var places: [Int]
        /// How many tokens are computed once for all of them.
        var trunkCount: Int
    }

    /// The parts: first the one that shares tokens.
    var parts: [Part] {
        func isSharing(_ place: Int) -> Bool {
            let request = requests[place]
            // Hidden states are remembered of tokens that are computed together alone.
            if request.remembersStates, request.ownTrunkCount != sharedTokens { return false }
            return sharedTokens > 0 && request.ownTrunkCount >= sharedTokens
        }
        let sharing = requests.indices.filter(isSharing)
        let others = requests.indices.filter { !isSharing($0) }
        return (sharing.isEmpty ? [] : [Part(places: sharing, trunkCount: sharedTokens)])
            + others.map { Part(places: [$0], trunkCount: requests[$0].ownTrunkCount) }
    }
}

/// Which distribution log-probabilities are those of.
public enum LogprobMode: String, Sendable, CaseIterable {
    /// The model's own.
    case raw
    /// That from which the token was drawn. The prompt's tokens have none.
    case processed
    /// The model's own, and beside it that from which the token was drawn.
    case both
}

/// What the distribution from which a token was drawn says of it.
public struct ProcessedReport: Sendable, Equatable {
    /// The token's log-probability.
    public var logprob: Float
    /// The likeliest ids, best first, ties by smaller id.
    public var top: [TokenLogprob]

    /// A report of the given parts.
    public init(logprob: Float, top: [TokenLogprob]) {
        self.logprob = logprob
        self.top = top
    }
}

/// A token of the prompt or of a continuation with what was asked to be known about it.
public struct ReportedToken: Sendable {
    /// The token.
    public var id: Int32
    /// The bytes it stands for; possibly part of a character, empty for a control token that is not shown.
    public var bytes: [UInt8]
    /// Its log-probability given everything before it, raw unless ``LogprobMode/processed`` was asked for; nil if not
    /// asked for, and for a prompt's first token.
    public var logprob: Float?
    /// The likeliest ids at its place, best first, ties by smaller id; empty if not asked for.
    public var top: [TokenLogprob]
    /// What ``LogprobMode/both`` asks for beside it; nil for tokens that were not drawn.
    public var processed: ProcessedReport?
    /// Its probability and the entropy at its place; nil unless asked for.
    public var statistics: DrawStatistics?
    /// What the stages did at its place; nil unless asked for.
    public var trace: DrawTrace?
    /// Whether its bytes are part of the text; not for the token that ends a choice.
    public var isShown = true

    /// A report of the given parts.
    public init(id: Int32, bytes: [UInt8], logprob: Float? = nil, top: [TokenLogprob] = []) {
        self.id = id
        self.bytes = bytes
        self.logprob = logprob
        self.top = top
    }
}

/// Why a choice ended.
public enum FinishReason: Sendable, Equatable {
    /// The vocabulary's end token, or one of the request's stop ids.
    case endToken(Int32)
    /// One of the request's stop strings, or of its expressions as it was written.
    case stopString(String)
    /// The request's constraint lets nothing follow.
    case constraint
    /// `maxTokens` were generated.
    case length
    /// The request's deadline passed.
    case deadline
    /// A search found fewer continuations than were asked for: this one is empty.
    case exhausted
}

/// What was spent on a request.
public struct GenerationUsage: Sendable, Equatable {
    /// Tokens of the prompt.
    public var promptTokens = 0
    /// Prompt tokens that needed no computation.
    public var cachedTokens = 0
    /// Tokens generated over all choices, the ends included.
    public var generatedTokens = 0
    /// Tokens that were guessed and computed ahead.
    public var draftTokens = 0
    /// Those of them that came true and spared a step each.
    public var acceptedDraftTokens = 0
    /// Time from submission to the first step that computed it.
    public var queueDuration = Duration.zero
    /// Time from then to the first generated token.
    public var prefillDuration = Duration.zero
    /// Time from then to the end.
    public var decodeDuration = Duration.zero

    /// Nothing spent on a prompt of so many tokens.
    public init(promptTokens: Int = 0) {
        self.promptTokens = promptTokens
    }
}

/// What happens to a request. `index` is its place in the submitted group.
public enum GenerationEvent: Sendable {
    /// The prompt is computed. `tokens` is empty unless prompt log-probabilities were asked for.
    case prompt(index: Int, tokens: [ReportedToken])
    /// More text of a choice: whole characters that no stop string can take back, and the tokens that are now
    /// wholly part of the text; last, where one ended the choice, the token that did. Either may be empty, not both.
    case delta(index: Int, choice: Int, text: String, tokens: [ReportedToken])
    /// The distributions after the prompt under the request's settings.
    case distributions(index: Int, DistributionReport)
    /// The mean of the prompt's hidden states after the last norm, C numbers.
    case embedding(index: Int, [Float])
    /// A choice drew another token than the same choice of the group's first request, for the first time.
    case diverged(index: Int, choice: Int, Divergence)
    /// What a search decided at a step; only if asked for.
    case searched(index: Int, SearchStep)
    /// A choice ended; nothing follows for it.
    case finished(index: Int, choice: Int, reason: FinishReason)
    /// Every choice of every request in the group ended; the last event. One usage per request.
    case completed([GenerationUsage])
    /// The group failed; the last event.
    case failed(EngineError)
}

/// Why a group of requests could not be run or went wrong.
public enum EngineError: Error, Sendable, Equatable {
    /// As many requests wait as may.
    case queueFull(limit: Int)
    /// The server is draining.
    case shuttingDown
    /// The prompt and the tokens asked for do not fit the context.
    case contextOverflow(index: Int, promptTokens: Int, maxTokens: Int, contextLength: Int)
    /// The whole group needs more KV cache than there is.
    case cacheOverflow(neededTokens: Int, capacityTokens: Int)
    /// Pins would take more of the KV cache than they may: bytes that the prefix takes, that others take, and the most.
    case pinOverflow(neededBytes: Int, pinnedBytes: Int, limitBytes: Int)
    /// The engine keeps nothing of past prompts, and so pins nothing.
    case pinsOff
    /// A prompt without tokens.
    case emptyPrompt(index: Int)
    /// An id outside the vocabulary.
    case tokenOutOfRange(index: Int, position: Int, id: Int32, vocabularySize: Int)
    /// The model computed a logit that is not a number or is infinite.
    case nonFiniteLogits(position: Int)
    /// The decoding controls leave nothing to draw from, or cannot be used.
    case decoding(DecodingError)
    /// Its reader kept it waiting longer than is allowed while others waited for its place.
    case readerTooSlow
    /// It waited longer than the queue's time limit.
    case queueTimeout
    /// A mapped checkpoint was cut short while the server ran: what it computes is worth nothing any more.
    case weightsLost
    /// It was cancelled.
    case cancelled
    /// No model has this name.
    case unknownModel(String)
}
