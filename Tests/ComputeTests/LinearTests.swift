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

    @Test(arguments: ElementType.allCases)
    func rowsDoNotDependOnTheirNumberOrOnThreads(type: ElementType) throws {
        var generator = SeededGenerator(seed: 21)
        let kernels = [1, 2, 3].map { Kernels(pool: WorkerPool(threadCount: $0)) }
        // Odd numbers of outputs, and columns that leave rests of lanes (plain types) and of column blocks.
        let sizes = type.blockSize == 1 ? [(29, 67), (50, 515), (1, 8)] : [(29, 256), (50, 768), (1, 512)]
        for (outputs, columns) in sizes {
            let weight = try randomTensor(type, rows: outputs, columns: columns, using: &generator)
            let bias = try randomTensor(.f32, rows: 1, columns: outputs, using: &generator)
            for rows in Array(1...9) + [37, 64, 70] {
                let input = generator.normals(rows * columns)
                let alone = (0..<rows).flatMap { row in
                    linear(
                        kernels[0], weight, Array(input[row * columns..<(row + 1) * columns]), rows: 1, bias: bias)
                }
                for kernels in kernels {
                    let together = linear(kernels, weight, input, rows: rows, bias: bias)
                    #expect(
                        firstDifference(together.bits, alone.bits) == nil,
                        "\(rows)×\(outputs)×\(columns), \(kernels.pool.threadCount) threads")
                }
            }
        }
    }

    @Test func largeMapsDoNotDependOnThreads() throws {
        // Enough work that the pool is really used.
        var generator = SeededGenerator(seed: 22)
        let kernels = [1, 2, 3].map { Kernels(pool: WorkerPool(threadCount: $0)) }
        for type in ElementType.allCases {
            let weight = try randomTensor(type, rows: 700, columns: 1024, using: &generator)
            for rows in [1, 5] {
                let input = generator.normals(rows * 1024)
                let results = kernels.map { linear($0, weight, input, rows: rows).bits }
                #expect(firstDifference(results[1], results[0]) == nil, "\(type.name), 2 threads, \(rows) rows")
                #expect(firstDifference(results[2], results[0]) == nil, "\(type.name), 3 threads, \(rows) rows")
            }
        }
    }

    @Test(arguments: ElementType.allCases)
    func theBestKernelsGiveTheBitsOfThePortableOnes(type: ElementType) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let portable = Kernels(pool: WorkerPool(threadCount: 1), isPortable: true)
        let best = Kernels(pool: WorkerPool(threadCount: 1))
        let sizes =
            type.blockSize == 1 ? Array(1...67) + [300, 513] : [1, 2, 3, 5, 8, 9, 16].map { $0 * type.blockSize }
        for columns in sizes {
            for (rows, outputs) in [(1, 9), (1, 3), (2, 5), (3, 7), (4, 4), (7, 26), (33, 19)] {
                let misalignment = Int.random(in: 0...3, using: &generator)
                let weight = try randomTensor(
                    type, rows: outputs, columns: columns, misalignment: misalignment, using: &generator)
                let input = generator.normals(rows * columns)
                let found = linear(best, weight, input, rows: rows).bits
                let expected = linear(portable, weight, input, rows: rows).bits
                #expect(
                    firstDifference(found, expected) == nil,
                    "seed \(seed): \(rows)×\(outputs)×\(columns)")
            }
        }
    }

    @Test(arguments: ElementType.allCases)
    func moreRowsThanGoTogetherGiveTheBitsOfThePortableOnes(type: ElementType) throws {
        var generator = SeededGenerator(seed: 23)
        let columns = type.blockSize == 256 ? 512 : 288
        let weight = try randomTensor(type, rows: 18, columns: columns, using: &generator)
        let input = generator.normals(301 * columns)
        let found = linear(Kernels(pool: WorkerPool(threadCount: 1)), weight, input, rows: 301).bits
        let portable = Kernels(pool: WorkerPool(threadCount: 1), isPortable: true)
        #expect(firstDifference(found, linear(portable, weight, input, rows: 301).bits) == nil)
    }

    @Test(arguments: ElementType.allCases.filter { $0.blockSize > 1 }, [0x00, 0x7f, 0x80, 0xff] as [UInt8])
    func extremeBlocksDoNotOverflow(type: ElementType, byte: UInt8) throws {
        let columns = 2 * 256
        var bytes = [UInt8](repeating: byte, count: 9 * columns / type.blockSize * type.blockBytes)
        for block in stride(from: 0, to: bytes.count, by: type.blockBytes) {
            for offset in type.halfOffsets { (bytes[block + offset], bytes[block + offset + 1]) = (0, 0x3c) }
        }
        let weight = try makeTensor(type, rows: 9, columns: columns, bytes: bytes)
        let best = Kernels(pool: WorkerPool(threadCount: 1))
        let portable = Kernels(pool: WorkerPool(threadCount: 1), isPortable: true)
        let weights = weight.floats
        for sign in [Float(1), -1] {
            for rows in [1, 3, 7, 25] {
                let input = [Float](repeating: sign, count: rows * columns)
                let found = linear(best, weight, input, rows: rows)
                #expect(firstDifference(found.bits, linear(portable, weight, input, rows: rows).bits) == nil)
                // All products have the greatest magnitude and one sign: what wraps around is far off.
                let expected = sign * weights.prefix(columns).reduce(0, +)
                #expect(abs(found[0] - expected) <= 1e-3 * abs(expected))
            }
        }
    }
}
