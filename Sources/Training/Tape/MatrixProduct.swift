// SPDX-License-Identifier: Apache-2.0

internal import CNative

/// The right-hand side of products, packed for the kernels.
struct PackedMatrix {
    /// b(k, j) = start[k · step + j · column]; one stride is 1.
    struct Source {
        let start: UnsafePointer<Float>
        let step: Int
        let column: Int
        let depth: Int
        let columns: Int

        var strips: Int { (columns + Int(TPR_PRODUCT_WIDTH) - 1) / Int(TPR_PRODUCT_WIDTH) }
    }

    let buffer: Buffer
    let depth: Int
    let columns: Int
}

extension TapeMachine {
    /// Packs several matrices at once. The sources' memory must live until this returns.
    func pack(_ sources: [PackedMatrix.Source]) -> [PackedMatrix] {
        let packed = sources.map { source in
            PackedMatrix(
                buffer: allocate(tpr_packed_floats(source.depth, source.columns)), depth: source.depth,
                columns: source.columns)
        }
        let counts = sources.map { ($0.strips + 3) / 4 }
        run(counts.reduce(0, +)) { chunk in
            var index = 0
            var chunk = chunk
            while chunk >= counts[index] {
                chunk -= counts[index]
                index += 1
            }
            let source = sources[index]
            training.pointee.pack(
                source.start, source.step, source.column, source.depth, source.columns, 4 * chunk,
                min(4 * chunk + 4, source.strips), packed[index].buffer.start)
        }
        return packed
    }

    /// Rows of `output` (`stride` floats apart) become, or with `accumulates` gain, `a · b`; `a` is `[rows, b.depth]` with
    /// rows `aStride` floats apart.
    func product(
        _ a: UnsafePointer<Float>, aStride: Int, rows: Range<Int>, _ b: PackedMatrix, bias: UnsafePointer<Float>? = nil,
        accumulates: Bool = false, into output: UnsafeMutablePointer<Float>, stride: Int
    ) {
        var job = tpr_product(
            columns: b.columns, depth: b.depth, a: a, a_row: aStride, a_step: 1, b: b.buffer.start, c: output,
            c_stride: stride, bias: bias, accumulates: accumulates ? 1 : 0)
        training.pointee.product(&job, rows.lowerBound, rows.upperBound)
    }

    /// Rows of `output` gain `aᵀ · b`; `a` is `[b.depth, outputs]` with rows `aStride` floats apart.
    func transposedProduct(
        _ a: UnsafePointer<Float>, aStride: Int, rows: Range<Int>, _ b: PackedMatrix,
        into output: UnsafeMutablePointer<Float>
    ) {
        var job = tpr_product(
            columns: b.columns, depth: b.depth, a: a, a_row: 1, a_step: aStride, b: b.buffer.start, c: output,
            c_stride: b.columns, bias: nil, accumulates: 1)
        training.pointee.product(&job, rows.lowerBound, rows.upperBound)
    }

    /// Rows that a chunk of a product has: a multiple of what the kernel works on together.
    static let productRows = 2 * Int(TPR_PRODUCT_ROWS)
    /// The same for gradients of weights, which have fewer rows and more depth.
    static let weightRows = Int(TPR_PRODUCT_ROWS)
}
