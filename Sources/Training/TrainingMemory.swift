// SPDX-License-Identifier: Apache-2.0

internal import Architectures
public import Checkpoints
internal import Compute

/// Bytes that training a model takes, known before any is allocated.
public struct TrainingMemory: Sendable, Equatable {
    /// The weights in F32.
    public let weights: Int
    /// Their gradients.
    public let gradients: Int
    /// Both moments of the optimizer.
    public let moments: Int
    /// The most that activations, their gradients and scratch take at any moment.
    public let activations: Int

    /// All together.
    public var total: Int { weights + gradients + moments + activations }

    /// What training a model of `config` takes with full passes of sequences of `sequenceLength` rows, all labelled.
    ///
    /// A pass is run without arithmetic and without memory, to see what it would allocate.
    ///
    /// - Throws: ``TrainingError`` if the sequence is longer than the context, or an option outside of its range.
    public init(
        _ config: ModelConfig, options: TrainerOptions, sequenceLength: Int, threadCount: Int
    ) throws(TrainingError) {
        try options.validate()
        guard sequenceLength >= 1, sequenceLength <= config.contextLength else {
            throw .badOption(
                name: "sequenceLength", expected: "1...\(config.contextLength)", found: "\(sequenceLength)")
        }
        guard threadCount >= 1 else {
            throw .badOption(name: "threadCount", expected: "at least 1", found: "\(threadCount)")
        }
        let layout = ParameterLayout(config) { _ in false }
        let decoder: any Decoder<TrainableParameter>
        do {
            decoder = try makeDecoder(config, layout)
        } catch {
            throw .architecture(error)
        }
        var batch = TrainingBatch()
        for sequence in 0..<max(options.rowsPerPass / sequenceLength, 1) {
            for position in 0..<sequenceLength {
                batch.append(id: 0, position: Int32(position), sequence: Int32(sequence), target: 0, weight: 1)
            }
        }
        // A dry machine touches no memory, so the addresses of weights do not matter.
        let placeholder = makeZeros(0)
        defer { UnsafeMutableRawPointer(placeholder).deallocate() }
        let machine = TapeMachine(
            pool: WorkerPool(threadCount: 1), weights: placeholder, gradients: placeholder, isPortable: false,
            dryThreads: threadCount)
        let pass = TrainingPass(
            machine: machine, decoder: decoder, rope: config.rope.map { TapeRope($0, positionCount: 0) },
            recomputesBlocks: options.recomputesBlocks)
        for rows in PassRows.passes(batch, rowsPerPass: options.rowsPerPass) { _ = pass.accumulate(rows) }
        let bytes = layout.elementCount * MemoryLayout<Float>.stride
        weights = bytes
        gradients = bytes
        moments = 2 * bytes
        activations = machine.memory.limitBytes
    }
}
