// SPDX-License-Identifier: Apache-2.0

/// A family of architectures that share their forward pass.
public enum ModelFamily: String, Sendable, CaseIterable {
    /// Llama 2 and 3, SmolLM2, TinyLlama, llama2.c.
    case llama
    /// Mistral: llama with an optional sliding window.
    case mistral
    /// Qwen 2 and 2.5: llama with biases on query, key and value.
    case qwen2
    /// Qwen 3: llama with RMS norms on the heads of query and key.
    case qwen3
    /// GPT-2: learned positions, layer norms, GELU.
    case gpt2
}

/// How rotary position embedding pairs the elements of a head and stretches its angles (Su et al. 2021).
public struct RopeConfig: Sendable, Equatable {
    /// Which elements of a head form a rotated pair.
    public enum Pairing: Sendable, Equatable {
        /// Elements 2i and 2i+1 (llama2.c, GGUF `llama`).
        case interleaved
        /// Elements i and i+d/2 (Hugging Face, GGUF `qwen2`).
        case halves
    }

    /// How angles are changed for contexts longer than those of pre-training.
    public enum Scaling: Sendable, Equatable {
        /// Not at all.
        case none
        /// Every angle divided by `factor`.
        case linear(factor: Double)
        /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a ramp between.
        case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int)
        /// YaRN (Peng et al. 2023). `attentionFactor` nil: 0.1 ln(factor) + 1.
        case yarn(factor: Double, originalContext: Int, betaFast: Double, betaSlow: Double, attentionFactor: Double?)
        /// Each pair's angle divided by its own factor (GGUF `rope_freqs.weight`); `dimensions / 2` factors.
        case factors([Float])
    }

    /// How many leading elements of a head are rotated; even.
    public var dimensions: Int
    /// The base of the geometric series of frequencies, often called theta.
    public var base: Double
    /// Which elements form a pair.
    public var pairing: Pairing
    /// How angles are stretched.
    public var scaling: Scaling

    /// A configuration with the given parts.
    public init(dimensions: Int, base: Double, pairing: Pairing, scaling: Scaling) {
        self.dimensions = dimensions
        self.base = base
        self.pairing = pairing
        self.scaling = scaling
    }
}

/// The hyper-parameters of a decoder, validated: sizes are positive and fit each other and the checkpoint's tensors.
public struct ModelConfig: Sendable, Equatable {
    /// The feed-forward activation.
    public enum Activation: Sendable, Equatable {
        /// x·sigmoid(x), gating a second projection (SwiGLU).
        case swiGLU
        /// GELU in its tanh approximation.
        case geluTanh
        /// GELU by erf.
        case gelu
    }

    /// The family, which chooses the forward pass.
    public var family: ModelFamily
    /// The model's own name, if the checkpoint states one.
    public var name: String?
    /// V: the number of rows of the embedding.
    public var vocabularySize: Int
    /// The longest sequence the model was made for, in tokens.
    public var contextLength: Int
    /// C: the width of the residual stream.
    public var width: Int
    /// The number of blocks.
    public var layerCount: Int
    /// H: the number of query heads.
    public var headCount: Int
    /// The number of key and value heads; divides `headCount`.
    public var kvHeadCount: Int
    /// D: the size of one head.
    public var headSize: Int
    /// The inner width of the feed-forward layer.
    public var feedForwardWidth: Int
    /// The epsilon of every norm.
    public var normEpsilon: Float
    /// Rotary embedding; nil where positions are learned.
    public var rope: RopeConfig?
    /// How many keys a query sees, its own position included: those fewer than this many positions back; nil: all.
    public var slidingWindow: Int?
    /// The feed-forward activation.
    public var activation: Activation
    /// Whether the output head is the embedding.
    public var tiesHead: Bool

    /// A configuration with the given parts.
    public init(
        family: ModelFamily, name: String? = nil, vocabularySize: Int, contextLength: Int, width: Int, layerCount: Int,
        headCount: Int, kvHeadCount: Int, headSize: Int, feedForwardWidth: Int, normEpsilon: Float, rope: RopeConfig?,
        slidingWindow: Int? = nil, activation: Activation, tiesHead: Bool
    ) {
        self.family = family
        self.name = name
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.width = width
        self.layerCount = layerCount
        self.headCount = headCount
        self.kvHeadCount = kvHeadCount
        self.headSize = headSize
        self.feedForwardWidth = feedForwardWidth
        self.normEpsilon = normEpsilon
        self.rope = rope
        self.slidingWindow = slidingWindow
        self.activation = activation
        self.tiesHead = tiesHead
    }
}
