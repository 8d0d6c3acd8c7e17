// SPDX-License-Identifier: Apache-2.0

import Engine
import Prompting
import StrictJSON
import Tokenizers

/// Writes what the model sees: the prompts as they were assembled.
enum AssembledWriter {
    /// The member `assembled`, an entry per prompt.
    static func write(_ prompts: [PromptPlan], model: ModelInfo, to writer: inout JSONWriter) {
        writer.member("assembled", array: { array in for prompt in prompts { write(prompt, model, to: &array) } })
    }

    /// One prompt as an object.
    static func write(_ prompt: PromptPlan, _ model: ModelInfo, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("text", prompt.text)
            object.member("token_ids", prompt.ids)
            object.member("tokens", prompt.ids.count)
            object.member("context_length", model.contextLength)
            if let shots = prompt.shots { write(shots, to: &object) }
            let alignment =
                prompt.spans.isEmpty
                ? nil
                : TokenAlignment(
                    prompt.ids, in: prompt.text, by: model.tokenizer, spellsControl: prompt.spellsControl)
            object.member(
                "spans",
                array: { array in
                    for span in prompt.spans {
                        array.object { entry in
                            entry.member("kind", span.kind)
                            if let index = span.index { entry.member("index", index) }
                            entry.member("start", span.characters.lowerBound)
                            entry.member("end", span.characters.upperBound)
                            if let tokens = alignment?.tokens(in: span.bytes) {
                                entry.member("token_start", tokens.lowerBound)
                                entry.member("token_end", tokens.upperBound)
                            }
                        }
                    }
                })
        }
    }

    private static func write(_ shots: ShotRecord, to writer: inout JSONWriter) {
        writer.member("budget_tokens", shots.budget)
        if let set = shots.set {
            writer.member(
                "set",
                object: { object in
                    object.member("id", set)
                    object.member("version", shots.version)
                })
        }
        writer.member("examples", shots.shown)
        writer.member(
            "dropped",
            array: { array in
                for (indices, reason) in [(shots.excluded, "is_query"), (shots.dropped, "budget")] {
                    for index in indices {
                        array.object { entry in
                            entry.member("index", index)
                            entry.member("reason", reason)
                        }
                    }
                }
            })
    }

    /// The body of `/v1/prompts/assemble`.
    static func dryRun(_ plan: GenerationPlan) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.object { object in
            object.member("object", "prompt.assembly")
            object.member("model", plan.model.id)
            write(plan.prompts, model: plan.model, to: &object)
            object.member("warnings", array: { array in for warning in plan.warnings { warning.write(to: &array) } })
        }
        return writer.bytes
    }
}
