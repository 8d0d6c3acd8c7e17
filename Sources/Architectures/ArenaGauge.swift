// SPDX-License-Identifier: Apache-2.0

public import Compute

/// The backend that computes nothing: it adds up what the inference backend takes from its arena in one pass, so that
/// the memory is known before the first pass.
///
/// It allocates and gives back in the same places as ``InferenceBackend``; a test holds the two together.
public struct ArenaGauge: Backend {
    /// The shape of an activation.
    public struct Value {
        fileprivate var rows: Int
        fileprivate var columns: Int
    }

    private let rowCount: Int
    private let outputCount: Int
    private var used = 0
    private var peak = 0

    private init(rowCount: Int, outputCount: Int) {
        (self.rowCount, self.outputCount) = (rowCount, outputCount)
    }

    /// The most floats that a pass of up to `rows` rows holds at once, whichever outputs are wanted.
    public static func floatCount<D: Decoder>(_ decoder: D, rows: Int) -> Int where D.Parameter == Tensor {
        // All outputs but one: those are copied, while all outputs are taken where they stand.
        var gauge = ArenaGauge(rowCount: rows, outputCount: max(1, rows - 1))
        _ = decoder.hidden(&gauge)
        return gauge.peak
    }

    private mutating func make(rows: Int, columns: Int) -> Value {
        used += Arena.roundedCount(rows * columns)
        peak = max(peak, used)
        return Value(rows: rows, columns: columns)
    }

    /// See ``Backend/embed(_:)``.
    public mutating func embed(_ table: Tensor) -> Value { make(rows: rowCount, columns: table.columns) }

    /// See ``Backend/embedPositions(_:)``.
    public mutating func embedPositions(_ table: Tensor) -> Value { make(rows: rowCount, columns: table.columns) }

    /// See ``Backend/linear(_:_:)``.
    public mutating func linear(_ input: Value, _ layers: [Linear<Tensor>]) -> [Value] {
        var outputs: [Value] = []
        for layer in layers { outputs.append(make(rows: input.rows, columns: layer.weight.rows)) }
        return outputs
    }

    /// See ``Backend/split(_:_:)``.
    public mutating func split(_ value: Value, _ widths: [Int]) -> [Value] {
        widths.map { Value(rows: value.rows, columns: $0) }
    }

    /// See ``Backend/rmsNorm(_:_:epsilon:)``.
    public mutating func rmsNorm(_ input: Value, _ weight: Tensor, epsilon: Float) -> Value {
        make(rows: input.rows, columns: input.columns)
    }

    /// See ``Backend/rmsNormHeads(_:_:headSize:epsilon:)``.
    public mutating func rmsNormHeads(
        _ input: consuming Value, _ weight: Tensor, headSize: Int, epsilon: Float
    ) -> Value { input }

    /// See ``Backend/layerNorm(_:_:epsilon:)``.
    public mutating func layerNorm(_ input: Value, _ norm: AffineNorm<Tensor>, epsilon: Float) -> Value {
        make(rows: input.rows, columns: input.columns)
    }

    /// See ``Backend/rope(_:headCount:headSize:)``.
    public mutating func rope(_ input: consuming Value, headCount: Int, headSize: Int) -> Value { input }

    /// See ``Backend/attention(queries:keys:values:layer:shape:)``.
    public mutating func attention(
        queries: Value, keys: Value, values: Value, layer: Int, shape: AttentionShape
    ) -> Value {
        make(rows: queries.rows, columns: shape.headCount * shape.headSize)
    }

    /// See ``Backend/swiGLU(gate:up:)``.
    public mutating func swiGLU(gate: consuming Value, up: Value) -> Value { gate }

    /// See ``Backend/gelu(_:tanh:)``.
    public mutating func gelu(_ input: consuming Value, tanh: Bool) -> Value { input }

    /// See ``Backend/add(_:_:)``.
    public mutating func add(_ sum: consuming Value, _ addend: Value) -> Value { sum }

    /// See ``Backend/block(_:_:)``.
    public mutating func block(
        _ input: consuming Value, _ body: (inout ArenaGauge, consuming Value) -> Value
    ) -> Value {
        let mark = used
        let result = body(&self, input)
        used = mark
        return result
    }

    /// See ``Backend/outputs(_:)``.
    public mutating func outputs(_ input: Value) -> Value {
        outputCount == input.rows ? input : make(rows: outputCount, columns: input.columns)
    }
}
