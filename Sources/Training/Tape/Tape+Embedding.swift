// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import CNative

extension Tape {
    func embed(_ table: TrainableParameter) -> TapeValue { gather(table, batch.ids, "embed") }

    func embedPositions(_ table: TrainableParameter) -> TapeValue { gather(table, batch.positions, "embedPositions") }

    private func gather(_ table: TrainableParameter, _ indices: [Int32], _ operation: String) -> TapeValue {
        let (machine, columns) = (machine, table.inputs)
        let result = make(rows: indices.count, columns: columns)
        machine.runRows(indices.count, columns: columns) { rows in
            for row in rows {
                (result.buffer.start + row * columns).update(
                    from: machine.weight(table) + Int(indices[row]) * columns, count: columns)
            }
        }
        return record(operation, result) {
            guard let gradient = result.takeGradient() else { return }
            // Each chunk takes some columns of all rows, so that rows of the same id are added in order.
            machine.run(columns, by: 32) { range in
                indices.withUnsafeBufferPointer { indices in
                    machine.training.pointee.scatter_add(
                        gradient.start, indices.count, columns, indices.baseAddress, range.lowerBound, range.upperBound,
                        machine.gradient(table))
                }
            }
        }
    }
}
