// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import CNative

/// What a row should predict, and how much that counts.
struct Label {
    let target: Int32
    let weight: Float
}

/// The output head with the loss: logits exist for some rows at a time only.
///
/// Loss of a row: `weight · −log softmax(W·h + b)[target]`.
struct CrossEntropyHead {
    let machine: TapeMachine
    let head: Linear<TrainableParameter>

    private var vocabularySize: Int { head.weight.outputs }
    private var width: Int { head.weight.inputs }

    /// Rows of logits at a time: about 8 MiB, and a multiple of what a product works on together.
    private var chunkRows: Int {
        let unit = TapeMachine.weightRows
        return min(max((1 << 21) / vocabularySize / unit, 1), 8) * unit
    }

    /// The loss of the rows of `hidden`, one for each of `labels`; with `findsGradients`, also gradients of the head and
    /// of the rows.
    ///
    /// - Returns: the sums, the first row whose loss is not finite, and the gradient of the rows.
    func run(
        _ hidden: Buffer, _ labels: [Label], findsGradients: Bool
    ) -> (sum: LossSum, notFinite: Int?, gradient: Buffer?) {
        let packed = machine.pack([
            .init(start: machine.weight(head.weight), step: 1, column: width, depth: width, columns: vocabularySize)
        ])[0]
        // Rows of logits are kept apart by a cache line, so that those of a tile do not all fall on one cache set.
        let stride = vocabularySize + 16
        let logits = machine.allocate(min(chunkRows, labels.count) * stride)
        let gradient = findsGradients ? machine.allocate(labels.count * width) : nil
        let packedBack =
            findsGradients
            ? machine.pack([
                .init(start: machine.weight(head.weight), step: width, column: 1, depth: vocabularySize, columns: width)
            ])[0] : nil
        var sum = LossSum()
        var notFinite: Int?
        for start in Swift.stride(from: 0, to: labels.count, by: chunkRows) {
            let rows = start..<min(start + chunkRows, labels.count)
            machine.run(rows.count, by: TapeMachine.weightRows) { range in
                machine.product(
                    hidden.start + start * width, aStride: width, rows: range, packed,
                    bias: head.bias.map { UnsafePointer(machine.weight($0)) }, into: logits.start, stride: stride)
            }
            let outcomes = losses(logits, stride: stride, labels[rows], findsGradients: findsGradients)
            for (index, outcome) in outcomes.enumerated() {
                let label = labels[start + index]
                sum.loss += Double(label.weight) * Double(outcome.loss)
                sum.weight += Double(label.weight)
                sum.labelledCount += 1
                sum.correctCount += outcome.isCorrect ? 1 : 0
                if notFinite == nil, !outcome.loss.isFinite { notFinite = start + index }
            }
            if let gradient, let packedBack {
                backward(logits, stride: stride, hidden, rows, packedBack, into: gradient)
            }
        }
        return (sum, notFinite, gradient)
    }

    /// Logits to losses; with `findsGradients` logits become their gradients.
    private func losses(
        _ logits: Buffer, stride: Int, _ labels: ArraySlice<Label>, findsGradients: Bool
    ) -> [(loss: Float, isCorrect: Bool)] {
        var outcomes = [(loss: Float, isCorrect: Bool)](repeating: (0, false), count: labels.count)
        outcomes.withUnsafeMutableBufferPointer { outcomes in
            // Each chunk writes outcomes of its own rows.
            nonisolated(unsafe) let outcomes = outcomes
            machine.run(labels.count, by: 8) { range in
                for row in range {
                    let label = labels[labels.startIndex + row]
                    var best = 0
                    let loss = withUnsafePointer(to: label.weight) { weight in
                        machine.training.pointee.cross_entropy(
                            logits.start + row * stride, vocabularySize, Int(label.target),
                            findsGradients ? weight : nil, &best)
                    }
                    outcomes[row] = (loss, best == Int(label.target))
                }
            }
        }
        return outcomes
    }

    /// dh = dl · W, dW += dlᵀ · h, db += Σ dl for some rows.
    private func backward(
        _ slopes: Buffer, stride: Int, _ hidden: Buffer, _ rows: Range<Int>, _ packed: PackedMatrix,
        into gradient: Buffer
    ) {
        let rowChunks = (rows.count + TapeMachine.weightRows - 1) / TapeMachine.weightRows
        let start = rows.lowerBound * width
        let packedRows = machine.pack([
            .init(start: hidden.start + start, step: width, column: 1, depth: rows.count, columns: width)
        ])[0]
        let weightChunks = (vocabularySize + TapeMachine.weightRows - 1) / TapeMachine.weightRows
        machine.run(rowChunks + weightChunks) { chunk in
            let first = (chunk < rowChunks ? chunk : chunk - rowChunks) * TapeMachine.weightRows
            if chunk < rowChunks {
                machine.product(
                    slopes.start, aStride: stride, rows: first..<min(first + TapeMachine.weightRows, rows.count),
                    packed,
                    into: gradient.start + start, stride: width)
            } else {
                machine.transposedProduct(
                    slopes.start, aStride: stride, rows: first..<min(first + TapeMachine.weightRows, vocabularySize),
                    packedRows, into: machine.gradient(head.weight))
            }
        }
        guard let bias = head.bias else { return }
        machine.run(vocabularySize, by: 64) { range in
            for row in 0..<rows.count {
                let from = slopes.start + row * stride
                let sums = machine.gradient(bias)
                for column in range { sums[column] += from[column] }
            }
        }
    }
}
