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
        var maps: [tpr_linear] = []
        maps.reserveCapacity(tasks.count)
        var chunks = LinearChunks()
        var quantized: [Int32: tpr_input] = [:]
        for task in tasks {
            precondition(task.weight.columns == columns, "a weight has as many columns as the input")
            let kind = tpr_input_kind(task.weight.type.rawValue)
            let mapInput: tpr_input
            if let known = quantized[kind] {
                mapInput = known
            } else {
                mapInput = makeInput(kind: kind, input: input, rows: rows, columns: columns)
                quantized[kind] = mapInput
            }
            maps.append(
                tpr_linear(
                    type: task.weight.type.rawValue,
                    weight: task.weight.address.assumingMemoryBound(to: UInt8.self),
                    row_bytes: task.weight.rowBytes, bias: nil, output: task.output,
                    output_stride: task.outputStride, rows: rows, columns: columns, input: mapInput))
            chunks.append(task.weight, inputRows: rows)
        }
        compute(maps, chunks: chunks)
        for task in tasks {
            guard let bias = task.bias else { continue }
            precondition(bias.elementCount == task.weight.rows, "a bias has as many elements as there are outputs")
            addBias(bias, to: task, rows: rows)
        }
        withExtendedLifetime(tasks) {}
    }

    private func compute(_ maps: [tpr_linear], chunks: LinearChunks) {
        maps.withUnsafeBufferPointer { maps in
            let runChunk = { (chunk: Int, thread: Int) in
                guard let (map, range) = chunks[chunk], let base = maps.baseAddress else { return }
                self.operations.pointee.linear(
                    base + map, range.lowerBound, range.upperBound, self.scratch(thread: thread))
            }
            if chunks.nanoseconds < 2 * Kernels.handOffNanoseconds {
                for chunk in 0..<chunks.count { runChunk(chunk, 0) }
            } else {
                pool.run(chunkCount: chunks.count, runChunk)
            }
        }
    }

    private func addBias(_ bias: Tensor, to task: LinearTask, rows: Int) {
        let values = floats(bias, slot: 0)
        let count = bias.elementCount
        for row in 0..<rows {
            operations.pointee.add(values, count, task.output + row * task.outputStride)
        }
    }

    private func makeInput(kind: Int32, input: UnsafePointer<Float>, rows: Int, columns: Int) -> tpr_input {
        guard kind != Int32(TPR_INPUT_FLOAT) else {
            return tpr_input(floats: input, bytes: nil, scales: nil, sums: nil)
        }
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

/// The outputs of several linear maps, cut into chunks for the pool.
struct LinearChunks {
    private var maps: [(firstChunk: Int, outputs: Int, chunkOutputs: Int)] = []
    /// The number of chunks.
    private(set) var count = 0
    /// What all chunks take on one thread, roughly.
    private(set) var nanoseconds = 0.0

    /// Adds the outputs of `weight` for `inputRows` rows of input.
    mutating func append(_ weight: Tensor, inputRows: Int) {
        let outputs = weight.rows
        // 20 bytes or 50 floating-point operations a nanosecond.
        let perOutput = max(Double(weight.rowBytes) / 20, Double(2 * weight.columns * inputRows) / 50) + 5
        // A chunk of about 20 µs, in whole tiles: enough chunks to balance, few enough to claim.
        let tile = Int(TPR_LINEAR_TILE)
        let tiles = max(1, min(outputs / tile, Int(20_000 / (perOutput * Double(tile)))))
        maps.append((count, outputs, tiles * tile))
        count += (outputs + tiles * tile - 1) / (tiles * tile)
        nanoseconds += perOutput * Double(outputs)
    }

    /// The map and the outputs that a chunk stands for.
    subscript(chunk: Int) -> (map: Int, outputs: Range<Int>)? {
        guard let map = maps.lastIndex(where: { $0.firstChunk <= chunk }) else { return nil }
        let start = (chunk - maps[map].firstChunk) * maps[map].chunkOutputs
        return (map, start..<min(start + maps[map].chunkOutputs, maps[map].outputs))
    }
}
