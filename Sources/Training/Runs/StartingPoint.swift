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
    /// The weights of the checkpoint; nil for a new model.
    private let tensors: [String: Tensor]?

    /// Opens the checkpoint, if there is one, and checks what only it or the vocabulary can tell of the recipe.
    init(_ recipe: Recipe, file: String, tokenizer: any Tokenizer) throws(RunError) {
        var faults: [RecipeError.Fault] = []
        if let path = recipe.initFrom {
            let checkpoint: Checkpoint
            do throws(CheckpointError) {
                checkpoint = try Checkpoint.open(path: path)
            } catch {
                throw .file(error)
            }
            guard var config = checkpoint.config else { throw .model("\(path): a vocabulary without a model") }
            config.name = recipe.name
            self.config = config
            tensors = checkpoint.tensors
        } else if let shape = recipe.model {
            config = shape.config(
                name: recipe.name, vocabularySize: shape.vocabularySize ?? tokenizer.vocabularySize)
            tensors = nil
        } else {
            throw .model("the recipe has neither model nor init_from")
        }
        if tokenizer.vocabularySize > config.vocabularySize {
            faults.append(
                .init(
                    path: recipe.model == nil ? "tokenizer" : "model.vocabulary_size",
                    problem: "the vocabulary has \(tokenizer.vocabularySize) ids, the model \(config.vocabularySize) rows"
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
            tensors.map { $0.values.map(\.shape) }
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

    /// The weights, F32.
    func weights(seed: UInt64) -> [String: Tensor] {
        guard let tensors else { return InitialWeights(config, seed: seed).tensors() }
        return tensors.compactMapValues { tensor in
            let storage = Storage(byteCount: tensor.elementCount * 4) { memory in
                guard let floats = memory.bindMemory(to: Float.self).baseAddress else { return }
                Kernels.dequantize(tensor, into: floats)
            }
            return Tensor(storage: storage, byteOffset: 0, type: .f32, shape: tensor.shape)
        }
    }
}

extension TrainingMemory {
    /// The memory of a run over a model of these sizes, batches of `rowCount` sequences of `length` tokens.
    ///
    /// A block keeps, per token, its input and the operands of each operation: two norms, queries, keys, values and their
    /// mix, the residual sum, and up to three arrays of the feed-forward layer. Logits and their gradients count once.
    init(_ config: ModelConfig, parameterCount: Int, rowCount: Int, length: Int, recomputes: Bool) {
        let tokens = rowCount * length
        let heads = (config.headCount + 2 * config.kvHeadCount) * config.headSize
        let block = 5 * config.width + 2 * heads + config.headCount * config.headSize + 3 * config.feedForwardWidth
        // The backward pass of a block holds about as much again.
        let kept = recomputes ? config.layerCount * config.width + 2 * block : (config.layerCount + 1) * block
        let perToken = kept + 4 * config.width + 2 * config.vocabularySize
        self.init(
            weightBytes: 4 * parameterCount, gradientBytes: 4 * parameterCount, momentBytes: 8 * parameterCount,
            activationBytes: 4 * tokens * perToken)
    }
}
