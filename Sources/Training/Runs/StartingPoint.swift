// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Tokenizers

/// The model that a run starts from: a new one, or a checkpoint's.
struct StartingPoint {
    let config: ModelConfig
    let parameterCount: Int
    /// T.
    let sequenceLength: Int
    /// The checkpoint; nil for a new model.
    private let checkpoint: Checkpoint?

    /// Opens the checkpoint, if there is one, and checks what only it or the vocabulary can tell of the recipe.
    init(_ recipe: Recipe, file: String, tokenizer: any Tokenizer) throws(RunError) {
        var faults: [RecipeError.Fault] = []
        if let path = recipe.initFrom {
            var opened: Checkpoint
            do throws(CheckpointError) {
                opened = try Checkpoint.open(path: path)
            } catch {
                throw .file(error)
            }
            guard var config = opened.config else { throw .model("\(path): a vocabulary without a model") }
            config.name = recipe.name
            opened.config = config
            self.config = config
            checkpoint = opened
        } else if let shape = recipe.model {
            config = shape.config(
                name: recipe.name, vocabularySize: shape.vocabularySize ?? tokenizer.vocabularySize)
            checkpoint = nil
        } else {
            throw .model("the recipe has neither model nor init_from")
        }
        if tokenizer.vocabularySize > config.vocabularySize {
            faults.append(
                .init(
                    path: recipe.model == nil ? "tokenizer" : "model.vocabulary_size",
                    problem:
                        "the vocabulary has \(tokenizer.vocabularySize) ids, the model \(config.vocabularySize) rows"
                ))
        }
        let length = recipe.sequenceLength ?? config.contextLength
        sequenceLength = length
        if length > config.contextLength {
            faults.append(
                .init(
                    path: "data.sequence_length",
                    problem: "expected at most the model's context, \(config.contextLength), found \(length)"))
        }
        Recipe.checkBatch(recipe.batchTokens, length, recipe.accumulation) {
            faults.append(.init(path: $0, problem: $1))
        }
        let shapes =
            checkpoint.map { $0.tensors.values.map(\.shape) }
            ?? config.tensorRequirements.filter { !$0.isOptional }.map(\.shape)
        parameterCount = shapes.reduce(0) { $0 + $1.reduce(1, *) }
        for precision in [recipe.precision, recipe.gguf].compactMap({ $0 }) {
            let block = precision.type.blockSize
            if let shape = shapes.first(where: { $0.count > 1 && $0[1] % block != 0 }) {
                faults.append(
                    .init(
                        path: "output.gguf",
                        problem: "\(precision.rawValue) needs rows of a multiple of \(block); one has \(shape[1])"))
            }
        }
        guard faults.isEmpty else { throw .recipe(file: file, RecipeError(faults: faults)) }
    }

    /// The weights, in memory of their own.
    func parameters(seed: UInt64) throws(RunError) -> TrainableParameters {
        guard let checkpoint else { return TrainableParameters(config, seed: seed) }
        do throws(TrainingError) {
            return try TrainableParameters(checkpoint)
        } catch {
            throw .model("\(error)")
        }
    }
}
