// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import Compute

/// Activations on a tape: dense rows, and their gradient while the backward pass has parts of it.
final class TapeValue {
    let buffer: Buffer
    let rows: Int
    let columns: Int
    /// Whether a backward step will read the values, so that they must not be overwritten.
    var isKept = false
    /// The sum of the gradients that later operations have found so far.
    fileprivate var gradient: Buffer?

    init(_ buffer: Buffer, rows: Int, columns: Int) {
        self.buffer = buffer
        self.rows = rows
        self.columns = columns
    }

    var count: Int { rows * columns }

    /// The gradient, which this then no longer has; nil if nothing depends on the value.
    func takeGradient() -> Buffer? {
        defer { gradient = nil }
        return gradient
    }

    /// The memory where an operation writes its part of the gradient; if `accumulates`, it adds to what stands there.
    func openGradient(_ machine: TapeMachine) -> (buffer: Buffer, accumulates: Bool) {
        guard let found = gradient else {
            let made = machine.allocate(count)
            gradient = made
            return (made, false)
        }
        // A sum passes one buffer to both of its parts: whoever writes first takes a copy.
        guard !isUnshared else { return (found, true) }
        let copy = machine.allocate(count)
        machine.copy(found, into: copy)
        gradient = copy
        return (copy, true)
    }

    private var isUnshared: Bool { isKnownUniquelyReferenced(&gradient) }

    /// As ``takeGradient()``, in a buffer that the caller may overwrite.
    func takeOwnGradient(_ machine: TapeMachine) -> Buffer? {
        guard gradient != nil else { return nil }
        _ = openGradient(machine)
        return takeGradient()
    }

    /// Adds a whole buffer to the gradient.
    func addGradient(_ part: Buffer, _ machine: TapeMachine) {
        guard gradient != nil else {
            gradient = part
            return
        }
        let (sum, _) = openGradient(machine)
        machine.sum(sum, part, into: sum)
    }
}

/// The rows of one pass.
struct TapeBatch {
    /// The ids, one per row.
    var ids: [Int32] = []
    /// The positions, one per row.
    var positions: [Int32] = []
    /// The rows of each sequence.
    var segments: [Range<Int>] = []
    /// The rows whose output is wanted, ascending.
    var outputs: [Int] = []
}

/// Finds the first operation whose result is not finite.
final class Probe {
    private(set) var finding: NonFiniteOrigin?

    func look(at value: TapeValue, operation: String, block: Int?, _ machine: TapeMachine) {
        guard finding == nil,
            let index = machine.kernels.firstNonFinite(value.buffer.start, count: value.count)
        else { return }
        finding = .activation(operation: operation, block: block, row: index / value.columns)
    }
}

/// The steps of the backward pass, in the order of the forward pass.
final class Recording {
    private var steps: [() -> Void] = []

    func append(_ step: @escaping () -> Void) { steps.append(step) }

    /// Runs the steps from the last to the first; each gives back what it kept.
    func runBackward() {
        while let step = steps.popLast() { step() }
    }
}

/// The backend that records: computes forward at once and, with a recording, notes for every operation how to carry
/// gradients back (Griewank & Walther 2008, reverse mode).
struct Tape: Backend {
    typealias Value = TapeValue
    typealias Parameter = TrainableParameter

    let machine: TapeMachine
    let batch: TapeBatch
    let rope: TapeRope?
    /// Where backward steps go; nil: forward only.
    let recording: Recording?
    /// Whether a block keeps only its input and is run again in the backward pass.
    let recomputesBlocks: Bool
    let probe: Probe?
    /// The block that is being run, and how many were begun.
    private var block: Int?
    private var blockCount = 0

    init(
        machine: TapeMachine, batch: TapeBatch, rope: TapeRope?, recording: Recording?, recomputesBlocks: Bool = false,
        probe: Probe? = nil
    ) {
        self.machine = machine
        self.batch = batch
        self.rope = rope
        self.recording = recording
        self.recomputesBlocks = recomputesBlocks
        self.probe = probe
    }

    func make(rows: Int, columns: Int) -> TapeValue {
        TapeValue(machine.allocate(rows * columns), rows: rows, columns: columns)
    }

    /// Notes the result of an operation and how its gradient is carried back. `keeping` are values that `backward` reads.
    func record(
        _ operation: String, _ result: TapeValue, keeping: [TapeValue] = [], _ backward: @escaping () -> Void
    ) -> TapeValue {
        probe?.look(at: result, operation: operation, block: block, machine)
        if let recording {
            for value in keeping { value.isKept = true }
            recording.append(backward)
        }
        return result
    }

    mutating func block(
        _ input: consuming TapeValue, _ body: @escaping (inout Tape, consuming TapeValue) -> TapeValue
    ) -> TapeValue {
        block = blockCount
        blockCount += 1
        defer { block = nil }
        guard recomputesBlocks, let recording else { return body(&self, input) }
        let input = input
        input.isKept = true
        var plain = Tape(machine: machine, batch: batch, rope: rope, recording: nil)
        let found = body(&plain, input)
        let result = TapeValue(found.buffer, rows: found.rows, columns: found.columns)
        result.isKept = found.isKept
        recording.append { [machine, batch, rope] in
            guard let gradient = result.takeGradient() else { return }
            let inner = Recording()
            var again = Tape(machine: machine, batch: batch, rope: rope, recording: inner)
            let leaf = TapeValue(input.buffer, rows: input.rows, columns: input.columns)
            leaf.isKept = true
            body(&again, leaf).gradient = gradient
            inner.runBackward()
            if let gradient = leaf.takeGradient() { input.addGradient(gradient, machine) }
        }
        return result
    }
}
