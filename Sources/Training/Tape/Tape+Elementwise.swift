// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import CNative

extension Tape {
    func add(_ sum: consuming TapeValue, _ addend: TapeValue) -> TapeValue {
        let (sum, machine) = (sum, machine)
        let result =
            sum.isKept
            ? make(rows: sum.rows, columns: sum.columns)
            : TapeValue(sum.buffer, rows: sum.rows, columns: sum.columns)
        machine.sum(sum.buffer, addend.buffer, into: result.buffer)
        return record("add", result) {
            guard let gradient = result.takeGradient() else { return }
            sum.addGradient(gradient, machine)
            addend.addGradient(gradient, machine)
        }
    }

    func swiGLU(gate: consuming TapeValue, up: TapeValue) -> TapeValue {
        let (gate, machine) = (gate, machine)
        let result = make(rows: gate.rows, columns: gate.columns)
        machine.runElements(result.count) { range in
            let start = range.lowerBound
            machine.inference.pointee.swiglu(
                gate.buffer.start + start, up.buffer.start + start, range.count, result.buffer.start + start)
        }
        return record("swiGLU", result, keeping: [gate, up]) {
            guard let gradient = result.takeGradient() else { return }
            let gates = machine.allocate(gate.count)
            let ups = machine.allocate(up.count)
            machine.runElements(gate.count) { range in
                let start = range.lowerBound
                machine.training.pointee.swiglu_gradient(
                    gate.buffer.start + start, up.buffer.start + start, gradient.start + start, range.count,
                    gates.start + start, ups.start + start)
            }
            gate.addGradient(gates, machine)
            up.addGradient(ups, machine)
        }
    }

    func gelu(_ input: consuming TapeValue, tanh: Bool) -> TapeValue {
        let (input, machine) = (input, machine)
        let result = make(rows: input.rows, columns: input.columns)
        machine.runElements(result.count) { range in
            let output = result.buffer.start + range.lowerBound
            output.update(from: input.buffer.start + range.lowerBound, count: range.count)
            let kernel = tanh ? machine.inference.pointee.gelu_tanh : machine.inference.pointee.gelu
            kernel?(output, range.count)
        }
        return record("gelu", result, keeping: [input]) {
            guard let gradient = result.takeGradient() else { return }
            let slopes = machine.allocate(input.count)
            machine.runElements(input.count) { range in
                let start = range.lowerBound
                let table = machine.training.pointee
                let kernel = tanh ? table.gelu_tanh_gradient : table.gelu_gradient
                kernel?(input.buffer.start + start, gradient.start + start, range.count, slopes.start + start)
            }
            input.addGradient(slopes, machine)
        }
    }

    func split(_ value: TapeValue, _ widths: [Int]) -> [TapeValue] {
        precondition(widths.reduce(0, +) == value.columns)
        let machine = machine
        var parts: [(value: TapeValue, column: Int)] = []
        for width in widths {
            parts.append((make(rows: value.rows, columns: width), parts.last.map { $0.column + $0.value.columns } ?? 0))
        }
        machine.runRows(value.rows, columns: value.columns) { rows in
            for (part, column) in parts {
                for row in rows {
                    (part.buffer.start + row * part.columns).update(
                        from: value.buffer.start + row * value.columns + column, count: part.columns)
                }
            }
        }
        // One step for all parts, which are nothing but pieces of the value.
        recording?.append { [parts] in
            let whole = machine.allocate(value.count)
            let gradients = parts.map { $0.value.takeGradient() }
            guard gradients.contains(where: { $0 != nil }) else { return }
            machine.runRows(value.rows, columns: value.columns) { rows in
                for ((part, column), gradient) in zip(parts, gradients) {
                    for row in rows {
                        let target = whole.start + row * value.columns + column
                        if let gradient {
                            target.update(from: gradient.start + row * part.columns, count: part.columns)
                        } else {
                            target.update(repeating: 0, count: part.columns)
                        }
                    }
                }
            }
            value.addGradient(whole, machine)
        }
        return parts.map(\.value)
    }

    func outputs(_ input: TapeValue) -> TapeValue {
        let (rows, machine) = (batch.outputs, machine)
        guard rows.count != input.rows else { return input }
        let columns = input.columns
        let result = make(rows: rows.count, columns: columns)
        machine.runRows(rows.count, columns: columns) { range in
            for index in range {
                (result.buffer.start + index * columns).update(
                    from: input.buffer.start + rows[index] * columns, count: columns)
            }
        }
        return record("outputs", result) {
            guard let gradient = result.takeGradient() else { return }
            let whole = machine.allocate(input.count)
            machine.zero(whole)
            machine.runRows(rows.count, columns: columns) { range in
                for index in range {
                    (whole.start + rows[index] * columns).update(
                        from: gradient.start + index * columns, count: columns)
                }
            }
            input.addGradient(whole, machine)
        }
    }
}
