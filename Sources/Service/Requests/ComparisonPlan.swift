// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON

/// What answers that look at one prompt from several sides have in common.
struct AnswerHead: Sendable {
    /// The answer's own id.
    var id: String
    /// Seconds since 1970.
    var created: Int
    /// The model's name.
    var model: String
    /// Names model and build.
    var fingerprint: String

    /// Writes the members.
    func write(object: String, to writer: inout JSONWriter) {
        writer.member("id", id)
        writer.member("object", object)
        writer.member("created", created)
        writer.member("model", model)
        writer.member("system_fingerprint", fingerprint)
    }
}

/// The settings of one lane, understood in full.
struct LanePlan: Sendable {
    /// Its name.
    var name: String
    /// Its own settings, as given or as swept.
    var settings: JSON
    /// The seed in effect.
    var seed: Int64
    /// Every setting in effect as a JSON object; nil unless asked for.
    var effective: JSON?
    /// The receipt, without what the answer adds to it; nil unless asked for.
    var receipt: Receipt.Draft?
}

/// A comparison understood in full.
struct ComparisonPlan: Sendable {
    var head: AnswerHead
    var model: ModelInfo
    /// One per lane.
    var prompts: [PromptPlan]
    /// Whether lanes may have prompts of their own.
    var hasOwnPrompts: Bool
    /// The field that the prompt came from, for errors.
    var promptParam: String
    var lanes: [LanePlan]
    /// One per lane.
    var requests: [GenerationRequest]
    /// Continuations per lane.
    var samples: Int
    /// The seed of lanes that have none of their own.
    var seed: Int64
    /// Whether the answer is a stream.
    var isStreamed: Bool
    /// Right answers; empty: none known.
    var references: [String]
    /// What the answer holds besides.
    var extras: Set<AnswerExtra>
    /// What the client ought to know.
    var warnings: [RequestWarning]

    /// Whether all lanes go on from the same tokens: only then it can be said where they part.
    var isOnePrompt: Bool { prompts.allSatisfy { $0.ids == prompts[0].ids } }

    /// Tokens that all prompts begin with.
    var sharedTokens: Int { isOnePrompt ? prompts[0].ids.count : GenerationPlanner.sharedTokens(requests) }

    /// Tokens of all prompts, those that they share counted once.
    var promptTokens: Int { prompts.reduce(sharedTokens) { $0 + $1.ids.count - sharedTokens } }

    /// The work: what the prompts begin with is computed once.
    var group: GenerationGroup {
        var group = GenerationGroup(requests, sharedTokens: sharedTokens)
        group.reportsDivergence = isOnePrompt
        return group
    }
}
