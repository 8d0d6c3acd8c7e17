// SPDX-License-Identifier: Apache-2.0

import Decoding
import StrictJSON
import Tokenizers

/// Writes what the stages did on the way to a token.
enum TraceWriter {
    /// Writes the members `raw`, the model's own distribution, and `stages`, one per stage that acts.
    static func write(_ trace: DrawTrace, _ tokenizer: any Tokenizer, to writer: inout JSONWriter) {
        writer.member(
            "raw",
            object: { level in
                level.member("survivors", trace.raw.survivorCount)
                level.member("entropy", Float(trace.raw.entropy))
                writePlace(trace.raw, tokenizer, to: &level)
            })
        writer.member(
            "stages",
            array: { array in
                var before = trace.raw.entropy
                for step in trace.steps {
                    array.object { entry in
                        entry.member("stage", step.stage?.rawValue ?? "constraint")
                        entry.member("survivors", step.after.survivorCount)
                        entry.member("mass_removed", Float(step.removedMass))
                        entry.member("entropy_before", Float(before))
                        entry.member("entropy_after", Float(step.after.entropy))
                        writePlace(step.after, tokenizer, to: &entry)
                    }
                    before = step.after.entropy
                }
            })
    }

    private static func writePlace(_ level: DrawTrace.Level, _ tokenizer: any Tokenizer, to writer: inout JSONWriter) {
        writer.member("rank", level.rank)
        writer.member("logprob", TokenLabel.writable(level.logprob))
        guard !level.top.isEmpty else { return }
        writer.member(
            "top",
            array: { array in
                for entry in level.top {
                    array.object { object in
                        object.member("id", entry.id)
                        object.member("text", TokenLabel.text(of: entry.id, tokenizer))
                        object.member("logprob", TokenLabel.writable(entry.logprob))
                    }
                }
            })
    }
}
