// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import Checkpoints
public import Compute

/// Trains a model: accumulates gradients over batches, then takes a step of AdamW.
///
/// The same seed, batches and options give the same weights bit for bit on one machine, whatever the number of threads.
///
/// Concurrency: one user at a time.
public final class Trainer {
    /// The weights under training.
    public let parameters: TrainableParameters
    /// How it works.
    public let options: TrainerOptions
    private let gradients: UnsafeMutablePointer<Float>
    private let machine: TapeMachine
    private let pass: TrainingPass
    private let optimizer: AdamW
    /// What was accumulated since the last step.
    private var accumulated = LossSum()

    /// A trainer of `parameters` on the threads of `pool`.
    ///
    /// - Throws: ``TrainingError`` if the weights do not make a model or an option is outside of its range.
    public convenience init(
        _ parameters: TrainableParameters, options: TrainerOptions, pool: WorkerPool
    ) throws(TrainingError) {
        try self.init(parameters, options: options, pool: pool, isPortable: false)
    }

    /// As above; if `isPortable`, with the scalar reference of every kernel.
    package init(
        _ parameters: TrainableParameters, options: TrainerOptions, pool: WorkerPool, isPortable: Bool
    ) throws(TrainingError) {
        try options.validate()
        let decoder: any Decoder<TrainableParameter>
        do {
            decoder = try makeDecoder(parameters.config, parameters.layout)
        } catch {
            throw .architecture(error)
        }
        self.parameters = parameters
        self.options = options
        gradients = makeZeros(parameters.elementCount)
        machine = TapeMachine(
            pool: pool, weights: parameters.values, gradients: gradients, isPortable: isPortable)
        pass = TrainingPass(
            machine: machine, decoder: decoder,
            rope: parameters.config.rope.map { TapeRope($0, positionCount: parameters.config.contextLength) },
            recomputesBlocks: options.recomputesBlocks)
        optimizer = AdamW(parameters.layout, options.optimizer)
    }

    deinit { UnsafeMutableRawPointer(gradients).deallocate() }

    /// Steps taken.
    public var stepCount: Int { optimizer.stepCount }

    /// The most bytes that activations, their gradients and scratch have taken so far.
    public var activationBytes: Int { machine.memory.peakBytes }

    // MARK: Passes

    /// Forward and backward of `batch`; its gradients are added to those accumulated since the last step.
    ///
    /// What a later ``step(learningRate:)`` uses is the mean over all labelled rows of all accumulated batches.
    ///
    /// - Throws: ``TrainingError/badRow(row:expected:found:)`` before anything is done, or
    ///   ``TrainingError/notFinite(_:)`` if a loss is not finite: then all accumulated gradients are dropped.
    public func accumulate(_ batch: TrainingBatch) throws(TrainingError) -> LossSum {
        try validate(batch)
        var sum = LossSum()
        for rows in PassRows.passes(batch, rowsPerPass: options.rowsPerPass) {
            let (part, notFinite) = pass.accumulate(rows)
            guard notFinite == nil else {
                discardGradients()
                throw .notFinite(forwardOrigin(rows))
            }
            sum += part
        }
        accumulated += sum
        return sum
    }

    /// The loss of `batch` without gradients; one that is not finite is returned as it is.
    ///
    /// - Throws: ``TrainingError/badRow(row:expected:found:)``.
    public func evaluate(_ batch: TrainingBatch) throws(TrainingError) -> LossSum {
        try validate(batch)
        var sum = LossSum()
        for rows in PassRows.passes(batch, rowsPerPass: options.rowsPerPass) { sum += pass.evaluate(rows).sum }
        return sum
    }

    private func validate(_ batch: TrainingBatch) throws(TrainingError) {
        let config = parameters.config
        try batch.validate(vocabularySize: config.vocabularySize, contextLength: config.contextLength)
    }

    // MARK: Steps

