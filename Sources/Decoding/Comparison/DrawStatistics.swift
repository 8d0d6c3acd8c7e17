// SPDX-License-Identifier: Apache-2.0

/// What can be said of a drawn token and of the distributions at its place. Logarithms are natural, entropies in nats.
public struct DrawStatistics: Sendable, Equatable {
    /// The token's log-probability in the model's own distribution.
    public var rawLogprob: Double
    /// The entropy of that.
    public var rawEntropy: Double
    /// The token's log-probability in what the stages left, from which it was drawn.
    public var processedLogprob: Double
    /// The entropy of that.
    public var processedEntropy: Double
    /// How many ids the stages left.
    public var survivorCount: Int

    /// Statistics of the given parts.
    public init(
        rawLogprob: Double, rawEntropy: Double, processedLogprob: Double, processedEntropy: Double, survivorCount: Int
    ) {
        self.rawLogprob = rawLogprob
        self.rawEntropy = rawEntropy
        self.processedLogprob = processedLogprob
        self.processedEntropy = processedEntropy
        self.survivorCount = survivorCount
    }

    /// The statistics of `id`, which was just drawn from `logits` with `workspace`.
    ///
    /// - Parameters:
    ///   - logits: the model's own, all finite.
    ///   - position: the index of the token in the whole sequence, for error texts.
    /// - Throws: ``DecodingError`` if no draw used the workspace.
    public init(
        of id: Int32, logits: UnsafeBufferPointer<Float>, position: Int, workspace: SamplingWorkspace
    ) throws(DecodingError) {
        guard let left = ProcessedProbabilities(of: workspace), logits.indices.contains(Int(id)) else {
            throw .noCandidates(position: position)
        }
        let raw = SoftmaxStatistics(logits)
        rawLogprob = Double(logits[Int(id)]) - raw.logSum
        rawEntropy = raw.entropy
        processedLogprob = Double(left.of(id))
        processedEntropy = left.entropy
        survivorCount = left.count
    }
}
