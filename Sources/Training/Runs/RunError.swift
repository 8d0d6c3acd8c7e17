// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
public import StrictJSON

/// Why a run cannot start, go on or end well.
public enum RunError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The recipe cannot be read.
    case recipeFile(CheckpointError)
    /// The recipe is not acceptable JSON.
    case recipeJSON(file: String, JSONError)
    /// Fields of the recipe are wrong.
    case recipe(file: String, RecipeError)
    /// The data cannot be used.
    case data(TrainingDataError)
    /// A file of the run cannot be read or written.
    case file(CheckpointError)
    /// The vocabulary cannot be used.
    case tokenizer(path: String, reason: String)
    /// The checkpoint to start from, or the model that the recipe describes, cannot be trained.
    case model(String)
    /// The folder holds a run already.
    case folderTaken(String)
    /// The folder holds no run to go on with.
    case nothingToResume(String)
    /// The recipe is not the one that the run was started with.
    case recipeChanged([String])
    /// A data file or the vocabulary is not the one that the run was started with.
    case dataChanged(path: String)
    /// Another process works on the run.
    case inUse(String)
    /// There is not enough memory.
    case notEnoughMemory(TrainingMemory, available: Int)
    /// A loss or a gradient is infinite or not a number; the place is where that starts, if it can be told.
    case notFinite(step: Int, place: NonFiniteOrigin?)
    /// A checkpoint could not be written; the one before is intact.
    case saveFailed(step: Int, CheckpointError, last: Int?)

    /// The error in words.
    public var description: String {
        switch self {
        case .recipeFile(let error), .file(let error): "\(error)"
        case .recipeJSON(let file, let error): "\(file): \(error)"
        case .recipe(let file, let error):
            "\(file): \(error.faults.count == 1 ? "1 fault" : "\(error.faults.count) faults")\n\(error)"
        case .data(let error): "\(error)"
        case .tokenizer(let path, let reason): "\(path): \(reason)"
        case .model(let reason): reason
        case .folderTaken(let folder):
            "\(folder) holds a run already; go on with it by --resume, or name another folder by --out"
        case .nothingToResume(let folder): "\(folder) holds no run to go on with; start one without --resume"
        case .recipeChanged(let changes):
            "the recipe is not the one that this run was started with: \(changes.joined(separator: "; "))"
        case .dataChanged(let path):
            "\(path) or the vocabulary is not what it was when this run was started"
        case .inUse(let folder): "another process is training in \(folder)"
        case .notEnoughMemory(let memory, let available):
            "not enough memory: \(memory.words), but \(TrainingMemory.words(available)) are available; less take: more "
                + "train.accumulation, train.recompute, a shorter data.sequence_length, a smaller model"
        case .notFinite(let step, let place):
            "step \(step): a number is not finite, first \(place.map { "\($0)" } ?? "at a place unknown"). The last "
                + "checkpoint is from before; a lower optimizer.learning_rate or a longer schedule.warmup may help"
        case .saveFailed(let step, let error, let last):
            "the checkpoint of step \(step) could not be written: \(error); "
                + (last.map { "the one of step \($0) is intact" } ?? "there is none before")
        }
    }
}

extension TrainingMemory {
    /// The parts in words.
    public var words: String {
        "\(Self.words(weights)) weights + \(Self.words(gradients)) gradients + \(Self.words(moments)) moments + "
            + "\(Self.words(activations)) activations = \(Self.words(total))"
    }

    static func words(_ bytes: Int) -> String { "\((bytes + 1_048_575) / 1_048_576) MiB" }
}
