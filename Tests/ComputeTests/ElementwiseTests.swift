// SPDX-License-Identifier: Apache-2.0

import CNative
import Compute
import Glibc
import Testing

/// Values of all kinds: ordinary, tiny, huge, subnormal, both zeros, infinite.
private func variedValues(_ count: Int, finite: Bool = false, using generator: inout SeededGenerator) -> [Float] {
    (0..<count).map { _ in
        switch Int.random(in: 0..<(finite ? 14 : 16), using: &generator) {
        case 0: 0
        case 1: -0.0
        case 2: Float(bitPattern: UInt32.random(in: 1..<0x80_0000, using: &generator))
        case 3: -Float.leastNonzeroMagnitude
        case 4: generator.normal() * 1e-20
        case 5: generator.normal() * 100
        case 6: finite ? generator.normal() : Float(bitPattern: UInt32.random(in: 0..<0x7f80_0000, using: &generator))
        case 14: .infinity
        case 15: -.infinity
        default: generator.normal() * 3
        }
    }
}

/// Bits, with all NaN alike: their payload depends on the order of operands.
private func comparable(_ values: [Float]) -> [UInt32] { values.map { $0.isNaN ? 0x7fc0_0000 : $0.bitPattern } }

@Suite struct ElementwiseTests {
    typealias Operation = @Sendable (UnsafePointer<tpr_ops>, [Float], [Float], Int) -> [Float]

    /// Every row-wise kernel as a function of two inputs, read from `offset` on.
    static let operations: [(name: String, finite: Bool, run: Operation)] = [
        ("exponential", false, { ops, a, _, at in output(a, at) { ops.pointee.exponential($0, $1, $2) } }),
        (
            "swiglu", false,
            { ops, a, b, at in
                b.withUnsafeBufferPointer { b in output(a, at) { ops.pointee.swiglu($0, b.baseAddress, $1, $2) } }
            }
        ),
        ("gelu", false, { ops, a, _, at in inPlace(a, at) { ops.pointee.gelu($0, $1) } }),
        ("gelu_tanh", false, { ops, a, _, at in inPlace(a, at) { ops.pointee.gelu_tanh($0, $1) } }),
        (
            "add", false,
            { ops, a, b, at in
                b.withUnsafeBufferPointer { b in inPlace(a, at) { ops.pointee.add(b.baseAddress, $1, $0) } }
            }
        ),
        (
            "rms_norm", false,
            { ops, a, b, at in
                b.withUnsafeBufferPointer { b in
                    output(a, at) { ops.pointee.rms_norm($0, $1, b.baseAddress, 1e-5, $2) }
                }
            }
        ),
        (
            "layer_norm", false,
            { ops, a, b, at in
                b.withUnsafeBufferPointer { b in
                    output(a, at) { ops.pointee.layer_norm($0, $1, b.baseAddress, b.baseAddress, 1e-5, $2) }
                }
            }
        ),
        (
            "rope_halves", false,
            { ops, a, b, at in
                b.withUnsafeBufferPointer { b in
                    inPlace(a, at) { ops.pointee.rope_halves($0, $1 / 2, b.baseAddress, b.baseAddress) }
                }
            }
        ),
        (
            "rope_interleaved", false,
            { ops, a, b, at in
                b.withUnsafeBufferPointer { b in
                    inPlace(a, at) { ops.pointee.rope_interleaved($0, $1 / 2, b.baseAddress, b.baseAddress) }
                }
            }
        ),
        (
            "log_sum_exp", false,
            { ops, a, _, at in
                a[at...].withUnsafeBufferPointer { [ops.pointee.log_sum_exp($0.baseAddress, $0.count)] }
            }
        ),
        (
            "first_non_finite", false,
            { ops, a, _, at in
                a[at...].withUnsafeBufferPointer { [Float(ops.pointee.first_non_finite($0.baseAddress, $0.count))] }
            }
        ),
        (
            "to_half", false,
            { ops, a, _, at in
                var halves = [UInt16](repeating: 0, count: a.count - at)
                a[at...].withUnsafeBufferPointer { ops.pointee.to_half($0.baseAddress, $0.count, &halves) }
                return halves.map(Float.init)
            }
        ),
    ]

