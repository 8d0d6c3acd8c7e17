// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import Checkpoints
internal import Compute

/// Rows of a batch that are run together.
struct PassRows {
    var batch = TapeBatch()
    /// One for each of the batch's outputs.
    var labels: [Label] = []

    /// Appends rows of `source`, one sequence, as far as the last labelled one: what follows it changes no loss.
    private mutating func append(_ source: TrainingBatch, _ rows: Range<Int>) {
        let start = batch.ids.count
        for row in rows {
            if source.weights[row] != 0 {
                batch.outputs.append(batch.ids.count)
                labels.append(Label(target: source.targets[row], weight: source.weights[row]))
            }
            batch.ids.append(source.ids[row])
            batch.positions.append(source.positions[row])
        }
        batch.segments.append(start..<batch.ids.count)
    }

    /// The sequences of `batch` in passes of at most `rowsPerPass` rows, but at least one sequence. Sequences without a
    /// label are left out.
    static func passes(_ batch: TrainingBatch, rowsPerPass: Int) -> [PassRows] {
        var passes: [PassRows] = []
        for segment in batch.segments {
            guard let last = segment.last(where: { batch.weights[$0] != 0 }) else { continue }
            let rows = segment.lowerBound..<last + 1
            if passes.isEmpty || passes[passes.count - 1].batch.ids.count + rows.count > rowsPerPass {
                passes.append(PassRows())
            }
            passes[passes.count - 1].append(batch, rows)
        }
        return passes
    }
}

/// Runs passes of one model.
struct TrainingPass {
    let machine: TapeMachine
    let decoder: any Decoder<TrainableParameter>
    let rope: TapeRope?
    let recomputesBlocks: Bool

    /// The loss of `rows` without gradients.
    func evaluate(_ rows: PassRows, probe: Probe? = nil) -> (sum: LossSum, notFinite: Int?) {
        var tape = Tape(machine: machine, batch: rows.batch, rope: rope, recording: nil, probe: probe)
        let hidden = decoder.hidden(&tape)
        let outcome = CrossEntropyHead(machine: machine, head: decoder.head)
            .run(hidden.buffer, rows.labels, findsGradients: false)
        return (outcome.sum, outcome.notFinite)
    }

    /// The loss of `rows`; its gradients are added to the machine's, unless the loss is not finite.
    func accumulate(_ rows: PassRows) -> (sum: LossSum, notFinite: Int?) {
        let recording = Recording()
        var tape = Tape(
            machine: machine, batch: rows.batch, rope: rope, recording: recording, recomputesBlocks: recomputesBlocks)
        let hidden = decoder.hidden(&tape)
        let outcome = CrossEntropyHead(machine: machine, head: decoder.head)
            .run(hidden.buffer, rows.labels, findsGradients: true)
        if let gradient = outcome.gradient { hidden.addGradient(gradient, machine) }
        recording.runBackward()
        return (outcome.sum, outcome.notFinite)
    }
}
