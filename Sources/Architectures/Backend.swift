// SPDX-License-Identifier: Apache-2.0

/// A linear layer: `y = W·x + b`.
public struct Linear<Parameter> {
    /// The weight, `[outputs, inputs]`.
    public var weight: Parameter
    /// The bias, `[outputs]`, if the layer has one.
    public var bias: Parameter?

    /// A layer of the given parts.
    public init(weight: Parameter, bias: Parameter? = nil) {
        self.weight = weight
        self.bias = bias
    }
}

/// A layer norm: scale and shift.
public struct AffineNorm<Parameter> {
    /// The scale, `[C]`.
    public var weight: Parameter
    /// The shift, `[C]`.
    public var bias: Parameter

    /// A norm of the given parts.
    public init(weight: Parameter, bias: Parameter) {
        self.weight = weight
        self.bias = bias
    }
}

extension Linear: Sendable where Parameter: Sendable {}
extension AffineNorm: Sendable where Parameter: Sendable {}

/// The shape of one attention layer.
public struct AttentionShape: Sendable, Equatable {
    /// Which keys a query sees.
    public enum Visibility: Sendable, Equatable {
        /// Those at its own position and before it; with a window, only the last `window` of them.
        case causal(window: Int?)
    }

    /// H: query heads.
    public var headCount: Int
    /// Key and value heads; divides `headCount`.
    public var kvHeadCount: Int
    /// D: the size of one head.
    public var headSize: Int
    /// Scores are multiplied by this before the softmax.
    public var scale: Float
    /// Which keys a query sees.
    public var visibility: Visibility

    /// A shape of the given parts.
    public init(headCount: Int, kvHeadCount: Int, headSize: Int, scale: Float, visibility: Visibility) {
        self.headCount = headCount
        self.kvHeadCount = kvHeadCount
        self.headSize = headSize
        self.scale = scale
        self.visibility = visibility
    }
}

/// What a model family is written against: the operations of a transformer on batches of rows.
///
/// A value is an array `[rows, columns]`, one row per token of the batch that the backend was set up with; the batch
/// also says which ids and positions the rows have. The inference backend computes at once on packed weights and a
/// KV cache; a training backend records the same calls for the backward pass.
///
/// Operations may reuse the memory of their operands: an operand passed as `consuming` is not used again.
public protocol Backend {
    /// An array `[rows, columns]` of activations.
    associatedtype Value
    /// A weight.
    associatedtype Parameter

    /// The rows of `table` (`[V, C]`) for the ids of the batch.
    mutating func embed(_ table: Parameter) -> Value
    /// The rows of `table` (`[positions, C]`) for the positions of the batch.
    mutating func embedPositions(_ table: Parameter) -> Value
    /// Every layer of `layers` applied to the same input.
    mutating func linear(_ input: Value, _ layers: [Linear<Parameter>]) -> [Value]
    /// The columns of `value` cut into parts of the given widths.
    mutating func split(_ value: Value, _ widths: [Int]) -> [Value]
    /// RMS norm of each row (Zhang & Sennrich 2019): `x / √(mean(x²) + ε) · weight`.
    mutating func rmsNorm(_ input: Value, _ weight: Parameter, epsilon: Float) -> Value
    /// The same on each head of each row; `weight` is `[D]`.
    mutating func rmsNormHeads(_ input: consuming Value, _ weight: Parameter, headSize: Int, epsilon: Float) -> Value
    /// Layer norm of each row (Ba et al. 2016).
    mutating func layerNorm(_ input: Value, _ norm: AffineNorm<Parameter>, epsilon: Float) -> Value
    /// Rotates each head of each row by the angles of its position (Su et al. 2021).
    mutating func rope(_ input: consuming Value, headCount: Int, headSize: Int) -> Value
    /// Attention of layer `layer`: remembers keys and values (`[rows, kvHeads · D]`) at the positions of the rows, and
    /// returns for each query row (`[rows, H · D]`) the mix of the values it sees.
    mutating func attention(
        queries: Value, keys: Value, values: Value, layer: Int, shape: AttentionShape
    ) -> Value
    /// `gate · sigmoid(gate) · up`, element by element (Shazeer 2020).
    mutating func swiGLU(gate: consuming Value, up: Value) -> Value
    /// GELU, exact or in its tanh approximation (Hendrycks & Gimpel 2016).
    mutating func gelu(_ input: consuming Value, tanh: Bool) -> Value
    /// The sum.
    mutating func add(_ sum: consuming Value, _ addend: Value) -> Value
    /// One block of the network. A backend may give back, or compute anew later, everything `body` makes but its result.
    mutating func block(
        _ input: consuming Value, _ body: @escaping (inout Self, consuming Value) -> Value
    ) -> Value
    /// The rows of the batch whose output is wanted.
    mutating func outputs(_ input: Value) -> Value
}

/// A decoder, written once for every backend.
public protocol Decoder<Parameter>: Sendable {
    /// A weight.
    associatedtype Parameter

    /// The hidden states `[outputs, C]` after the last norm, for the rows of the batch whose output is wanted.
    func hidden<B: Backend>(_ backend: inout B) -> B.Value where B.Parameter == Parameter
    /// The output head: hidden states to logits `[outputs, V]`.
    var head: Linear<Parameter> { get }
}
