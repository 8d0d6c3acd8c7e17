// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
public import Compute

/// Activations in a backend's own memory: `rows` of `columns` floats, `stride` floats apart. Valid until the batch ends.
public struct Activation {
    let pointer: UnsafeMutablePointer<Float>
    let rows: Int
    let columns: Int
    let stride: Int

    var count: Int { rows * columns }

    /// A linear layer, an element-wise operation and a sum need rows without gaps.
    func requireDense() {
        precondition(stride == columns, "a strided activation where a dense one is needed")
    }
}

/// The rows that one forward pass computes.
public struct InferenceBatch {
    /// The ids, one per row.
    public var ids: [Int32]
    /// Each row's place in its sequence and the cache blocks of that sequence.
    public var rows: [AttentionRow]
    /// Which rows' output is wanted, ascending.
    public var outputs: [Int]
    /// Layers whose input is wanted of the same rows, ascending: 0 is the embedding, n the output of the n-th layer.
    public var tappedLayers: [Int] = []

    /// A batch without rows.
    public init() {
        ids = []
        rows = []
        outputs = []
    }

    /// Appends a row; the row's blocks must stay where they are until the pass is over.
    public mutating func append(id: Int32, row: AttentionRow, wantsOutput: Bool) {
        if wantsOutput { outputs.append(ids.count) }
        ids.append(id)
        rows.append(row)
    }
}

/// The backend that computes at once: packed weights, a KV cache in blocks, activations in an arena.
///
/// A row's result is a pure function of weights, ids and position: the kernels never let rows influence each other.
/// One thread at a time.
public final class InferenceBackend {
    private let kernels: Kernels
    private let layout: KVLayout
    private let rope: RopeTable?
    private let arena = Arena()
    private var batch = InferenceBatch()
    private var positions: [Int32] = []
    /// By place in the batch's list, the inputs of its tapped layers: `[outputs, C]`.
    private var taps: [[Float]] = []

    /// A backend for a model of the given configuration.
    ///
    /// - Parameters:
    ///   - contextLength: positions are below it.
    ///   - layout: how the cache's blocks are laid out.
    ///   - arenaFloatCount: what ``ArenaGauge`` says for the largest batch, taken at once; larger batches take more then.
    public init(
        kernels: Kernels, config: ModelConfig, contextLength: Int, layout: KVLayout, arenaFloatCount: Int = 0
    ) {
        arena.reserve(arenaFloatCount)
        self.kernels = kernels
        self.layout = layout
        rope = config.rope.map { rope in
            let angles = RopeFrequencies(rope)
            return RopeTable(
                dimensions: rope.dimensions, pairing: rope.pairing == .interleaved ? .interleaved : .halves,
                frequencies: angles.frequencies, magnitude: angles.magnitude, positionCount: contextLength)
        }
    }

    /// The hidden states of the batch's outputs after the last norm: `[outputs, C]`, valid until the next call.
    public func hidden(_ decoder: any Decoder<Tensor>, _ batch: InferenceBatch) -> HiddenStates {
        self.batch = batch
        positions = batch.rows.map(\.position)
        taps = batch.tappedLayers.map { _ in [] }
        arena.reset()
        var backend = Pass(backend: self)
        let states = decoder.hidden(&backend)
        states.requireDense()
        return HiddenStates(pointer: states.pointer, rows: states.rows, columns: states.columns)
    }

    /// The logits that the head makes of a tapped layer's input, of the row `row` of the outputs: V, written to
    /// `output`. No norm is applied. `layer` must be tapped in the last batch.
    public func logits(
        _ decoder: any Decoder<Tensor>, tapped layer: Int, row: Int, into output: UnsafeMutablePointer<Float>
    ) {
        guard let place = batch.tappedLayers.firstIndex(of: layer), !taps[place].isEmpty else {
            preconditionFailure("a layer that was not tapped")
        }
        let columns = taps[place].count / batch.outputs.count
        taps[place].withUnsafeMutableBufferPointer { states in
            guard let base = states.baseAddress else { return }
            logits(
                decoder, HiddenStates(pointer: base, rows: batch.outputs.count, columns: columns), rows: row..<row + 1,
                into: output)
        }
    }

