// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Decoding
import Engine
import Synchronization
import Tokenizers

/// What one request knows of its model. Prompts are made by pure functions of a request and its book: where a page is
/// missing, they fail, the page is asked for, and they are made again.
final class ModelBook: Sendable {
    private struct Pages {
        var replies: [ModelQuestion: ModelReply] = [:]
        /// What was looked for and is not known, without repetitions, in groups that share a beginning.
        var missing: [[ModelQuestion]] = []
        var rounds = 0
    }

    /// The most questions of one look; a comparison of many lanes looks once for each.
    static let questionLimit = 4096
    /// How often prompts are made anew at most.
    private static let roundLimit = 1024
    /// What fails where a page is missing.
    static let unwritten = APIError.internalFault("the model was not asked what it thinks of the examples")

    let model: ModelInfo
    private let memory: ModelMemory
    private let pages = Mutex(Pages())

    init(_ model: ModelInfo, memory: ModelMemory) {
        self.model = model
        self.memory = memory
    }

    /// The replies to all questions, which share a beginning or are of one kind.
    ///
    /// - Throws: ``unwritten`` if some are not known yet: see ``takeMissing()``.
    func replies(_ questions: [ModelQuestion]) throws(APIError) -> [ModelReply] {
        let own = pages.withLock { pages in questions.map { pages.replies[$0] } }
        let known = own.contains { $0 == nil } ? memory.replies(questions, of: model.id) : own
        var replies: [ModelReply] = []
        var missing: [ModelQuestion] = []
        var isMissing: Set<ModelQuestion> = []
        for ((own, known), question) in zip(zip(own, known), questions) {
            if let reply = own ?? known {
                replies.append(reply)
            } else if isMissing.insert(question).inserted {
                missing.append(question)
            }
        }
        guard missing.isEmpty else {
            pages.withLock { $0.missing.append(missing) }
            throw Self.unwritten
        }
        // What was found stays while this request needs it.
        if own.contains(where: { $0 == nil }) {
            pages.withLock { pages in
                for (question, reply) in zip(questions, replies) { pages.replies[question] = reply }
            }
        }
        return replies
    }

    /// What to ask the model before prompts are made again; nil: nothing was missing, or it was asked for often enough.
    func takeMissing() -> [[ModelQuestion]]? {
        pages.withLock { pages in
            guard !pages.missing.isEmpty, pages.rounds < Self.roundLimit else { return nil }
            defer { pages.missing = [] }
            pages.rounds += 1
            return pages.missing
        }
    }

    /// Notes what the model said.
    func write(_ reply: ModelReply, to question: ModelQuestion) {
        memory.keep(reply, to: question, of: model.id)
        pages.withLock { $0.replies[question] = reply }
    }

    // MARK: Kinds

    /// The embeddings of texts, one after another.
    func embeddings(_ texts: [String]) throws(APIError) -> [Float] {
        var numbers: [Float] = []
        numbers.reserveCapacity(texts.count * model.config.width)
        for reply in try replies(texts.map { .embedding($0) }) {
            if case .embedding(let row) = reply { numbers += row }
        }
        return numbers
    }

    /// The log-likelihoods of what each sequence ends with.
    func likelihoods(_ sequences: [(ids: [Int32], start: Int)]) throws(APIError) -> [Double] {
        try replies(sequences.map { .likelihood(ids: $0.ids, start: $0.start) }).map { reply in
            if case .likelihood(let sum) = reply { sum } else { -.infinity }
        }
    }

    /// Texts that go on from prompts, the draw of each with its own seed.
    func continuations(_ prompts: [[Int32]], seed: UInt64, stops: [String]) throws(APIError) -> [String] {
        let questions = prompts.enumerated().map { place, ids in
            ModelQuestion.continuation(ids: ids, seed: seed &+ UInt64(place), stops: stops)
        }
        return try replies(questions).map { reply in
            if case .continuation(let text) = reply { text } else { "" }
        }
    }
}

extension ModelQuestion {
    /// The most tokens of a continuation.
    static let continuationLimit = 48

    /// What is computed to answer it.
    func request(for model: ModelInfo) -> GenerationRequest {
        switch self {
        case .embedding(let text):
            var ids = model.tokenizer.encode(text, addSpecial: true, parseSpecial: false)
            if ids.isEmpty { ids = [model.tokenizer.bosID ?? model.tokenizer.eosID ?? 0] }
            // What does not fit the context has no part in the mean.
            var request = GenerationRequest(prompt: Array(ids.prefix(model.contextLength)), maxTokens: 0)
            request.reportsEmbedding = true
            return request
        case .likelihood(let ids, let start):
            var request = GenerationRequest(prompt: ids, maxTokens: 0)
            request.logprobCount = 0
            request.reportsPromptLogprobs = true
            request.promptLogprobStart = start
            return request
        case .continuation(let ids, let seed, let stops):
            var request = GenerationRequest(
                prompt: ids, maxTokens: min(Self.continuationLimit, model.contextLength - ids.count))
            request.sampling.seed = seed
            request.stopStrings = stops
            return request
        }
    }
}