    private static func output(
        _ input: [Float], _ at: Int, _ body: (UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>) -> Void
    ) -> [Float] {
        var result = [Float](repeating: 7, count: input.count + 1)
        input.withUnsafeBufferPointer { input in
            result.withUnsafeMutableBufferPointer { result in
                if let from = input.baseAddress, let to = result.baseAddress {
                    body(from + at, input.count - at, to + at)
                }
            }
        }
        return result
    }

    private static func inPlace(
        _ input: [Float], _ at: Int, _ body: (UnsafeMutablePointer<Float>, Int) -> Void
    ) -> [Float] {
        var result = input
        result.withUnsafeMutableBufferPointer { result in
            if let start = result.baseAddress { body(start + at, result.count - at) }
        }
        return result
    }

    @Test(arguments: operations.indices)
    func theBestKernelsGiveTheBitsOfThePortableOnes(index: Int) {
        let operation = Self.operations[index]
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        for count in Array(0...67) + [255, 256, 257, 300, 1000, 4099] {
            for at in [0, 1] where at <= count {
                for finite in [true, false] {
                    let a = variedValues(count, finite: finite, using: &generator)
                    let b = variedValues(count + 1, finite: finite, using: &generator)
                    let found = comparable(operation.run(tpr_ops_best(), a, b, at))
                    let expected = comparable(operation.run(tpr_ops_scalar(), a, b, at))
                    #expect(
                        firstDifference(found, expected) == nil,
                        "\(operation.name), seed \(seed), \(count) values from \(at) on")
                }
            }
        }
    }

    @Test(arguments: [32, 256])
    func quantizedActivationsAreTheSameInBothAndNearTheInput(group: Int) {
        var generator = SeededGenerator(seed: 31)
        let span = group == 32 ? 4 : 16
        for count in [group, 3 * group, 8 * group] {
            for finite in [true, true, false] {
                var input = variedValues(count, finite: finite, using: &generator)
                if finite { for i in 0..<group { input[i] = generator.normal() * 1e-35 } }
                var results: [([Int8], [Float], [Int16])] = []
                for ops in [tpr_ops_best(), tpr_ops_scalar()] {
                    var bytes = [Int8](repeating: 0, count: count)
                    var scales = [Float](repeating: 0, count: count / group)
                    var sums = [Int16](repeating: 0, count: count / span)
                    if group == 32 {
                        ops?.pointee.quantize32(input, count, &bytes, &scales, &sums)
                    } else {
                        ops?.pointee.quantize256(input, count, &bytes, &scales, &sums)
                    }
                    results.append((bytes, scales, sums))
                }
                #expect(firstDifference(results[0].0, results[1].0) == nil)
                #expect(firstDifference(comparable(results[0].1), comparable(results[1].1)) == nil)
                #expect(firstDifference(results[0].2, results[1].2) == nil)
                let (bytes, scales, sums) = results[0]
                for start in stride(from: 0, to: count, by: span) {
                    #expect(bytes[start..<start + span].reduce(0) { $0 + Int($1) } == Int(sums[start / span]))
                }
                for (index, value) in input.enumerated() {
                    let scale = scales[index / group]
                    if !input[index / group * group..<(index / group + 1) * group].allSatisfy(\.isFinite) {
                        #expect(!scale.isFinite)
                    } else {
                        #expect(abs(Float(bytes[index]) * scale - value) <= max(scale * 0.5001, 1e-30))
                    }
                }
            }
        }
    }

    @Test func everyFloatNearAHalfIsRoundedAsTheProcessorDoes() {
        // All halves, the middles between them, and the neighbours of these.
        var values: [Float] = []
        for bits in UInt16(0)...0x7c00 {
            let half = Float(Float16(bitPattern: bits))
            let middle = bits < 0x7bff ? (half + Float(Float16(bitPattern: bits + 1))) / 2 : 65520
            values += [half, middle, middle.nextUp, middle.nextDown, -middle]
        }
        for ops in [tpr_ops_best(), tpr_ops_scalar()] {
            var halves = [UInt16](repeating: 0, count: values.count)
            ops?.pointee.to_half(values, values.count, &halves)
            #expect(firstDifference(halves, values.map { Float16($0).bitPattern }) == nil)
        }
    }
}

