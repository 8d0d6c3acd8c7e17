// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON
import Tokenizers

/// Writes what a search decided, step by step.
enum SearchWriter {
    /// One step: what goes on, what is over, what was given up. Parents are named by their id; null is the prompt.
    static func write(_ step: SearchStep, prompt: Int, _ tokenizer: any Tokenizer, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("prompt", prompt)
            object.member("step", step.index)
            write("kept", step.kept, tokenizer, to: &object)
            write("finished", step.finished, tokenizer, to: &object)
            write("pruned", step.pruned, tokenizer, to: &object)
        }
    }

    private static func write(
        _ name: String, _ nodes: [SearchNode], _ tokenizer: any Tokenizer, to writer: inout JSONWriter
    ) {
        writer.member(
            name,
            array: { array in
                for node in nodes {
                    array.object { entry in
                        if let id = node.id { entry.member("id", id) }
                        entry.key("parent")
                        if let parent = node.parent { entry.value(.integer(Int64(parent))) } else { entry.null() }
                        entry.member("group", node.group)
                        entry.member("token_id", node.token)
                        entry.member("token", TokenLabel.text(node.bytes, id: node.token, tokenizer))
                        entry.member("logprob_sum", node.sum)
                        if let score = node.score { entry.member("score", score) }
                    }
                }
            })
    }
}
