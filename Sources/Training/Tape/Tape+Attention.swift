// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import CNative
internal import Checkpoints
internal import Compute

/// The rotations of all positions, and their inverses for gradients.
struct TapeRope {
    let forward: RopeTable
    let backward: RopeTable

    init(_ config: RopeConfig, positionCount: Int) {
        let angles = RopeFrequencies(config)
        func table(_ sign: Double) -> RopeTable {
            RopeTable(
                dimensions: config.dimensions, pairing: config.pairing == .interleaved ? .interleaved : .halves,
                frequencies: angles.frequencies.map { sign * $0 }, magnitude: angles.magnitude,
                positionCount: positionCount)
        }
        forward = table(1)
        // The transpose of a rotation turns the other way; a magnitude stays.
        backward = table(-1)
    }
}

extension Tape {
    func rope(_ input: consuming TapeValue, headCount: Int, headSize: Int) -> TapeValue {
        guard let rope else { preconditionFailure("a rotary family without a rope configuration") }
        let (input, machine, positions) = (input, machine, batch.positions)
        let result: TapeValue
        if input.isKept {
            result = make(rows: input.rows, columns: input.columns)
            machine.copy(input.buffer, into: result.buffer)
        } else {
            result = TapeValue(input.buffer, rows: input.rows, columns: input.columns)
        }
        machine.rotate(result.buffer, positions, headCount: headCount, headSize: headSize, rope.forward)
        return record("rope", result) {
            guard let gradient = result.takeOwnGradient(machine) else { return }
            machine.rotate(gradient, positions, headCount: headCount, headSize: headSize, rope.backward)
            input.addGradient(gradient, machine)
        }
    }

    func attention(
        queries: TapeValue, keys: TapeValue, values: TapeValue, layer: Int, shape: AttentionShape
    ) -> TapeValue {
        let (machine, rows) = (machine, queries.rows)
        let result = make(rows: rows, columns: queries.columns)
        let job = AttentionJob(
            shape: shape, segments: batch.segments, queries: queries.buffer, keys: keys.buffer, values: values.buffer,
            outputs: result.buffer, logSums: machine.allocate(shape.headCount * rows), rows: rows)
        job.run(machine) { job, scratch in machine.training.pointee.attention(&job, scratch) }
        return record("attention", result, keeping: [queries, keys, values, result]) {
            guard let gradient = result.takeGradient() else { return }
            let parts = [queries, keys, values].map { machine.allocate($0.count) }
            job.run(machine) { job, scratch in
                // The offsets of a gradient are those of its value.
                job.output_gradients = UnsafePointer(gradient.start) + (job.outputs - result.buffer.start)
                job.query_gradients = parts[0].start + (job.queries - UnsafePointer(queries.buffer.start))
                job.key_gradients = parts[1].start + (job.keys - UnsafePointer(keys.buffer.start))
                job.value_gradients = parts[2].start + (job.values - UnsafePointer(values.buffer.start))
                machine.training.pointee.attention_gradient(&job, scratch)
            }
            for (value, part) in zip([queries, keys, values], parts) { value.addGradient(part, machine) }
        }
    }
}

/// Attention of all sequences and heads of a pass: one chunk per sequence and key-value head.
private struct AttentionJob {
    let shape: AttentionShape
    let segments: [Range<Int>]
    let queries: Buffer
    let keys: Buffer
    let values: Buffer
    let outputs: Buffer
    /// `[H, rows]`
    let logSums: Buffer
    let rows: Int

    /// Calls `body` with the kernel's job of each chunk.
    func run(_ machine: TapeMachine, _ body: (inout tpr_self_attention, UnsafeMutablePointer<Float>) -> Void) {
        let size = shape.headSize
        let group = shape.headCount / shape.kvHeadCount
        let window: Int
        switch shape.visibility {
        case .causal(let size): window = size ?? 0
        }
        let longest = segments.reduce(0) { max($0, $1.count) }
        let floats = tpr_self_attention_scratch_floats(longest, size, group)
        machine.run(segments.count * shape.kvHeadCount, scratch: floats) { chunk, scratch in
            let segment = segments[chunk / shape.kvHeadCount]
            let head = chunk % shape.kvHeadCount
            let query = segment.lowerBound * shape.headCount * size + head * group * size
            let key = segment.lowerBound * shape.kvHeadCount * size + head * size
            var job = tpr_self_attention()
            job.length = segment.count
            job.head_size = size
            job.group = group
            job.window = window
            job.scale = shape.scale
            job.queries = UnsafePointer(queries.start + query)
            job.keys = UnsafePointer(keys.start + key)
            job.values = UnsafePointer(values.start + key)
            job.query_stride = shape.headCount * size
            job.key_stride = shape.kvHeadCount * size
            job.outputs = outputs.start + query
            job.log_sums = logSums.start + head * group * rows + segment.lowerBound
            job.log_sum_stride = rows
            body(&job, scratch)
        }
    }
}

extension TapeMachine {
    /// Rotates the heads of all rows in place.
    fileprivate func rotate(_ buffer: Buffer, _ positions: [Int32], headCount: Int, headSize: Int, _ table: RopeTable) {
        guard !memory.isDry else { return }
        positions.withUnsafeBufferPointer { positions in
            guard let base = positions.baseAddress else { return }
            kernels.rope(
                buffer.start, rows: positions.count, rowStride: headCount * headSize, headCount: headCount,
                headSize: headSize, positions: base, table: table)
        }
    }
}
