// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPServing
import StrictJSON

/// What of example sets is pinned in the caches of an engine's models.
struct ExamplePins: Sendable {
    /// Nil while the models are loaded: nothing is pinned then.
    let engine: (any InferenceEngine)?

    /// Writes the member `pinned` of a set: an entry per prefix.
    func write(of id: String, to writer: inout JSONWriter) {
        writer.member(
            "pinned",
            array: { array in
                for model in engine?.models ?? [] {
                    for prefix in engine?.pins(model: model.id) ?? [] where prefix.owner == id {
                        array.object { entry in
                            entry.member("model", model.id)
                            entry.member("tokens", prefix.tokenCount)
                            entry.member("bytes", prefix.bytes)
                        }
                    }
                }
            })
    }

    /// Lets go of what is pinned of a set.
    func release(_ id: String) { engine?.unpin(owner: id) }
}