@Suite struct ActivationTests {
    let kernels = Kernels(pool: WorkerPool(threadCount: 2))

    @Test func functionsAreNearTheirDefinitions() {
        let inputs = stride(from: Float(-30), through: 30, by: 0.0137).map { $0 }
        func check(_ name: String, _ result: [Float], _ expected: (Double) -> Double) {
            for (x, y) in zip(inputs, result) {
                #expect(abs(Double(y) - expected(Double(x))) <= 2e-7 * (1 + abs(Double(x))), "\(name)(\(x)) = \(y)")
            }
        }
        var values = inputs
        kernels.gelu(&values, count: values.count)
        check("gelu", values) { $0 / 2 * (1 + erf($0 / 2.0.squareRoot())) }
        values = inputs
        kernels.geluTanh(&values, count: values.count)
        check("geluTanh", values) { $0 / 2 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
        let ones = [Float](repeating: 1, count: inputs.count)
        kernels.swiGLU(gate: inputs, up: ones, count: inputs.count, output: &values)
        check("silu", values) { $0 / (1 + exp(-$0)) }
        // In place of either input.
        values = inputs
        values.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            kernels.swiGLU(gate: start, up: ones, count: inputs.count, output: start)
        }
        check("silu in place", values) { $0 / (1 + exp(-$0)) }
    }

    @Test func largeCallsGiveTheBitsOfSmallOnes() {
        var generator = SeededGenerator(seed: 4)
        let gate = generator.normals(100_003)
        let up = generator.normals(gate.count)
        var whole = [Float](repeating: 0, count: gate.count)
        kernels.swiGLU(gate: gate, up: up, count: gate.count, output: &whole)
        var pieces: [Float] = []
        for start in stride(from: 0, to: gate.count, by: 1009) {
            let end = min(start + 1009, gate.count)
            var piece = [Float](repeating: 0, count: end - start)
            kernels.swiGLU(
                gate: Array(gate[start..<end]), up: Array(up[start..<end]), count: end - start, output: &piece)
            pieces += piece
        }
        #expect(firstDifference(whole.bits, pieces.bits) == nil)
    }

    @Test(arguments: [ElementType.f32, .f16, .bf16])
    func normsAreNearTheirDefinitions(type: ElementType) throws {
        var generator = SeededGenerator(seed: 6)
        for columns in [1, 5, 64, 577] {
            let rows = 3
            let stride = columns + 2
            let input = generator.normals(rows * stride).map { $0 + 0.5 }
            let weight = try randomTensor(type, rows: 1, columns: columns, misalignment: 1, using: &generator)
            let bias = try randomTensor(type, rows: 1, columns: columns, using: &generator)
            var rms = [Float](repeating: 0, count: rows * columns)
            var layer = rms
            kernels.rmsNorm(
                input: input, inputStride: stride, rows: rows, columns: columns, weight: weight, epsilon: 1e-5,
                output: &rms, outputStride: columns)
            kernels.layerNorm(
                input: input, inputStride: stride, rows: rows, columns: columns, weight: weight, bias: bias,
                epsilon: 1e-5, output: &layer, outputStride: columns)
            for row in 0..<rows {
                let x = input[row * stride..<row * stride + columns].map(Double.init)
                let mean = x.reduce(0, +) / Double(columns)
                let square = x.reduce(0) { $0 + $1 * $1 } / Double(columns)
                let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
                for k in 0..<columns {
                    let (w, b) = (Double(weight.floats[k]), Double(bias.floats[k]))
                    let wantedRMS = x[k] / (square + 1e-5).squareRoot() * w
                    let wantedLayer = (x[k] - mean) / (variance + 1e-5).squareRoot() * w + b
                    #expect(abs(Double(rms[row * columns + k]) - wantedRMS) < 2e-6)
                    #expect(abs(Double(layer[row * columns + k]) - wantedLayer) < 1e-5)
                }
            }
        }
    }

