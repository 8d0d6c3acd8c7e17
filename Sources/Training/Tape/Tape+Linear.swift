// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import CNative

extension Tape {
    func linear(_ input: TapeValue, _ layers: [Linear<TrainableParameter>]) -> [TapeValue] {
        let machine = machine
        let results = layers.map { make(rows: input.rows, columns: $0.weight.outputs) }
        // b(k, j) = weight[j][k]
        let packed = machine.pack(
            layers.map { layer in
                .init(
                    start: machine.weight(layer.weight), step: 1, column: input.columns, depth: input.columns,
                    columns: layer.weight.outputs)
            })
        let rowChunks = (input.rows + TapeMachine.productRows - 1) / TapeMachine.productRows
        machine.run(rowChunks * layers.count) { chunk in
            let index = chunk % layers.count
            let start = chunk / layers.count * TapeMachine.productRows
            machine.product(
                input.buffer.start, aStride: input.columns,
                rows: start..<min(start + TapeMachine.productRows, input.rows), packed[index],
                bias: layers[index].bias.map { UnsafePointer(machine.weight($0)) },
                into: results[index].buffer.start, stride: results[index].columns)
        }
        for (index, result) in results.enumerated() {
            let isLast = index == results.count - 1
            // The step that is recorded last runs first: it finds the gradients of all results.
            _ = record("linear", result, keeping: [input]) {
                guard isLast else { return }
                Self.backward(input, layers, results, machine)
            }
        }
        return results
    }

    /// dx += Σ dy · W, dW += dyᵀ · x, db += Σ dy.
    private static func backward(
        _ input: TapeValue, _ layers: [Linear<TrainableParameter>], _ results: [TapeValue], _ machine: TapeMachine
    ) {
        let parts = zip(layers, results).compactMap { layer, result in
            result.takeGradient().map { (layer: layer, gradient: $0) }
        }
        guard !parts.isEmpty else { return }
        let (rows, columns) = (input.rows, input.columns)
        let (target, accumulates) = input.openGradient(machine)
        // b(k, j) = weight[k][j], and x for the gradients of the weights.
        let packed = machine.pack(
            parts.map { part in
                .init(
                    start: machine.weight(part.layer.weight), step: columns, column: 1,
                    depth: part.layer.weight.outputs, columns: columns)
            } + [.init(start: input.buffer.start, step: columns, column: 1, depth: rows, columns: columns)])
        let rowChunks = (rows + TapeMachine.productRows - 1) / TapeMachine.productRows
        let weightChunks = parts.map { ($0.layer.weight.outputs + TapeMachine.weightRows - 1) / TapeMachine.weightRows }
        machine.run(rowChunks + weightChunks.reduce(0, +)) { chunk in
            guard chunk >= rowChunks else {
                let start = chunk * TapeMachine.productRows
                for (index, part) in parts.enumerated() {
                    machine.product(
                        part.gradient.start, aStride: part.layer.weight.outputs,
                        rows: start..<min(start + TapeMachine.productRows, rows), packed[index],
                        accumulates: accumulates || index > 0, into: target.start, stride: columns)
                }
                return
            }
            var index = 0
            var place = chunk - rowChunks
            while place >= weightChunks[index] {
                place -= weightChunks[index]
                index += 1
            }
            let (layer, gradient) = parts[index]
            let outputs = layer.weight.outputs
            let range = place * TapeMachine.weightRows..<min((place + 1) * TapeMachine.weightRows, outputs)
            machine.transposedProduct(
                gradient.start, aStride: outputs, rows: range, packed[parts.count],
                into: machine.gradient(layer.weight))
            guard let bias = layer.bias else { return }
            machine.training.pointee.scatter_add(
                gradient.start, rows, outputs, nil, range.lowerBound, range.upperBound, machine.gradient(bias))
        }
    }
}