    /// Keeps the input of a layer for the rows whose output is wanted.
    private func keep(_ layer: Int, _ input: Activation) {
        guard let place = batch.tappedLayers.firstIndex(of: layer) else { return }
        var kept: [Float] = []
        kept.reserveCapacity(batch.outputs.count * input.columns)
        for row in batch.outputs {
            kept += UnsafeBufferPointer(start: input.pointer + row * input.stride, count: input.columns)
        }
        taps[place] = kept
    }

    /// The logits of rows `range` of `states`: `[range.count, V]`, written to `output`.
    public func logits(
        _ decoder: any Decoder<Tensor>, _ states: HiddenStates, rows range: Range<Int>,
        into output: UnsafeMutablePointer<Float>
    ) {
        precondition(range.lowerBound >= 0 && range.upperBound <= states.rows)
        guard !range.isEmpty else { return }
        let head = decoder.head
        kernels.linear(
            input: states.pointer + range.lowerBound * states.columns, rows: range.count, columns: states.columns,
            tasks: [
                LinearTask(
                    weight: head.weight, bias: head.bias, output: output, outputStride: head.weight.rows)
            ])
    }

    /// Bytes of the arena now.
    public var arenaBytes: Int { arena.capacityBytes }

    /// The most floats that the last pass held at once.
    package var arenaPeakFloatCount: Int { arena.peakCount }
}

/// Hidden states in a backend's memory.
public struct HiddenStates {
    /// The first row.
    public let pointer: UnsafeMutablePointer<Float>
    /// The number of rows.
    public let rows: Int
    /// C.
    public let columns: Int
}

extension InferenceBackend {
    /// The backend during one pass.
    private struct Pass: Backend {
        typealias Value = Activation
        typealias Parameter = Tensor

        let backend: InferenceBackend
        /// Blocks so far.
        private var layer = 0
        private var kernels: Kernels { backend.kernels }

        init(backend: InferenceBackend) {
            self.backend = backend
        }

        private func make(rows: Int, columns: Int) -> Activation {
            Activation(
                pointer: backend.arena.allocate(rows * columns), rows: rows, columns: columns, stride: columns)
        }

        func embed(_ table: Tensor) -> Activation {
            gather(table, backend.batch.ids)
        }

        func embedPositions(_ table: Tensor) -> Activation {
            gather(table, backend.positions)
        }

        private func gather(_ table: Tensor, _ ids: [Int32]) -> Activation {
            let output = make(rows: ids.count, columns: table.columns)
            ids.withUnsafeBufferPointer { ids in
                guard let base = ids.baseAddress else { return }
                kernels.gather(table: table, ids: base, rows: ids.count, output: output.pointer)
            }
            return output
        }

        func linear(_ input: Activation, _ layers: [Linear<Tensor>]) -> [Activation] {
            input.requireDense()
            let outputs = layers.map { make(rows: input.rows, columns: $0.weight.rows) }
            kernels.linear(
                input: input.pointer, rows: input.rows, columns: input.columns,
                tasks: zip(layers, outputs).map {
                    LinearTask(weight: $0.weight, bias: $0.bias, output: $1.pointer, outputStride: $1.stride)
                })
            return outputs
        }

        func split(_ value: Activation, _ widths: [Int]) -> [Activation] {
            precondition(widths.reduce(0, +) == value.columns)
            var start = 0
            return widths.map { width in
                defer { start += width }
                return Activation(
                    pointer: value.pointer + start, rows: value.rows, columns: width, stride: value.stride)
            }
        }

        func rmsNorm(_ input: Activation, _ weight: Tensor, epsilon: Float) -> Activation {
            let output = make(rows: input.rows, columns: input.columns)
            kernels.rmsNorm(
                input: input.pointer, inputStride: input.stride, rows: input.rows, columns: input.columns,
                weight: weight, epsilon: epsilon, output: output.pointer, outputStride: output.stride)
            return output
        }

