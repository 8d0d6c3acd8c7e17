// SPDX-License-Identifier: Apache-2.0

import Compute
import Testing

/// Sequences with keys and values in a paged cache, and queries of their last positions.
private final class AttentionScene {
    struct Row {
        var sequence: Int
        var position: Int
    }

    let layout: KVLayout
    let headCount: Int
    let lengths: [Int]
    /// Per sequence and token `[kvHead][headSize]`, as floats before they are stored.
    private(set) var keys: [[Float]] = []
    private(set) var values: [[Float]] = []
    /// Per sequence and token `[head][headSize]`.
    private(set) var queries: [[Float]] = []
    private let layer: Int
    private var blocks: [UnsafeMutablePointer<UnsafeMutableRawPointer>] = []
    private var memory: [UnsafeMutableRawPointer] = []

    init(layout: KVLayout, headCount: Int, lengths: [Int], layer: Int, kernels: Kernels, seed: UInt64) {
        self.layout = layout
        self.headCount = headCount
        self.lengths = lengths
        self.layer = layer
        var generator = SeededGenerator(seed: seed)
        let size = layout.kvHeadCount * layout.headSize
        for length in lengths {
            let blockCount = (length + layout.blockTokens - 1) / layout.blockTokens
            let table = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: max(blockCount, 1))
            for index in 0..<blockCount {
                let block = UnsafeMutableRawPointer.allocate(byteCount: layout.blockBytes, alignment: 64)
                // What no token has written yet is NaN: it must not reach a result.
                block.initializeMemory(as: UInt8.self, repeating: 0xff, count: layout.blockBytes)
                table[index] = block
                memory.append(block)
            }
            blocks.append(table)
            keys.append(generator.normals(length * size))
            values.append(generator.normals(length * size))
            queries.append(generator.normals(length * headCount * layout.headSize))
        }
        for (sequence, length) in lengths.enumerated() {
            let rows = (0..<length).map {
                AttentionRow(position: Int32($0), blocks: UnsafePointer(blocks[sequence]))
            }
            kernels.storeKV(
                keys: keys[sequence], values: values[sequence], rowStride: size, rows: rows, layer: layer,
                layout: layout)
        }
    }

    deinit {
        for block in memory { block.deallocate() }
        for table in blocks { table.deallocate() }
    }

    /// The results of `rows`, computed in one call, one after the other.
    func attend(_ kernels: Kernels, _ rows: [Row], window: Int?, scale: Float = 0.3) -> [[Float]] {
        let width = headCount * layout.headSize
        var input: [Float] = []
        for row in rows { input += queries[row.sequence][row.position * width..<(row.position + 1) * width] }
        var output = [Float](repeating: .nan, count: rows.count * width)
        let attentionRows = rows.map {
            AttentionRow(position: Int32($0.position), blocks: UnsafePointer(blocks[$0.sequence]))
        }
        output.withUnsafeMutableBufferPointer { output in
            guard let start = output.baseAddress else { return }
            kernels.attention(
                queries: input, queryStride: width, rows: attentionRows, headCount: headCount, layer: layer,
                layout: layout, scale: scale, window: window, output: start, outputStride: width)
        }
        return rows.indices.map { Array(output[$0 * width..<($0 + 1) * width]) }
    }

    /// The textbook result in double precision, over keys and values rounded as the cache does.
    func expected(_ row: Row, window: Int?, scale: Double = 0.3) -> [Double] {
        let size = layout.headSize
        let kvWidth = layout.kvHeadCount * size
        let first = window.map { max(0, row.position - $0 + 1) } ?? 0
        var result: [Double] = []
        for head in 0..<headCount {
            let kvHead = head / (headCount / layout.kvHeadCount)
            let query = queries[row.sequence][
                (row.position * headCount + head) * size..<(row.position * headCount + head + 1) * size]
            let scores = (first...row.position).map { token in
                let key = keys[row.sequence][token * kvWidth + kvHead * size..<token * kvWidth + (kvHead + 1) * size]
                return zip(query, rounded(key)).reduce(0.0) { $0 + Double($1.0) * $1.1 } * scale
            }
            let greatest = scores.max() ?? 0
            let weights = scores.map { exponential($0 - greatest) }
            let sum = weights.reduce(0, +)
            var totals = [Double](repeating: 0, count: size)
            for (token, weight) in zip(first...row.position, weights) {
                let start = token * kvWidth + kvHead * size
                for (d, value) in rounded(values[row.sequence][start..<start + size]).enumerated() {
                    totals[d] += weight * value
                }
            }
            result += totals.map { $0 / sum }
        }
        return result
    }

    /// What the cache gives back of one vector.
    private func rounded(_ vector: ArraySlice<Float>) -> [Double] {
        switch layout.type {
        case .f32: vector.map(Double.init)
        case .f16: vector.map { Double(Float16($0)) }
        case .q8:
            stride(from: vector.startIndex, to: vector.endIndex, by: 32).flatMap { start in
                let block = vector[start..<start + 32]
                let scale = (block.map(abs).max() ?? 0) / 127
                return block.map { Double(Float16(scale)) * Double(($0 / scale).rounded(.toNearestOrAwayFromZero)) }
            }
        }
    }
}