    /// One step of AdamW with the mean of the accumulated gradients, which are then zero again.
    ///
    /// - Throws: ``TrainingError/nothingAccumulated``, or ``TrainingError/notFinite(_:)`` if a gradient is not finite:
    ///   then weights and moments are unchanged and the gradients still there.
    public func step(learningRate: Double) throws(TrainingError) -> StepReport {
        guard learningRate.isFinite, learningRate >= 0 else {
            throw .badOption(name: "learningRate", expected: "a number that is not negative", found: "\(learningRate)")
        }
        guard accumulated.weight > 0 else { throw .nothingAccumulated }
        let norm = optimizer.gradientNorm(machine) / accumulated.weight
        guard norm.isFinite else { throw .notFinite(gradientOrigin()) }
        // The small number is PyTorch's (clip_grad_norm_).
        let clip = options.optimizer.clipNorm.map { min($0 / (norm + 1e-6), 1) } ?? 1
        optimizer.step(machine, learningRate: learningRate, gradientScale: clip / accumulated.weight)
        discardGradients()
        return StepReport(gradientNorm: norm, clipFactor: clip)
    }

    /// Forgets what was accumulated since the last step.
    public func discardGradients() {
        machine.runElements(parameters.elementCount) { range in
            (gradients + range.lowerBound).update(repeating: 0, count: range.count)
        }
        accumulated = LossSum()
    }

    /// The sum of the accumulated gradients of the tensor `name`, not divided by the weight of the rows; nil if there is
    /// no such tensor.
    package func gradientSum(_ name: String) -> [Float]? {
        parameters.layout.elements(name).map {
            Array(UnsafeBufferPointer(start: gradients + $0.lowerBound, count: $0.count))
        }
    }

    /// A copy of what the optimizer remembers.
    public var optimizerState: OptimizerState { optimizer.state }

    /// Goes on from a saved state; accumulated gradients are dropped.
    ///
    /// - Throws: ``TrainingError/badState(tensor:expected:found:)`` if it does not fit the model; then nothing changes.
    public func restore(_ state: OptimizerState) throws(TrainingError) {
        try optimizer.restore(state)
        discardGradients()
    }

    // MARK: Faults

    /// Where the first value that is not finite arises when `batch` is run with the weights as they are: in the
    /// weights, in an operation of the forward pass, in the loss or in a gradient; nil if all is finite. Accumulated
    /// gradients are dropped.
    ///
    /// - Throws: ``TrainingError/badRow(row:expected:found:)``.
    public func findNonFinite(_ batch: TrainingBatch) throws(TrainingError) -> NonFiniteOrigin? {
        try validate(batch)
        discardGradients()
        defer { discardGradients() }
        if let origin = weightOrigin() { return origin }
        for rows in PassRows.passes(batch, rowsPerPass: options.rowsPerPass) {
            if let origin = forwardOrigin(rows) { return origin }
            _ = pass.accumulate(rows)
            if let origin = gradientOrigin() { return origin }
        }
        return nil
    }

    private func weightOrigin() -> NonFiniteOrigin? {
        for entry in parameters.entries {
            let start = parameters.values + entry.elements.lowerBound
            guard let index = machine.kernels.firstNonFinite(start, count: entry.elements.count) else { continue }
            return .weight(name: entry.name, index: index)
        }
        return nil
    }

    private func forwardOrigin(_ rows: PassRows) -> NonFiniteOrigin? {
        if let origin = weightOrigin() { return origin }
        let probe = Probe()
        let outcome = pass.evaluate(rows, probe: probe)
        return probe.finding ?? outcome.notFinite.map { .loss(row: rows.batch.outputs[$0]) }
    }

    /// The tensor nearest to the loss: gradients go from the last to the first.
    private func gradientOrigin() -> NonFiniteOrigin? {
        for entry in parameters.entries.reversed() {
            let start = gradients + entry.elements.lowerBound
            guard let index = machine.kernels.firstNonFinite(start, count: entry.elements.count) else { continue }
            return .gradient(name: entry.name, index: index)
        }
        return nil
    }
}
