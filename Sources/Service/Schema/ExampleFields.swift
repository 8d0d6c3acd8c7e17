// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// A solved example of a task.
package struct ShotInput: Sendable, Equatable {
    /// What is asked.
    package var input: String
    /// What is answered.
    package var output: String
}

// n-shot prompts.
extension RequestFields {
    static let instruction = Field<String?>.string(
        "instruction", Allowed(min: 1, max: 1_048_576, counting: "bytes"),
        meaning: "What to do, before the examples.")

    static let exampleCount = Allowed(min: 0, max: 1024, counting: "examples")

    static let examples = Field<[ShotInput]>(
        "examples", type: "array of {\"input\",\"output\"}", allowed: exampleCount, default: [], defaultText: "[]",
        meaning: "Solved examples of the task, in the order in which they are shown."
    ) { (json, path, reading) throws(APIError) in
        []
    }

    static let template = Field<String?>.string(
        "template", meaning: "How instruction, examples and query become a prompt.")
}
