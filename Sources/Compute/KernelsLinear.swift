// SPDX-License-Identifier: Apache-2.0

internal import CNative

/// The activations of a call of ``Kernels/linear(input:rows:columns:tasks:)``, quantized once per format in need.
final class ActivationScratch: @unchecked Sendable {
    private let blocks32 = ScratchBuffer()
    private let blocks256 = ScratchBuffer()

    /// Memory for `rows` rows of `columns` quantized elements with a scale per `group` and a sum per `span`.
    func memory(kind: Int32, rows: Int, columns: Int) -> QuantizedRows {
        let is32 = kind == Int32(TPR_INPUT_BLOCKS32)
        let (group, span) = is32 ? (32, 4) : (256, 16)
        let elements = rows * columns
        let scales = elements / group * 4
        // All sizes are multiples of 32 elements; scales first would misalign the bytes.
        let start = (is32 ? blocks32 : blocks256).bytes(count: elements + elements / span * 2 + scales + 64)
        let sums = start + elements
        return QuantizedRows(
            bytes: start.assumingMemoryBound(to: Int8.self),
            scales: (sums + (elements / span * 2 + 31) / 32 * 32).assumingMemoryBound(to: Float.self),
            sums: sums.assumingMemoryBound(to: Int16.self), group: group, span: span)
    }
}

/// Where quantized rows stand.
struct QuantizedRows {
    let bytes: UnsafeMutablePointer<Int8>
    let scales: UnsafeMutablePointer<Float>
    let sums: UnsafeMutablePointer<Int16>
    let group: Int
    let span: Int
}

extension Kernels {
    /// Computes all `tasks` on the same `rows` rows of `columns` floats: quantizes the input once per format that the
    /// weights need, then spreads the outputs of all tasks over the pool in one fork-join.
    ///
    /// Shapes: input `[rows, columns]`, each weight `[outputs, columns]`, each output `[rows, outputs]`.
    public func linear(input: UnsafePointer<Float>, rows: Int, columns: Int, tasks: [LinearTask]) {
        guard rows > 0, !tasks.isEmpty else { return }
        withUnsafeTemporaryAllocation(of: LinearChunks.self, capacity: tasks.count) { chunks in
            var plan = LinearPlan(chunks: chunks)
            var input32: tpr_input?
            var input256: tpr_input?
            for task in tasks {
                precondition(task.weight.columns == columns, "a weight has as many columns as the input")
                precondition(
                    task.bias.map { $0.elementCount == task.weight.rows } ?? true, "a bias has an element per output")
                let kind = tpr_input_kind(task.weight.type.rawValue)
                let mapInput: tpr_input
                switch kind {
                case Int32(TPR_INPUT_BLOCKS32):
                    mapInput = input32 ?? makeInput(kind: kind, input: input, rows: rows, columns: columns)
                    input32 = mapInput
                case Int32(TPR_INPUT_BLOCKS256):
                    mapInput = input256 ?? makeInput(kind: kind, input: input, rows: rows, columns: columns)
                    input256 = mapInput
                default:
                    mapInput = tpr_input(floats: input, bytes: nil, scales: nil, sums: nil)
                }
                plan.append(
                    tpr_linear(
                        type: task.weight.type.rawValue,
                        weight: task.weight.address.assumingMemoryBound(to: UInt8.self),
                        row_bytes: task.weight.rowBytes, bias: task.bias.flatMap(alignedFloats), output: task.output,
                        output_stride: task.outputStride, rows: rows, columns: columns, input: mapInput),
                    outputs: task.weight.rows)
            }
            compute(plan)
        }
        for task in tasks {
            guard let bias = task.bias, alignedFloats(bias) == nil else { continue }
            addBias(bias, to: task, rows: rows)
        }
        withExtendedLifetime(tasks) {}
    }

    private func compute(_ uncut: LinearPlan) {
        let linear = operations.pointee.linear
        let plan = uncut.cut(threadCount: pool.threadCount)
        guard isWorthThreads(nanoseconds: plan.nanoseconds) else {
            for chunk in 0..<plan.chunkCount { plan.run(chunk, linear) }
            return
        }
        pool.run(chunkCount: plan.chunkCount) { plan.run($0, linear) }
    }

