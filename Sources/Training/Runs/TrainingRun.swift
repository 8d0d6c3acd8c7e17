// SPDX-License-Identifier: Apache-2.0

import Checkpoints

/// What a run tells while it goes.
public enum RunEvent: Sendable {
    /// Something worth a line.
    case note(String)
    /// A step is done; with the pace of the last steps and the seconds that are left at that pace.
    case step(StepMetrics, of: Int, tokensPerSecond: Double, secondsLeft: Double)
    /// The validation loss was measured.
    case validation(ValidationMetrics)
    /// A checkpoint was written.
    case checkpoint(step: Int)
}

/// How a run ended.
public enum RunOutcome: Sendable, Equatable {
    /// All steps are done.
    case finished
    /// It was asked to stop; the state after this step is saved.
    case stopped(step: Int)
}

/// The loop of training over a model that is set up: steps, validation, checkpoints.
///
/// A run that was stopped or killed and goes on from its last checkpoint computes the same bits as one that was not.
final class TrainingRun {
    private let recipe: Recipe
    private let folder: RunFolder
    private let data: TrainingData
    private let trainer: Trainer
    private let schedule: LearningRateSchedule
    private let metrics: RunMetrics
    private let sequenceLength: Int
    private var order: TrainingData.Steps
    private var step: Int
    private var labelCount: Int
    private var lastCheckpoint: Int?
    /// Seconds and tokens of the last steps.
    private var pace: [(tokens: Int, seconds: Double)] = []
    private let report: (RunEvent) -> Void

    private static let paceSteps = 50

    /// - Parameter resumes: takes up the last sound checkpoint of the folder, if there is one.
    init(
        recipe: Recipe, folder: RunFolder, data: TrainingData, trainer: Trainer, sequenceLength: Int,
        resumes: Bool, report: @escaping (RunEvent) -> Void
    ) throws(RunError) {
        self.recipe = recipe
        self.folder = folder
        self.data = data
        self.trainer = trainer
        schedule = try recipe.learningRates()
        self.sequenceLength = sequenceLength
        self.report = report
        let checkpoint = resumes ? try Self.lastCheckpoint(of: folder, report) : nil
        if let checkpoint {
            for (source, key) in zip(data.sources, checkpoint.dataKeys) where source.key != key {
                throw .dataChanged(path: source.path)
            }
            do throws(TrainingError) {
                try checkpoint.restore(trainer)
            } catch {
                throw .model("the checkpoint of step \(checkpoint.step): \(error)")
            }
            report(.note("going on after step \(checkpoint.step) of \(recipe.steps)"))
        }
        step = checkpoint?.step ?? 0
        labelCount = checkpoint?.labelCount ?? 0
        order = data.steps(
            from: checkpoint?.step ?? 0, sequenceCount: recipe.batchTokens / sequenceLength,
            batchCount: recipe.accumulation)
        lastCheckpoint = checkpoint?.step
        metrics = try RunMetrics(path: folder.metrics, keepingUpTo: step)
    }

    /// The last checkpoint that is sound; those that are not are told of.
    private static func lastCheckpoint(
        of folder: RunFolder, _ report: (RunEvent) -> Void
    ) throws(RunError) -> RunCheckpoint? {
        var failure: CheckpointError?
        for step in try folder.checkpointSteps().reversed() {
            do throws(CheckpointError) {
                return try RunCheckpoint(path: folder.checkpoint(step: step))
            } catch {
                failure = error
                report(.note("\(error); trying the checkpoint before"))
            }
        }
        if let failure { throw .file(failure) }
        return nil
    }

    /// Trains until all steps are done or `isStopped` says so, which is asked after each step.
    ///
    /// - Throws: ``RunError/notFinite(step:what:place:)``, ``RunError/saveFailed(step:_:last:)``, or of the file system.
    func run(isStopped: () -> Bool) throws(RunError) -> RunOutcome {
        while step < recipe.steps {
            if isStopped() {
                if lastCheckpoint != step { try save() }
                return .stopped(step: step)
            }
            try takeStep()
            let isLast = step == recipe.steps
            if isLast || step % recipe.evaluationInterval == 0 { try validate() }
            if isLast || step % recipe.checkpointInterval == 0 { try save() }
        }
        return .finished
    }

    private func takeStep() throws(RunError) {
        let start = ContinuousClock.now
        let number = step + 1
        let batches = order.batches()
        var sum = LossSum()
        let result: StepReport
        let rate = schedule.rate(step: step)
        var current = batches[0]
        do throws(TrainingError) {
            for batch in batches {
                current = batch
                sum += try trainer.accumulate(batch)
            }
            result = try trainer.step(learningRate: rate)
        } catch {
            throw failure(error, number, current)
        }
        step = number
        labelCount += sum.labelledCount
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        pace.append((recipe.batchTokens, seconds))
        if pace.count > Self.paceSteps { pace.removeFirst() }
        let elapsed = pace.reduce(0) { $0 + $1.seconds }
        let tokensPerSecond = Double(pace.reduce(0) { $0 + $1.tokens }) / max(elapsed, 1e-9)
        let done = StepMetrics(
            step: number, loss: sum.mean, learningRate: rate, gradientNorm: result.gradientNorm,
            labelCount: sum.labelledCount, seconds: seconds)
        try metrics.append(done, tokensPerSecond: tokensPerSecond)
        let secondsLeft = Double(recipe.steps - number) * elapsed / Double(pace.count)
        report(.step(done, of: recipe.steps, tokensPerSecond: tokensPerSecond, secondsLeft: secondsLeft))
    }

    /// What went wrong in step `number`, with the place where numbers stop being finite if that is it.
    private func failure(_ error: TrainingError, _ number: Int, _ batch: TrainingBatch) -> RunError {
        guard case .notFinite(let origin) = error else { return .model("step \(number): \(error)") }
        return .notFinite(step: number, place: origin ?? (try? trainer.findNonFinite(batch)) ?? nil)
    }

    private func validate() throws(RunError) {
        let batchSequences = recipe.batchTokens / sequenceLength / recipe.accumulation
        let parts = data.validationParts(limit: recipe.evaluationSequences, batchSequences: batchSequences)
        guard !parts.isEmpty else { return }
        var result = ValidationMetrics(step: step, loss: 0, bySource: [])
        for part in parts {
            var sum = LossSum()
            for batch in part.batches {
                do throws(TrainingError) {
                    sum += try trainer.evaluate(batch)
                } catch {
                    throw failure(error, step, batch)
                }
            }
            let loss = sum.mean
            guard loss.isFinite else { throw failure(.notFinite(nil), step, part.batches[0]) }
            result.loss += part.share * loss
            result.bySource.append(.init(path: data.sources[part.source].path, loss: loss))
        }
        try metrics.append(result)
        report(.validation(result))
    }

    private func save() throws(RunError) {
        do throws(CheckpointError) {
            try RunCheckpoint.write(
                trainer, step: step, labelCount: labelCount, dataKeys: data.sources.map(\.key),
                to: folder.checkpoint(step: step))
        } catch {
            throw .saveFailed(step: step, error, last: lastCheckpoint)
        }
        lastCheckpoint = step
        try metrics.flush()
        try folder.prune(keeping: recipe.keptCheckpoints)
        let curve = LossCurve(title: recipe.name, training: metrics.training, validation: metrics.validation)
        try folder.write([UInt8](curve.svg.utf8), to: folder.curve)
        report(.checkpoint(step: step))
    }
}