@Suite struct AttentionTests {
    static let shapes: [(heads: Int, kvHeads: Int, headSize: Int)] = [
        (1, 1, 8), (4, 4, 16), (6, 2, 32), (9, 3, 64), (14, 2, 64), (8, 1, 128), (3, 1, 5), (2, 1, 20), (40, 1, 8),
        (4, 2, 80),
    ]

    static let types: [KVLayout.CacheType] = [.f32, .f16, .q8]

    @Test(arguments: shapes, types)
    func isNearTheTextbookInDoublePrecision(
        _ shape: (heads: Int, kvHeads: Int, headSize: Int), type: KVLayout.CacheType
    ) {
        guard type.holds(headSize: shape.headSize) else { return }
        // A byte may round the other way where the quotient is taken by an inverse.
        let tolerance = type == .q8 ? 2e-3 : 2e-6
        for isPortable in [false, true] {
            let kernels = Kernels(pool: WorkerPool(threadCount: 2), isPortable: isPortable)
            let layout = KVLayout(
                layerCount: 2, kvHeadCount: shape.kvHeads, headSize: shape.headSize, type: type)
            let scene = AttentionScene(
                layout: layout, headCount: shape.heads, lengths: [70, 33], layer: 1, kernels: kernels, seed: 5)
            let rows =
                [0, 1, 7, 30, 31, 32, 33, 63, 64, 69].map { AttentionScene.Row(sequence: 0, position: $0) }
                + [0, 32].map { AttentionScene.Row(sequence: 1, position: $0) }
            for window in [nil, 1, 5, 32, 40, 1000] {
                let results = scene.attend(kernels, rows, window: window)
                for (row, result) in zip(rows, results) {
                    for (found, wanted) in zip(result, scene.expected(row, window: window)) {
                        #expect(abs(Double(found) - wanted) < tolerance, "\(row) window \(String(describing: window))")
                    }
                }
            }
        }
    }

    @Test(arguments: [32, 64])
    func rowsDoNotDependOnTheirNeighboursOrThreads(blockTokens: Int) {
        for type in Self.types {
            let layout = KVLayout(
                layerCount: 1, kvHeadCount: 2, headSize: type == .q8 ? 64 : 24, blockTokens: blockTokens, type: type)
            let pools = [1, 2, 3].map { Kernels(pool: WorkerPool(threadCount: $0)) }
            let scene = AttentionScene(
                layout: layout, headCount: 6, lengths: [150, 90], layer: 0, kernels: pools[0], seed: 8)
            for window in [nil, 50] {
                let all =
                    (0..<150).map { AttentionScene.Row(sequence: 0, position: $0) }
                    + (0..<90).map { AttentionScene.Row(sequence: 1, position: $0) }
                let alone = all.map { scene.attend(pools[0], [$0], window: window)[0].bits }
                for kernels in pools {
                    #expect(firstDifference(scene.attend(kernels, all, window: window).map(\.bits), alone) == nil)
                    // In chunks of other sizes, and with other neighbours.
                    var chunked: [[UInt32]] = []
                    for start in stride(from: 0, to: all.count, by: 7) {
                        let rows = Array(all[start..<min(start + 7, all.count)])
                        chunked += scene.attend(kernels, rows, window: window).map(\.bits)
                    }
                    #expect(firstDifference(chunked, alone) == nil)
                    let mixed = (0..<90).flatMap { [150 + $0, $0] }
                    let found = scene.attend(kernels, mixed.map { all[$0] }, window: window).map(\.bits)
                    #expect(firstDifference(found, mixed.map { alone[$0] }) == nil)
                }
            }
        }
    }

    @Test func thePortableKernelsGiveTheSameBits() {
        for shape in Self.shapes {
            for type in Self.types where type.holds(headSize: shape.headSize) {
                let portable = Kernels(pool: WorkerPool(threadCount: 1), isPortable: true)
                let best = Kernels(pool: WorkerPool(threadCount: 1))
                let layout = KVLayout(
                    layerCount: 1, kvHeadCount: shape.kvHeads, headSize: shape.headSize, type: type)
                let scene = AttentionScene(
                    layout: layout, headCount: shape.heads, lengths: [100], layer: 0, kernels: best, seed: 9)
                let rows = (0..<100).map { AttentionScene.Row(sequence: 0, position: $0) }
                for window in [nil, 20] {
                    let found = scene.attend(best, rows, window: window).map(\.bits)
                    let expected = scene.attend(portable, rows, window: window).map(\.bits)
                    #expect(firstDifference(found, expected) == nil, "\(shape) \(type)")
                }
            }
        }
    }

    @Test func whatIsNotFiniteIsNotLostInBytes() {
        for bad in [Float.nan, .infinity, -.infinity] {
            var numbers = [Float](repeating: 0.5, count: 32)
            numbers[7] = bad
            var block = [UInt8](repeating: 0, count: Q8Block.bytes)
            block.withUnsafeMutableBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                Q8Block.store(numbers, at: start)
            }
            #expect(Float16(bitPattern: UInt16(block[0]) | UInt16(block[1]) << 8).isNaN)
        }
    }
}