    private func addBias(_ bias: Tensor, to task: LinearTask, rows: Int) {
        let values = floats(bias, slot: 0)
        let count = bias.elementCount
        for row in 0..<rows {
            operations.pointee.add(values, count, task.output + row * task.outputStride)
        }
    }

    private func makeInput(kind: Int32, input: UnsafePointer<Float>, rows: Int, columns: Int) -> tpr_input {
        let memory = activations.memory(kind: kind, rows: rows, columns: columns)
        let quantize =
            kind == Int32(TPR_INPUT_BLOCKS32) ? operations.pointee.quantize32 : operations.pointee.quantize256
        split(rows, nanoseconds: Double(columns) * 0.25) { range in
            for row in range {
                let at = row * columns
                quantize?(
                    input + at, columns, memory.bytes + at, memory.scales + at / memory.group,
                    memory.sums + at / memory.span)
            }
        }
        return tpr_input(floats: nil, bytes: memory.bytes, scales: memory.scales, sums: memory.sums)
    }
}

/// A linear map, cut into chunks of outputs.
private struct LinearChunks {
    var map: tpr_linear
    var outputs: Int
    /// The number of its first chunk among those of all maps.
    var firstChunk: Int
    var chunkOutputs: Int
    var nanosecondsPerOutput: Double
}

/// Several linear maps, cut into chunks for the pool.
private struct LinearPlan {
    private let maps: UnsafeMutableBufferPointer<LinearChunks>
    private var mapCount = 0
    /// The number of chunks of all maps, once they are cut.
    private(set) var chunkCount = 0
    /// What all chunks take on one thread, roughly.
    private(set) var nanoseconds = 0.0

    /// A plan that keeps its maps in `chunks`, which has room for all.
    init(chunks: UnsafeMutableBufferPointer<LinearChunks>) { maps = chunks }

    /// Adds a map.
    mutating func append(_ map: tpr_linear, outputs: Int) {
        // 20 bytes or 50 floating-point operations a nanosecond.
        let perOutput = max(Double(map.row_bytes) / 20, Double(2 * map.columns * map.rows) / 50) + 5
        maps.initializeElement(
            at: mapCount,
            to: LinearChunks(
                map: map, outputs: outputs, firstChunk: 0, chunkOutputs: outputs, nanosecondsPerOutput: perOutput))
        mapCount += 1
        nanoseconds += perOutput * Double(outputs)
    }

    /// Cuts the maps into chunks of whole tiles: enough for the threads to end at about the same time, few enough to
    /// claim, at most of about 20 µs each.
    func cut(threadCount: Int) -> LinearPlan {
        var plan = self
        let target = max(2_000, min(20_000, nanoseconds / Double(8 * threadCount)))
        for index in 0..<mapCount {
            let outputs = maps[index].outputs
            let tile = Int(maps[index].map.rows > 1 ? TPR_LINEAR_TILE : TPR_LINEAR_ROW_TILE)
            let wanted = Int(target / (maps[index].nanosecondsPerOutput * Double(tile)))
            maps[index].chunkOutputs = max(1, min(outputs / tile, wanted)) * tile
            maps[index].firstChunk = plan.chunkCount
            plan.chunkCount += (outputs + maps[index].chunkOutputs - 1) / maps[index].chunkOutputs
        }
        return plan
    }

    /// Computes a chunk.
    func run(_ chunk: Int, _ linear: (@convention(c) (UnsafePointer<tpr_linear>?, Int, Int) -> Void)?) {
        var index = mapCount - 1
        while maps[index].firstChunk > chunk { index -= 1 }
        let start = (chunk - maps[index].firstChunk) * maps[index].chunkOutputs
        var map = maps[index].map
        linear?(&map, start, min(start + maps[index].chunkOutputs, maps[index].outputs))
    }
}