        func rmsNormHeads(
            _ input: consuming Activation, _ weight: Tensor, headSize: Int, epsilon: Float
        ) -> Activation {
            input.requireDense()
            kernels.rmsNorm(
                input: input.pointer, inputStride: headSize, rows: input.count / headSize, columns: headSize,
                weight: weight, epsilon: epsilon, output: input.pointer, outputStride: headSize)
            return input
        }

        func layerNorm(_ input: Activation, _ norm: AffineNorm<Tensor>, epsilon: Float) -> Activation {
            let output = make(rows: input.rows, columns: input.columns)
            kernels.layerNorm(
                input: input.pointer, inputStride: input.stride, rows: input.rows, columns: input.columns,
                weight: norm.weight, bias: norm.bias, epsilon: epsilon, output: output.pointer,
                outputStride: output.stride)
            return output
        }

        func rope(_ input: consuming Activation, headCount: Int, headSize: Int) -> Activation {
            guard let table = backend.rope else { preconditionFailure("a rotary family without a rope configuration") }
            backend.positions.withUnsafeBufferPointer { positions in
                guard let base = positions.baseAddress else { return }
                kernels.rope(
                    input.pointer, rows: input.rows, rowStride: input.stride, headCount: headCount,
                    headSize: headSize, positions: base, table: table)
            }
            return input
        }

        func attention(
            queries: Activation, keys: Activation, values: Activation, layer: Int, shape: AttentionShape
        ) -> Activation {
            precondition(keys.stride == values.stride)
            let output = make(rows: queries.rows, columns: shape.headCount * shape.headSize)
            let window: Int?
            switch shape.visibility {
            case .causal(let size): window = size
            }
            kernels.storeKV(
                keys: keys.pointer, values: values.pointer, rowStride: keys.stride, rows: backend.batch.rows,
                layer: layer, layout: backend.layout)
            kernels.attention(
                queries: queries.pointer, queryStride: queries.stride, rows: backend.batch.rows,
                headCount: shape.headCount, layer: layer, layout: backend.layout, scale: shape.scale, window: window,
                output: output.pointer, outputStride: output.stride)
            return output
        }

        func swiGLU(gate: consuming Activation, up: Activation) -> Activation {
            gate.requireDense()
            up.requireDense()
            kernels.swiGLU(gate: gate.pointer, up: up.pointer, count: gate.count, output: gate.pointer)
            return gate
        }

        func gelu(_ input: consuming Activation, tanh: Bool) -> Activation {
            input.requireDense()
            if tanh {
                kernels.geluTanh(input.pointer, count: input.count)
            } else {
                kernels.gelu(input.pointer, count: input.count)
            }
            return input
        }

        func add(_ sum: consuming Activation, _ addend: Activation) -> Activation {
            sum.requireDense()
            addend.requireDense()
            kernels.add(addend.pointer, count: sum.count, to: sum.pointer)
            return sum
        }

        mutating func block(
            _ input: consuming Activation, _ body: @escaping (inout Pass, consuming Activation) -> Activation
        ) -> Activation {
            backend.keep(layer, input)
            layer += 1
            let mark = backend.arena.mark
            let inputPointer = input.pointer
            let result = body(&self, input)
            // The residual stream is added to in place, so the block's result is older than all that can go.
            precondition(result.pointer == inputPointer, "a block that does not add to its residual stream")
            backend.arena.release(to: mark)
            return result
        }

        func outputs(_ input: Activation) -> Activation {
            input.requireDense()
            let rows = backend.batch.outputs
            guard rows.count != input.rows else { return input }
            let output = make(rows: rows.count, columns: input.columns)
            for (index, row) in rows.enumerated() {
                (output.pointer + index * input.columns).update(
                    from: input.pointer + row * input.columns, count: input.columns)
            }
            return output
        }
    }
}
