// SPDX-License-Identifier: Apache-2.0

import CNative
import Testing

@Suite("Training kernels")
struct KernelTests {
    /// Which operand stands transposed in memory.
    enum Layout: CaseIterable, Sendable { case plain, transposedB, transposedA }

    /// `[m, n]` += a · b with the kernels of `table`, in calls of `chunk` rows.
    private func product(
        _ table: UnsafePointer<tpr_training_ops>, _ layout: Layout, m: Int, n: Int, k: Int, a: [Float], b: [Float],
        bias: [Float]?, start: [Float]?, chunk: Int
    ) -> [Float] {
        var packed = [Float](repeating: .nan, count: tpr_packed_floats(k, n))
        var result = start ?? [Float](repeating: .nan, count: m * n)
        let isTransposedB = layout == .transposedB
        table.pointee.pack(b, isTransposedB ? 1 : n, isTransposedB ? k : 1, k, n, 0, (n + 15) / 16, &packed)
        a.withUnsafeBufferPointer { a in
            packed.withUnsafeBufferPointer { packed in
                result.withUnsafeMutableBufferPointer { result in
                    (bias ?? []).withUnsafeBufferPointer { biases in
                        var job = tpr_product(
                            columns: n, depth: k, a: a.baseAddress, a_row: layout == .transposedA ? 1 : k,
                            a_step: layout == .transposedA ? m : 1, b: packed.baseAddress, c: result.baseAddress,
                            c_stride: n, bias: bias == nil ? nil : biases.baseAddress, accumulates: start == nil ? 0 : 1
                        )
                        for row in stride(from: 0, to: m, by: chunk) {
                            table.pointee.product(&job, row, min(row + chunk, m))
                        }
                    }
                }
            }
        }
        return result
    }

