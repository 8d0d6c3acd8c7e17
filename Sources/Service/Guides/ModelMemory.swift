// SPDX-License-Identifier: Apache-2.0

import Engine
import Synchronization

/// What was asked of a model for the sake of a prompt: the answer is a function of model and question, so it is kept.
enum ModelQuestion: Hashable, Sendable {
    /// The embedding of a text.
    case embedding(String)
    /// The sum of the log-probabilities of the tokens from `start` on.
    case likelihood(ids: [Int32], start: Int)
    /// A text that goes on from these tokens, drawn with a seed, up to one of the stop strings.
    case continuation(ids: [Int32], seed: UInt64, stops: [String])

    /// Bytes, about.
    fileprivate var size: Int {
        switch self {
        case .embedding(let text): text.utf8.count
        case .likelihood(let ids, _): 4 * ids.count
        case .continuation(let ids, _, _): 4 * ids.count
        }
    }
}

/// What a model answered.
enum ModelReply: Sendable {
    case embedding([Float])
    case likelihood(Double)
    case continuation(String)

    fileprivate var size: Int {
        switch self {
        case .embedding(let numbers): 4 * numbers.count
        case .likelihood: 8
        case .continuation(let text): text.utf8.count
        }
    }
}

/// The replies of a server's models, as many as there is room for. Any thread may call.
package final class ModelMemory: Sendable {
    private struct Key: Hashable {
        var model: String
        var question: ModelQuestion
    }

    /// Two halves: what is asked for moves to the young one; when that is full, what is left in the old one goes.
    private struct Halves {
        var young: [Key: ModelReply] = [:]
        var old: [Key: ModelReply] = [:]
        var youngBytes = 0
    }

    /// What both halves take at most, about.
    private static let byteLimit = 128 << 20
    private let halves = Mutex(Halves())

    /// An empty memory.
    package init() {}

    func reply(_ question: ModelQuestion, of model: String) -> ModelReply? {
        halves.withLock { Self.find(Key(model: model, question: question), &$0) }
    }

    /// The replies to many questions; nil for those that are not known.
    func replies(_ questions: [ModelQuestion], of model: String) -> [ModelReply?] {
        halves.withLock { halves in questions.map { Self.find(Key(model: model, question: $0), &halves) } }
    }

    func keep(_ reply: ModelReply, to question: ModelQuestion, of model: String) {
        halves.withLock { Self.keep(reply, Key(model: model, question: question), &$0) }
    }

    private static func find(_ key: Key, _ halves: inout Halves) -> ModelReply? {
        if let found = halves.young[key] { return found }
        guard let found = halves.old.removeValue(forKey: key) else { return nil }
        keep(found, key, &halves)
        return found
    }

    private static func keep(_ reply: ModelReply, _ key: Key, _ halves: inout Halves) {
        guard halves.young.updateValue(reply, forKey: key) == nil else { return }
        // What a dictionary takes beside its contents.
        halves.youngBytes += key.question.size + reply.size + 160
        guard halves.youngBytes > byteLimit / 2 else { return }
        halves.old = halves.young
        halves.young = [:]
        halves.youngBytes = 0
    }
}
