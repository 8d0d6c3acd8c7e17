// SPDX-License-Identifier: Apache-2.0

/// What one step of a search decided.
public struct SearchStep: Sendable {
    /// Counted from 0: the place of the step's tokens in the continuation.
    public var index: Int
    /// What goes on, likeliest first within its group.
    public var kept: [SearchNode] = []
    /// What is over and among the best so far.
    public var finished: [SearchNode] = []
    /// What was looked at and given up.
    public var pruned: [SearchNode] = []

    /// A step of the given parts.
    public init(
        index: Int, kept: [SearchNode] = [], finished: [SearchNode] = [], pruned: [SearchNode] = []
    ) {
        self.index = index
        self.kept = kept
        self.finished = finished
        self.pruned = pruned
    }
}

/// A continuation by one token that a search looked at.
public struct SearchNode: Sendable {
    /// Names it in later steps; nil for what was given up.
    public var id: Int?
    /// The node it continues; nil: the prompt.
    public var parent: Int?
    /// The group, counted from 0.
    public var group: Int
    /// The token.
    public var token: Int32
    /// The token's bytes.
    public var bytes: [UInt8]
    /// Σ log p from the prompt on, as the search counts it.
    public var sum: Double
    /// The sum over the norm of its length, by which the finished are ranked.
    public var score: Double?

    /// A node of the given parts.
    public init(
        id: Int?, parent: Int?, group: Int, token: Int32, bytes: [UInt8], sum: Double, score: Double?
    ) {
        self.id = id
        self.parent = parent
        self.group = group
        self.token = token
        self.bytes = bytes
        self.sum = sum
        self.score = score
    }
}
