// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON

/// A prompt ready for the engine.
struct PromptPlan: Sendable {
    /// The ids.
    var ids: [Int32]
    /// The text of the prompt as it is echoed and returned.
    var text: String
    /// Which of the ids are control tokens that the text spells out.
    var spellsControl: Bool
    /// Which stretches of the text come from where; empty unless assembled from parts.
    var spans: [PromptSpan] = []
    /// What became of the examples of `shots`; nil without.
    var shots: ShotRecord?
}

/// What became of the examples of `shots`; indices count in the list or set that was given.
struct ShotRecord: Sendable, Equatable {
    /// The set they are from, with its version; nil: the request itself.
    var set: String?
    var version: String?
    /// The most tokens that the prompt could have.
    var budget: Int
    /// The examples in it, in the order in which they are shown.
    var shown: [Int]
    /// Those that ask the query itself.
    var excluded: [Int]
    /// Those for which there was no room.
    var dropped: [Int]
}

/// A stretch of an assembled prompt.
struct PromptSpan: Sendable, Equatable {
    /// What it is: "instruction", "example", "query", "cue", "message".
    var kind: String
    /// Which example or message, counted from 0; nil where there is only one.
    var index: Int?
    /// Its place in Unicode scalars.
    var characters: Range<Int>
    /// Its place in UTF-8 bytes.
    var bytes: Range<Int>
}

/// A request understood in full: what the engine is to do and what the answer looks like.
struct GenerationPlan: Sendable {
    /// The route, which decides the shape of the answer.
    var endpoint: Endpoint
    /// The model.
    var model: ModelInfo
    /// The answer's own id.
    var id: String
    /// Seconds since 1970.
    var created: Int
    /// Names model and build.
    var fingerprint: String
    /// The prompts, in order.
    var prompts: [PromptPlan]
    /// One per prompt.
    var requests: [GenerationRequest]
    /// Choices per prompt that are made.
    var choiceCount: Int
    /// Choices per prompt that are returned: the best of them.
    var returnedCount: Int
    /// The seed in effect.
    var seed: Int64
    /// How to stream; nil: one answer at the end.
    var stream: StreamOptions?
    /// Whether the prompt comes before the continuation.
    var echoes: Bool
    /// How many of the likeliest tokens to report per place; nil: no log-probabilities.
    var logprobCount: Int?
    /// Which log-probabilities those are.
    var logprobMode: LogprobMode
    /// How the choices are made one answer; nil: not at all.
    var aggregation: Aggregation?
    /// What the answer holds besides.
    var extras: Set<AnswerExtra>
    /// What the client ought to know.
    var warnings: [RequestWarning]
    /// The settings in effect, as a JSON object.
    var settings: JSON
    /// The receipt, without what the answer adds to it; nil unless asked for.
    var receipt: Receipt.Draft?

    /// What decoding a run again finds; nil unless this does.
    var whatIf: WhatIfReport?

    /// Whether tokens say what the stages did.
    var isTraced: Bool { requests.contains { $0.trace != nil } }

    /// The path of the prompt in the request, for errors.
    func param(_ index: Int) -> String {
        switch endpoint {
        case .chat: "messages"
        default: prompts.count == 1 ? "prompt" : "prompt[\(index)]"
        }
    }
}
