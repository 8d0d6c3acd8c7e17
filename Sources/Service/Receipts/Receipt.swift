// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPServing
import StrictJSON

/// What it takes to make an answer again, and to tell whether it is the same. Replayed by `POST /v1/replay`.
struct Receipt: Sendable {
    /// The layout of receipts.
    static let version = 1

    /// A continuation.
    struct Output: Sendable {
        /// The index of its prompt.
        var prompt: Int
        /// Its index among the continuations of the prompt.
        var choice: Int
        /// Its tokens.
        var ids: [Int32]
        /// Why it ended.
        var reason: FinishReason?
    }

    /// What is known of a receipt before the answer is made.
    struct Draft: Sendable {
        var model: ModelInfo
        /// Names model and build.
        var fingerprint: String
        /// Settings that give the answer, as fields of a completion.
        var settings: JSONObject
        /// The ids of each prompt.
        var prompts: [[Int32]]
        var hashes: ModelHashes
    }

    let draft: Draft
    let outputs: [Output]

    /// SHA-256 of ids as decimal numbers with commas between them.
    static func digest(of ids: [Int32]) -> String {
        SHA256.hexDigest(of: Array(ids.map(String.init).joined(separator: ",").utf8))
    }

    /// Writes the members.
    func write(to writer: inout JSONWriter) {
        let hashes = draft.hashes.hashes(of: draft.model)
        writer.member("version", Self.version)
        writer.member("model", draft.model.id)
        writer.member("system_fingerprint", draft.fingerprint)
        writer.member("checkpoint_sha256", hashes.checkpoint)
        writer.member("tokenizer_sha256", hashes.tokenizer)
        writer.member("settings", .object(draft.settings))
        writer.member(
            "prompts",
            array: { array in
                for ids in draft.prompts { array.object { Self.write(ids, to: &$0) } }
            })
        writer.member(
            "outputs",
            array: { array in
                for output in outputs {
                    array.object { object in
                        object.member("prompt", output.prompt)
                        object.member("choice", output.choice)
                        Self.write(output.ids, to: &object)
                        AnswerWriter.writeFinish(output.reason, to: &object)
                    }
                }
            })
    }

    private static func write(_ ids: [Int32], to writer: inout JSONWriter) {
        writer.member("sha256", digest(of: ids))
        writer.member("token_ids", ids)
    }
}
