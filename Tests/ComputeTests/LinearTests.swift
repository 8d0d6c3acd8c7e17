// SPDX-License-Identifier: Apache-2.0

import Compute
import Testing

/// `rows` rows through one linear map.
func linear(
    _ kernels: Kernels, _ weight: Tensor, _ input: [Float], rows: Int, bias: Tensor? = nil
) -> [Float] {
    let outputs = weight.rows
    return [Float](unsafeUninitializedCapacity: rows * outputs) { buffer, count in
        if let output = buffer.baseAddress {
            kernels.linear(
                input: input, rows: rows, columns: weight.columns,
                tasks: [LinearTask(weight: weight, bias: bias, output: output, outputStride: outputs)])
        }
        count = rows * outputs
    }
}

@Suite struct LinearTests {
    /// Weight types, and the greatest error there may be, relative to the root of the sum of squared products.
    static let tolerances: [(type: ElementType, tolerance: Double)] = [
        (.f32, 1e-6), (.f16, 1e-6), (.bf16, 1e-6), (.q8_0, 0.02), (.q4_0, 0.02), (.q4_1, 0.02), (.q5_0, 0.02),
        (.q5_1, 0.02), (.q2_K, 0.03), (.q3_K, 0.03), (.q4_K, 0.03), (.q5_K, 0.03), (.q6_K, 0.03),
    ]

    @Test(arguments: tolerances, [false, true])
    func isNearTheDoublePrecisionProduct(_ entry: (type: ElementType, tolerance: Double), isPortable: Bool) throws {
        let seed: UInt64 = 11
        var generator = SeededGenerator(seed: seed)
        let kernels = Kernels(pool: WorkerPool(threadCount: 2), isPortable: isPortable)
        for (rows, outputs, blocks) in [(1, 1, 1), (1, 17, 2), (3, 5, 3), (5, 30, 1), (9, 8, 4)] {
            let columns = blocks * max(entry.type.blockSize, 31)
            let weight = try randomTensor(entry.type, rows: outputs, columns: columns, using: &generator)
            let bias = try randomTensor(.f32, rows: 1, columns: outputs, using: &generator)
            let input = generator.normals(rows * columns)
            let output = linear(kernels, weight, input, rows: rows, bias: bias)
            let (weights, biases) = (weight.floats, bias.floats)
            for row in 0..<rows {
                for n in 0..<outputs {
                    var expected = Double(biases[n])
                    var squares = 1e-12
                    for k in 0..<columns {
                        let product = Double(input[row * columns + k]) * Double(weights[n * columns + k])
                        expected += product
                        squares += product * product
                    }
                    let error = abs(Double(output[row * outputs + n]) - expected) / squares.squareRoot()
                    #expect(error < entry.tolerance, "\(entry.type.name) \(rows)×\(outputs)×\(columns) at \(row),\(n)")
                }
            }
        }
    }
}
