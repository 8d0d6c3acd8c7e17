// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import StrictJSON
import Tokenizers

/// A training run from its recipe to the files of the model: reads and checks everything, trains, writes.
///
///     let session = try TrainingSession(recipe: "recipe.json", folder: "run", resumes: false, …)
///     let outcome = try session.run(isStopped: { false })
///
/// Nothing is written before recipe, vocabulary, model and memory are found to be in order.
public final class TrainingSession {
    /// The memory that the run takes.
    public let memory: TrainingMemory
    /// What the data holds.
    public let sources: [TrainingData.SourceReport]
    /// The number of the model's parameters.
    public let parameterCount: Int
    private let recipe: Recipe
    private let folder: RunFolder
    private let parameters: TrainableParameters
    private let loop: TrainingRun
    private let source: TokenizerSource
    private let tokenizer: any Tokenizer

    /// Sets a run up.
    ///
    /// - Parameters:
    ///   - path: the recipe.
    ///   - folder: the run's folder, see docs/training.md.
    ///   - resumes: go on with the run in the folder instead of starting one.
    ///   - availableBytes: the memory there is; nil: not known, all is allowed.
    ///   - report: told what happens, on the thread of the caller.
    /// - Throws: ``RunError``.
    public init(
        recipe path: String, folder folderPath: String, resumes: Bool, threadCount: Int, availableBytes: Int?,
        report: @escaping (RunEvent) -> Void
    ) throws(RunError) {
        recipe = try Recipe(path: path)
        (source, tokenizer) = try Self.openTokenizer(recipe.tokenizer)
        let start = try StartingPoint(recipe, file: FilePath.name(path), tokenizer: tokenizer)
        parameterCount = start.parameterCount
        let length = start.sequenceLength
        let options = recipe.trainerOptions(sequenceLength: length)
        do throws(TrainingError) {
            memory = try TrainingMemory(
                start.config, options: options, sequenceLength: length, threadCount: threadCount)
        } catch {
            throw .model("\(error)")
        }
        if let availableBytes, memory.total > availableBytes {
            throw .notEnoughMemory(memory, available: availableBytes)
        }
        folder = try RunFolder(folderPath, recipe: recipe, resumes: resumes)
        let pool = WorkerPool(threadCount: threadCount)
        let data: TrainingData
        do throws(TrainingDataError) {
            data = try TrainingData(
                recipe.sources, tokenizer: tokenizer, fingerprint: source.fingerprint,
                options: DataOptions(
                    splitRule: recipe.splitRule, sequenceLength: length, keepsBoundaries: recipe.keepsBoundaries,
                    seed: recipe.seed, cacheFolder: recipe.cache ?? folder.cache),
                pool: pool, note: { report(.note($0)) })
        } catch {
            throw .data(error)
        }
        sources = data.sources
        Self.describe(data, sequenceCount: recipe.steps * (recipe.batchTokens / length), report)
        parameters = try start.parameters(seed: recipe.seed)
        let trainer: Trainer
        do throws(TrainingError) {
            trainer = try Trainer(parameters, options: options, pool: pool)
        } catch {
            throw .model("\(error)")
        }
        loop = try TrainingRun(
            recipe: recipe, folder: folder, data: data, trainer: trainer, sequenceLength: length, resumes: resumes,
            report: report)
    }

    /// Trains, and writes the model's files at the end.
    ///
    /// - Parameter isStopped: asked after each step whether to save and stop.
    public func run(isStopped: () -> Bool) throws(RunError) -> RunOutcome {
        let outcome = try loop.run(isStopped: isStopped)
        guard outcome == .finished else { return outcome }
        let output = ModelOutput(
            config: parameters.config, weights: parameters.makeTensors(), tokenizer: source, bosID: tokenizer.bosID,
            eosID: tokenizer.eosID)
        do throws(CheckpointError) {
            try output.writeHuggingFace(to: folder.model, precision: recipe.precision)
        } catch {
            throw .file(error)
        }
        if let precision = recipe.gguf { try output.writeGGUF(to: folder.gguf, precision: precision) }
        return outcome
    }

    private static func openTokenizer(_ path: String) throws(RunError) -> (TokenizerSource, any Tokenizer) {
        let source: TokenizerSource
        do throws(CheckpointError) {
            source = try TokenizerSource.open(path: path)
        } catch {
            throw .file(error)
        }
        do throws(TokenizerError) {
            return (source, try makeTokenizer(from: source, vocabularySize: nil))
        } catch {
            throw .tokenizer(path: path, reason: "\(error)")
        }
    }

    private static func describe(_ data: TrainingData, sequenceCount: Int, _ report: (RunEvent) -> Void) {
        let passes = data.passes(sequenceCount: sequenceCount)
        for (source, passes) in zip(data.sources, passes) {
            let train = source.train
            var text = "\(source.path): \(train.documents) documents, \(train.tokens) tokens for training"
            if let passes {
                text += " (\((passes * 100).rounded() / 100) passes, \((source.share * 1000).rounded() / 10) %)"
            }
            text += "; \(source.validation.documents) documents, \(source.validation.tokens) tokens for validation"
            if source.testDocuments > 0 { text += "; \(source.testDocuments) documents for the test" }
            let (truncated, unlabelled, straddling) = (
                train.truncated + source.validation.truncated, train.unlabelled + source.validation.unlabelled,
                train.straddling + source.validation.straddling
            )
            if truncated > 0 { text += "; \(truncated) examples cut to the sequence length" }
            if unlabelled > 0 { text += "; \(unlabelled) examples left out, nothing in them is to be learned" }
            if straddling > 0 { text += "; \(straddling) completions start inside a token" }
            report(.note(text))
        }
        if data.sources.allSatisfy({ $0.validation.sequences == 0 }) {
            report(.note("there is no document for validation: the validation loss is not measured"))
        }
    }
}

extension Recipe {
    /// Reads the recipe at `path`.
    ///
    /// - Throws: ``RunError``.
    public init(path: String) throws(RunError) {
        let file = FilePath.name(path)
        let bytes: [UInt8]
        do throws(CheckpointError) {
            bytes = try FileStorage.loadSmall(path, limit: RunFolder.recipeBytes)
        } catch {
            throw .recipeFile(error)
        }
        let json: JSON
        do throws(JSONError) {
            json = try JSONParser.parse(bytes)
        } catch {
            throw .recipeJSON(file: file, error)
        }
        do throws(RecipeError) {
            try self.init(json, folder: FilePath.folder(path))
        } catch {
            throw .recipe(file: file, error)
        }
    }
}
