// SPDX-License-Identifier: Apache-2.0

/// Which tokens of the text so far a penalty counts.
public struct PenaltyRange: Sendable, Hashable {
    /// The part of the text.
    public enum Scope: String, Sendable, CaseIterable {
        /// The prompt alone.
        case prompt
        /// What was generated alone.
        case output
        /// Both.
        case both
    }

    /// The part of the text.
    public var scope: Scope
    /// How many of its last tokens; nil: all.
    public var window: Int?

    /// The last `window` tokens of a part.
    public init(scope: Scope, window: Int?) {
        self.scope = scope
        self.window = window
    }
}

/// A bias on the last id of a sequence. See ``SamplingParameters/sequenceBias``.
public struct SequenceBias: Sendable, Equatable {
    /// The sequence, not empty.
    public var ids: [Int32]
    /// Added to the logit of its last id.
    public var bias: Float

    /// A bias of the given parts.
    public init(ids: [Int32], bias: Float) {
        self.ids = ids
        self.bias = bias
    }
}

/// The least number of tokens before certain ids may be drawn.
public struct MinTokensParameters: Sendable, Equatable {
    /// How many tokens are generated first.
    public var count: Int
    /// The ids that end a choice.
    public var ids: Set<Int32>

    /// So many tokens before any of `ids`.
    public init(count: Int, ids: Set<Int32>) {
        self.count = count
        self.ids = ids
    }
}

/// DRY ("don't repeat yourself"). See `DRY`.
public struct DRYParameters: Sendable, Equatable {
    /// m.
    public var multiplier: Float
    /// b, at least 1.
    public var base: Float = 1.75
    /// a: repeats shorter than this cost nothing.
    public var allowedLength = 2
    /// How many of the last tokens are looked at; nil: all.
    public var window: Int?
    /// What no repeat crosses.
    public var breakers = DRYBreakers([])

    /// The other settings have llama.cpp's defaults but for the window.
    public init(multiplier: Float) { self.multiplier = multiplier }
}

/// Sequences of ids that no repetition crosses. Copies share what was made of them.
public struct DRYBreakers: Sendable, Equatable {
    /// What follows the first id of each, by that id.
    let tails: [Int32: [[Int32]]]

    /// The breakers `sequences`; empty ones have no effect.
    public init(_ sequences: [[Int32]]) {
        var tails: [Int32: [[Int32]]] = [:]
        for sequence in sequences {
            guard let head = sequence.first else { continue }
            let tail = Array(sequence.dropFirst())
            if tails[head]?.contains(tail) != true { tails[head, default: []].append(tail) }
        }
        self.tails = tails
    }
}

/// A reward of the end that grows with the length. See `LengthDecay`.
public struct LengthDecayParameters: Sendable, Equatable {
    /// After how many generated tokens it begins.
    public var start: Int
    /// f.
    public var factor: Float
    /// The ids that end a choice.
    public var ids: Set<Int32>

    /// A reward of the given parts.
    public init(start: Int, factor: Float, ids: Set<Int32>) {
        self.start = start
        self.factor = factor
        self.ids = ids
    }
}

/// Entropy-dependent temperature. See `DynamicTemperature`.
public struct DynamicTemperatureParameters: Sendable, Equatable {
    /// How far T goes below and above the request's temperature; above 0.
    public var range: Float
    /// e.
    public var exponent: Float

    /// The given range and exponent.
    public init(range: Float, exponent: Float = 1) {
        self.range = range
        self.exponent = exponent
    }
}

/// Quadratic smoothing. See `Quadratic`.
public struct QuadraticParameters: Sendable, Equatable {
    /// s, above 0.
    public var factor: Float
    /// c.
    public var curve: Float

    /// The given factor and curve.
    public init(factor: Float, curve: Float = 1) {
        self.factor = factor
        self.curve = curve
    }
}

/// Exclude top choices. See `XTC`.
public struct XTCParameters: Sendable, Equatable {
    /// q, from 0 to 1.
    public var probability: Float
    /// t.
    public var threshold: Float

    /// The given probability and threshold.
    public init(probability: Float, threshold: Float = 0.1) {
        self.probability = probability
        self.threshold = threshold
    }
}

/// Green-list watermark. See `Watermark`.
public struct WatermarkParameters: Sendable, Equatable {
    /// The share of green ids, between 0 and 1.
    public var ratio: Float = 0.25
    /// δ.
    public var bias: Float = 2
    /// The key.
    public var key: UInt64 = 15_485_863

    /// The defaults of transformers.
    public init() {}
}

/// Mirostat. See `MirostatOne`, `MirostatTwo`.
public struct MirostatParameters: Sendable, Equatable {
    /// The variants.
    public enum Version: Int, Sendable {
        /// Estimates a Zipf exponent and keeps k ids.
        case one = 1
        /// Keeps the ids below the surprise limit.
        case two = 2
    }

    /// The variant.
    public var version: Version
    /// τ, the surprise to keep to, in bits.
    public var tau: Float
    /// η, how fast the limit follows.
    public var eta: Float

    /// The given variant, llama.cpp's defaults.
    public init(version: Version, tau: Float = 5, eta: Float = 0.1) {
        self.version = version
        self.tau = tau
        self.eta = eta
    }
}

/// Adaptive-p. See `AdaptiveP`.
public struct AdaptivePParameters: Sendable, Equatable {
    /// The probability to keep to.
    public var target: Float
    /// How much of the past counts.
    public var decay: Float

    /// The given target, llama.cpp's decay.
    public init(target: Float, decay: Float = 0.9) {
        self.target = target
        self.decay = decay
    }
}
