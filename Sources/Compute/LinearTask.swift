// SPDX-License-Identifier: Apache-2.0

/// One linear map of a batch of rows: `output[m, n] = Σ_k input[m, k] · weight[n, k] + bias[n]`.
public struct LinearTask {
    /// The weight, `[outputs, inputs]`, of any ``ElementType``.
    public var weight: Tensor
    /// The bias, `[outputs]`, or none.
    public var bias: Tensor?
    /// Where row 0 of the output starts.
    public var output: UnsafeMutablePointer<Float>
    /// The floats from one row of the output to the next.
    public var outputStride: Int

    /// A map by `weight` and `bias` to rows that start `outputStride` floats apart from `output` on.
    public init(weight: Tensor, bias: Tensor? = nil, output: UnsafeMutablePointer<Float>, outputStride: Int) {
        self.weight = weight
        self.bias = bias
        self.output = output
        self.outputStride = outputStride
    }
}