    @Test("multiply as double arithmetic does, all tables with the same bits", arguments: Layout.allCases)
    func products(_ layout: Layout) {
        var generator = SeededGenerator(seed: 21)
        let sizes = Array(1...18) + [31, 32, 33, 47, 48, 49, 67]
        for _ in 0..<60 {
            let (m, n) = (sizes.randomElement(using: &generator) ?? 1, sizes.randomElement(using: &generator) ?? 1)
            let k = [1, 2, 7, 8, 33, 255, 256, 257, 300, 513, 700].randomElement(using: &generator) ?? 1
            let (a, b) = (generator.floats(m * k), generator.floats(k * n))
            let bias = Bool.random(using: &generator) ? generator.floats(n) : nil
            let start = bias == nil && Bool.random(using: &generator) ? generator.floats(m * n) : nil
            let best = product(
                tpr_training_ops_best(), layout, m: m, n: n, k: k, a: a, b: b, bias: bias, start: start, chunk: m)
            let scalar = product(
                tpr_training_ops_scalar(), layout, m: m, n: n, k: k, a: a, b: b, bias: bias, start: start, chunk: 11)
            #expect(best.map(\.bitPattern) == scalar.map(\.bitPattern), "\(m) × \(n) × \(k)")
            for i in 0..<m {
                for j in 0..<n {
                    var expected = Double(start?[i * n + j] ?? bias?[j] ?? 0)
                    for p in 0..<k {
                        let x = layout == .transposedA ? a[p * m + i] : a[i * k + p]
                        expected += Double(x) * Double(layout == .transposedB ? b[j * k + p] : b[p * n + j])
                    }
                    #expect(
                        abs(Double(best[i * n + j]) - expected) < 1e-6 * Double(k).squareRoot() * 4 + 1e-6,
                        "\(m) × \(n) × \(k) at \(i), \(j)")
                }
            }
        }
    }

    private struct Attention {
        let length: Int
        let size: Int
        let group: Int
        let window: Int
        let queries: [Float]
        let keys: [Float]
        let values: [Float]
        let gradients: [Float]
    }

    /// Outputs, and the gradients of queries, keys and values.
    private func attend(_ table: UnsafePointer<tpr_training_ops>, _ sample: Attention) -> [[Float]] {
        let width = sample.group * sample.size
        var results = [width, width, sample.size, sample.size].map {
            [Float](repeating: .nan, count: sample.length * $0)
        }
        var logSums = [Float](repeating: .nan, count: sample.group * sample.length)
        var scratch = [Float](
            repeating: .nan, count: tpr_self_attention_scratch_floats(sample.length, sample.size, sample.group))
        var job = tpr_self_attention()
        job.length = sample.length
        job.head_size = sample.size
        job.group = sample.group
        job.window = sample.window
        job.scale = 0.3
        job.query_stride = width
        job.key_stride = sample.size
        job.log_sum_stride = sample.length
        func withPointers(_ lists: [[Float]], _ found: [UnsafePointer<Float>], _ body: ([UnsafePointer<Float>]) -> Void)
        {
            guard let first = lists.first else { return body(found) }
            first.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                withPointers(Array(lists.dropFirst()), found + [base], body)
            }
        }
        withPointers([sample.queries, sample.keys, sample.values, sample.gradients], []) { inputs in
            (job.queries, job.keys, job.values, job.output_gradients) = (inputs[0], inputs[1], inputs[2], inputs[3])
            let outputs = results.map { UnsafeMutablePointer<Float>.allocate(capacity: $0.count) }
            defer { for output in outputs { output.deallocate() } }
            (job.outputs, job.query_gradients, job.key_gradients, job.value_gradients) =
                (outputs[0], outputs[1], outputs[2], outputs[3])
            logSums.withUnsafeMutableBufferPointer { buffer in
                job.log_sums = buffer.baseAddress
                table.pointee.attention(&job, &scratch)
                table.pointee.attention_gradient(&job, &scratch)
            }
            for (index, output) in outputs.enumerated() {
                results[index] = Array(UnsafeBufferPointer(start: output, count: results[index].count))
            }
        }
        return results
    }

    /// The same in double, one score at a time.
    private func attendInDouble(_ sample: Attention) -> [[Float]] {
        let (length, size, group) = (sample.length, sample.size, sample.group)
        let width = group * size
        var results = [width, width, size, size].map { [Double](repeating: 0, count: length * $0) }
        for head in 0..<group {
            for row in 0..<length {
                let at = row * width + head * size
                let first = sample.window > 0 ? max(0, row - sample.window + 1) : 0
                func dot(_ a: [Float], _ i: Int, _ b: [Float], _ j: Int) -> Double {
                    (0..<size).reduce(0) { $0 + Double(a[i + $1]) * Double(b[j + $1]) }
                }
                let scores = (first...row).map { dot(sample.queries, at, sample.keys, $0 * size) * Double(Float(0.3)) }
                let sum = scores.reduce(0) { $0 + exponential($1) }
                let weights = scores.map { exponential($0) / sum }
                let products = (first...row).map { dot(sample.gradients, at, sample.values, $0 * size) }
                let shift = zip(weights, products).reduce(0) { $0 + $1.0 * $1.1 }
                for (index, key) in (first...row).enumerated() {
                    let slope = weights[index] * (products[index] - shift) * Double(Float(0.3))
                    for d in 0..<size {
                        results[0][at + d] += weights[index] * Double(sample.values[key * size + d])
                        results[1][at + d] += slope * Double(sample.keys[key * size + d])
                        results[2][key * size + d] += slope * Double(sample.queries[at + d])
                        results[3][key * size + d] += weights[index] * Double(sample.gradients[at + d])
                    }
                }
            }
        }
        return results.map { $0.map(Float.init) }
    }

    @Test("attend as double arithmetic does, all tables with the same bits")
    func attention() {
        var generator = SeededGenerator(seed: 22)
        let cases = [
            (1, 8, 1, 0), (2, 16, 2, 0), (47, 12, 1, 0), (48, 16, 3, 5), (49, 32, 1, 1), (129, 20, 2, 0),
            (200, 16, 2, 64), (257, 8, 1, 130), (300, 32, 1, 0), (300, 16, 1, 40),
        ]
        for (length, size, group, window) in cases {
            let sample = Attention(
                length: length, size: size, group: group, window: window,
                queries: generator.floats(length * group * size), keys: generator.floats(length * size),
                values: generator.floats(length * size), gradients: generator.floats(length * group * size))
            let best = attend(tpr_training_ops_best(), sample)
            let scalar = attend(tpr_training_ops_scalar(), sample)
            let expected = attendInDouble(sample)
            for (index, name) in ["outputs", "queries", "keys", "values"].enumerated() {
                let label = "\(name), \(length) rows of \(size), group of \(group), window \(window)"
                #expect(best[index].map(\.bitPattern) == scalar[index].map(\.bitPattern), "\(label)")
                // A single key has no gradient: nothing to compare but the noise of rounding.
                let isZero = expected[index].allSatisfy { abs($0) < 1e-6 }
                let difference = relativeDifference(best[index], expected[index])
                #expect(
                    isZero ? best[index].allSatisfy { abs($0) < 1e-5 } : difference < 2e-5, "\(label): \(difference)")
            }
        }
    }

    @Test("find the slopes of activations and of the loss")
    func slopes() {
        let table: UnsafePointer<tpr_training_ops> = tpr_training_ops_best()
        let x = (-60...60).map { Float($0) / 10 }
        let ones = [Float](repeating: 1, count: x.count)
        var dx = ones
        func check(_ name: String, tolerance: Double = 2e-6, _ function: (Double) -> Double) {
            for (value, slope) in zip(x, dx) {
                let h = 1e-5
                let expected = (function(Double(value) + h) - function(Double(value) - h)) / (2 * h)
                #expect(abs(Double(slope) - expected) < tolerance, "\(name) at \(value)")
            }
        }
        table.pointee.gelu_gradient(x, ones, x.count, &dx)
        check("gelu") { 0.5 * $0 * (1 + errorFunction($0 / 2.0.squareRoot())) }
        table.pointee.gelu_tanh_gradient(x, ones, x.count, &dx)
        check("gelu_tanh") {
            $0 / (1 + exponential(-2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)))
        }
        var dup = ones
        table.pointee.swiglu_gradient(x, ones, ones, x.count, &dx, &dup)
        check("swiglu") { $0 / (1 + exponential(-$0)) }
        for (value, slope) in zip(x, dup) {
            #expect(abs(Double(slope) - Double(value) / (1 + exponential(-Double(value)))) < 2e-6)
        }
        var logits = x
        var best = 0
        var weight: Float = 0.5
        let loss = table.pointee.cross_entropy(&logits, x.count, 3, &weight, &best)
        let sum = x.reduce(0.0) { $0 + exponential(Double($1)) }
        #expect(best == x.count - 1)
        #expect(abs(Double(loss) - (naturalLogarithm(sum) - Double(x[3]))) < 1e-5)
        for (index, slope) in logits.enumerated() {
            let expected = 0.5 * (exponential(Double(x[index])) / sum - (index == 3 ? 1 : 0))
            #expect(abs(Double(slope) - expected) < 1e-6)
        }
    }
}
