// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import CNative

extension Tape {
    func rmsNorm(_ input: TapeValue, _ weight: TrainableParameter, epsilon: Float) -> TapeValue {
        rmsNorm(input, weight, width: input.columns, epsilon: epsilon, "rmsNorm")
    }

    func rmsNormHeads(
        _ input: consuming TapeValue, _ weight: TrainableParameter, headSize: Int, epsilon: Float
    ) -> TapeValue {
        rmsNorm(input, weight, width: headSize, epsilon: epsilon, "rmsNormHeads")
    }

    /// Normalizes every run of `width` elements.
    private func rmsNorm(
        _ input: TapeValue, _ weight: TrainableParameter, width: Int, epsilon: Float, _ operation: String
    ) -> TapeValue {
        let machine = machine
        let runs = input.count / width
        let result = make(rows: input.rows, columns: input.columns)
        let factors = machine.allocate(runs)
        machine.runRows(runs, columns: width) { range in
            for run in range {
                machine.training.pointee.rms_norm(
                    input.buffer.start + run * width, width, machine.weight(weight), epsilon,
                    result.buffer.start + run * width, factors.start + run)
            }
        }
        return record(operation, result, keeping: [input]) {
            guard let gradient = result.takeGradient() else { return }
            let (target, accumulates) = input.openGradient(machine)
            let parts = machine.makeParts(rows: runs, columns: width)
            machine.runRows(runs, columns: width) { range in
                let part = machine.part(parts, of: range, columns: width)
                for run in range {
                    machine.training.pointee.rms_norm_gradient(
                        input.buffer.start + run * width, machine.weight(weight), factors.start[run],
                        gradient.start + run * width, width, accumulates ? 1 : 0, target.start + run * width, part)
                }
            }
            machine.addRows(parts, columns: width, to: machine.gradient(weight))
        }
    }

    func layerNorm(_ input: TapeValue, _ norm: AffineNorm<TrainableParameter>, epsilon: Float) -> TapeValue {
        let machine = machine
        let (rows, width) = (input.rows, input.columns)
        let result = make(rows: rows, columns: width)
        let kept = machine.allocate(2 * rows)
        machine.runRows(rows, columns: width) { range in
            for row in range {
                machine.training.pointee.layer_norm(
                    input.buffer.start + row * width, width, machine.weight(norm.weight), machine.weight(norm.bias),
                    epsilon, result.buffer.start + row * width, kept.start + 2 * row)
            }
        }
        return record("layerNorm", result, keeping: [input]) {
            guard let gradient = result.takeGradient() else { return }
            let (target, accumulates) = input.openGradient(machine)
            let weights = machine.makeParts(rows: rows, columns: width)
            let biases = machine.makeParts(rows: rows, columns: width)
            machine.runRows(rows, columns: width) { range in
                let weightPart = machine.part(weights, of: range, columns: width)
                let biasPart = machine.part(biases, of: range, columns: width)
                for row in range {
                    machine.training.pointee.layer_norm_gradient(
                        input.buffer.start + row * width, machine.weight(norm.weight), kept.start + 2 * row,
                        gradient.start + row * width, width, accumulates ? 1 : 0, target.start + row * width,
                        weightPart, biasPart)
                }
            }
            machine.addRows(weights, columns: width, to: machine.gradient(norm.weight))
            machine.addRows(biases, columns: width, to: machine.gradient(norm.bias))
        }
    }
}

extension TapeMachine {
    /// A zero row of `columns` sums for each chunk of ``runRows(_:columns:_:)``.
    fileprivate func makeParts(rows: Int, columns: Int) -> Buffer {
        let size = Self.rowsPerChunk(columns)
        let parts = allocate((rows + size - 1) / size * columns)
        zero(parts)
        return parts
    }

    /// The sums of the chunk with these rows.
    fileprivate func part(_ parts: Buffer, of rows: Range<Int>, columns: Int) -> UnsafeMutablePointer<Float> {
        parts.start + rows.lowerBound / Self.rowsPerChunk(columns) * columns
    }
}
