// SPDX-License-Identifier: Apache-2.0

internal import CNative

extension Kernels {
    /// `x / √(mean(x²) + epsilon) · weight` per row of `columns` elements; the weight has `columns` elements.
    public func rmsNorm(
        input: UnsafePointer<Float>, inputStride: Int, rows: Int, columns: Int, weight: Tensor, epsilon: Float,
        output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        precondition(weight.elementCount == columns, "a norm has a weight per column")
        let weights = floats(weight, slot: 0)
        split(rows, nanoseconds: Double(columns) * 0.3) { range in
            for row in range {
                operations.pointee.rms_norm(
                    input + row * inputStride, columns, weights, epsilon, output + row * outputStride)
            }
        }
        withExtendedLifetime(weight) {}
    }

    /// `(x - mean(x)) / √(variance(x) + epsilon) · weight + bias` per row of `columns` elements.
    public func layerNorm(
        input: UnsafePointer<Float>, inputStride: Int, rows: Int, columns: Int, weight: Tensor, bias: Tensor,
        epsilon: Float, output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        precondition(weight.elementCount == columns, "a norm has a weight per column")
        precondition(bias.elementCount == columns, "a norm has a bias per column")
        let weights = floats(weight, slot: 0)
        let biases = floats(bias, slot: 1)
        split(rows, nanoseconds: Double(columns) * 0.5) { range in
            for row in range {
                operations.pointee.layer_norm(
                    input + row * inputStride, columns, weights, biases, epsilon, output + row * outputStride)
            }
        }
        withExtendedLifetime((weight, bias)) {}
    }

    /// Rotates, in place, the first `table.dimensions` elements of each head by the angles of the row's position.
    ///
    /// Shape: `[rows, headCount, headSize]`, rows `rowStride` floats apart. Positions lie in the table.
    public func rope(
        _ values: UnsafeMutablePointer<Float>, rows: Int, rowStride: Int, headCount: Int, headSize: Int,
        positions: UnsafePointer<Int32>, table: RopeTable
    ) {
        precondition(table.dimensions <= headSize, "no more elements are rotated than a head has")
        let pairs = table.dimensions / 2
        let rotate =
            switch table.pairing {
            case .halves: operations.pointee.rope_halves
            case .interleaved: operations.pointee.rope_interleaved
            }
        table.withTable { cosines, sines in
            split(rows, nanoseconds: Double(headCount * headSize) * 0.5) { range in
                for row in range {
                    let position = Int(positions[row])
                    precondition(position >= 0 && position < table.positionCount, "a position lies in the table")
                    for head in 0..<headCount {
                        rotate?(
                            values + row * rowStride + head * headSize, pairs, cosines + position * pairs,
                            sines + position * pairs)
                    }
                }
            }
        }
    }

    /// `silu(gate) · up`, with `silu(x) = x / (1 + e⁻ˣ)`. The output may be either input.
    public func swiGLU(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, count: Int, output: UnsafeMutablePointer<Float>
    ) {
        split(count, nanoseconds: 0.7) { range in
            let start = range.lowerBound
            operations.pointee.swiglu(gate + start, up + start, range.count, output + start)
        }
    }

    /// `x/2 · (1 + erf(x/√2))`, in place.
    public func gelu(_ values: UnsafeMutablePointer<Float>, count: Int) {
        split(count, nanoseconds: 1.5) { operations.pointee.gelu(values + $0.lowerBound, $0.count) }
    }

    /// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`, in place.
    public func geluTanh(_ values: UnsafeMutablePointer<Float>, count: Int) {
        split(count, nanoseconds: 0.8) { operations.pointee.gelu_tanh(values + $0.lowerBound, $0.count) }
    }

    /// Adds `values` to `sum`, element by element.
    public func add(_ values: UnsafePointer<Float>, count: Int, to sum: UnsafeMutablePointer<Float>) {
        split(count, nanoseconds: 0.3) {
            operations.pointee.add(values + $0.lowerBound, $0.count, sum + $0.lowerBound)
        }
    }

    /// The index of the first value that is NaN or infinite, or nil.
    public func firstNonFinite(_ values: UnsafePointer<Float>, count: Int) -> Int? {
        let index = Int(operations.pointee.first_non_finite(values, max(count, 0)))
        return index < count ? index : nil
    }

    /// `log Σ eˣ`: relative to the greatest value, each exponential in float, summed in 8 lanes of double (element i in
    /// lane i mod 8) and these pairwise. No values, or only `-inf`, give `-inf`; a NaN gives NaN.
    public func logSumExp(_ values: UnsafePointer<Float>, count: Int) -> Float {
        operations.pointee.log_sum_exp(values, max(count, 0))
    }
}
