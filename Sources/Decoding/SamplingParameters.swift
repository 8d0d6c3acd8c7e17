// SPDX-License-Identifier: Apache-2.0

/// The decoding controls of one request, in the order in which they act: bias, penalties, temperature, top-k, top-p,
/// min-p, draw. Values are validated before they come here.
public struct SamplingParameters: Sendable, Equatable {
    /// T: logits are divided by it; 0 means argmax.
    public var temperature: Float = 1
    /// Keep the k largest logits; 0 keeps all. Exactly k survive: ties go to the smaller id.
    public var topK: Int = 0
    /// Keep the smallest set of likeliest ids whose probability reaches this; 1 keeps all.
    public var topP: Float = 1
    /// Keep ids at least this fraction as likely as the likeliest; 0 keeps all.
    public var minP: Float = 0
    /// Seed of the counter-based noise.
    public var seed: UInt64 = 0
    /// Added to the logits of these ids.
    public var logitBias: [Int32: Float] = [:]
    /// Subtracted per occurrence in the output so far.
    public var frequencyPenalty: Float = 0
    /// Subtracted once an id occurred in the output.
    public var presencePenalty: Float = 0
    /// Divides positive and multiplies negative logits of ids seen in prompt or output (Keskar et al. 2019).
    public var repetitionPenalty: Float = 1

    /// The defaults: plain sampling from the model's distribution.
    public init() {}
}

/// The log-probability of one id. Raw: the log-softmax of the model's own logits.
public struct TokenLogprob: Sendable, Equatable {
    /// The token.
    public var id: Int32
    /// Natural logarithm of the probability.
    public var logprob: Float

    /// A pair of the given parts.
    public init(id: Int32, logprob: Float) {
        self.id = id
        self.logprob = logprob
    }
}