    @Test(arguments: [RopeTable.Pairing.interleaved, .halves])
    func ropeRotatesPairsByTheirAngle(pairing: RopeTable.Pairing) {
        var generator = SeededGenerator(seed: 7)
        let (headCount, headSize, dimensions, stride) = (3, 20, 16, 64)
        let frequencies = (0..<dimensions / 2).map { pow(10000, -2 * Double($0) / Double(dimensions)) }
        let table = RopeTable(
            dimensions: dimensions, pairing: pairing, frequencies: frequencies, magnitude: 1.5, positionCount: 3000)
        let positions: [Int32] = [0, 1, 2999]
        let input = generator.normals(positions.count * stride)
        var values = input
        kernels.rope(
            &values, rows: positions.count, rowStride: stride, headCount: headCount, headSize: headSize,
            positions: positions, table: table)
        var expected = input.map(Double.init)
        for (row, position) in positions.enumerated() {
            for head in 0..<headCount {
                for pair in 0..<dimensions / 2 {
                    let start = row * stride + head * headSize
                    let (i, j) =
                        pairing == .halves
                        ? (start + pair, start + pair + dimensions / 2) : (start + 2 * pair, start + 2 * pair + 1)
                    let angle = Double(position) * frequencies[pair]
                    let (a, b) = (Double(input[i]), Double(input[j]))
                    expected[i] = 1.5 * (a * cos(angle) - b * sin(angle))
                    expected[j] = 1.5 * (b * cos(angle) + a * sin(angle))
                }
            }
        }
        for (found, wanted) in zip(values, expected) { #expect(abs(Double(found) - wanted) < 1e-6) }
    }

    @Test func logSumExpIsAccurateAndTakesInfinities() {
        var generator = SeededGenerator(seed: 8)
        let logits = generator.normals(150_001).map { $0 * 5 }
        let expected = log(logits.reduce(0.0) { $0 + exp(Double($1)) })
        #expect(abs(Double(kernels.logSumExp(logits, count: logits.count)) - expected) < 1e-6)
        #expect(kernels.logSumExp([-.infinity, 2, -.infinity], count: 3) == 2)
        #expect(kernels.logSumExp([-.infinity, -.infinity], count: 2) == -.infinity)
        #expect(kernels.logSumExp([], count: 0) == -.infinity)
        #expect(kernels.logSumExp([1, .infinity], count: 2) == .infinity)
        #expect(kernels.logSumExp([1, .nan, 3], count: 3).isNaN)
        #expect(abs(kernels.logSumExp([1000, 1000], count: 2) - 1000.6931) < 1e-3)
    }

    @Test func theFirstNonFiniteValueIsFound() {
        for count in [1, 7, 8, 255, 256, 257, 1000] {
            let values = [Float](repeating: 1, count: count)
            #expect(kernels.firstNonFinite(values, count: count) == nil)
            for index in [0, count / 2, count - 1] {
                for bad in [Float.nan, .infinity, -.infinity] {
                    var values = values
                    values[index] = bad
                    values[count - 1] = bad
                    #expect(kernels.firstNonFinite(values, count: count) == index)
                }
            }
        }
        #expect(kernels.firstNonFinite([], count: 0) == nil)
    }

    @Test(arguments: ElementType.allCases, [Float.nan, .infinity])
    func anActivationThatIsNotFiniteShowsInTheResult(type: ElementType, bad: Float) throws {
        var generator = SeededGenerator(seed: 9)
        let weight = try randomTensor(type, rows: 3, columns: 512, using: &generator)
        var input = generator.normals(512)
        input[300] = bad
        let output = linear(kernels, weight, input, rows: 1)
        #expect(kernels.firstNonFinite(output, count: 3) == 0)
    }
}
