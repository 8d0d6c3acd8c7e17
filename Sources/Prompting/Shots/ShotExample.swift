// SPDX-License-Identifier: Apache-2.0

/// An example for the model to follow.
public struct ShotExample: Sendable, Equatable {
    /// What is given.
    public var input: String
    /// What is wanted.
    public var output: String
    /// The reasoning that leads from one to the other.
    public var rationale: String?
    /// The class that it belongs to, where that is not the output.
    public var label: String?

    /// An example of the given parts.
    public init(input: String, output: String, rationale: String? = nil, label: String? = nil) {
        self.input = input
        self.output = output
        self.rationale = rationale
        self.label = label
    }

    /// The class that it is counted in: its label, or else its output.
    public var group: String { label ?? output }
}
