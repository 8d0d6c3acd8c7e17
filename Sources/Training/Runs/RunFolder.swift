// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Glibc
import StrictJSON

/// The folder of a run:
///
///     recipe.json     every field of the recipe with its value
///     checkpoints/    step-00000100.safetensors, …: weights and optimizer, see ``RunCheckpoint``
///     metrics.jsonl   one object a step, one a validation
///     loss.svg        the loss curve
///     cache/          token ids of the data
///     model/          the result in Hugging Face layout
///     model.gguf      the result as GGUF
///     lock            held while a process works on the run
final class RunFolder {
    let path: String
    private let lock: Int32

    var checkpoints: String { FilePath.join(path, "checkpoints") }
    var metrics: String { FilePath.join(path, "metrics.jsonl") }
    var curve: String { FilePath.join(path, "loss.svg") }
    var cache: String { FilePath.join(path, "cache") }
    var model: String { FilePath.join(path, "model") }
    var gguf: String { FilePath.join(path, "model.gguf") }
    private var recipe: String { FilePath.join(path, "recipe.json") }

    /// The most bytes of a recipe.
    static let recipeBytes = 1 << 20

    /// Starts a run in a new or empty folder, or opens the one that is there.
    ///
    /// - Throws: ``RunError`` if there is a run and `resumes` is false, or the other way round, if the recipe changed,
    ///   or if another process works on it.
    init(_ path: String, recipe: Recipe, resumes: Bool) throws(RunError) {
        self.path = path
        let existing = try Self.existingRecipe(FilePath.join(path, "recipe.json"))
        switch (existing, resumes) {
        case (nil, true): throw .nothingToResume(path)
        case (.some, false): throw .folderTaken(path)
        case (let existing?, true):
            let changes = recipe.changes(since: existing)
            guard changes.isEmpty else { throw .recipeChanged(changes) }
        case (nil, false):
            if let names = try? FilePath.names(inFolder: path), !names.allSatisfy(Self.isLeftover) {
                throw .folderTaken(path)
            }
        }
        do throws(CheckpointError) {
            try FilePath.makeFolder(FilePath.join(path, "checkpoints"))
        } catch {
            throw .file(error)
        }
        let lockPath = FilePath.join(path, "lock")
        lock = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else { throw .file(FilePath.systemError(lockPath, "create")) }
        // The kernel lets go of it however the process ends.
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw .inUse(path) }
        if existing == nil { try write(recipe.effective, to: self.recipe) }
    }

    deinit { close(lock) }

    /// Whether a run that was killed before its recipe was written may have left this.
    private static func isLeftover(_ name: String) -> Bool {
        name == "lock" || name == "checkpoints" || name.hasPrefix(".recipe.json.") && name.hasSuffix(".tmp")
    }

    private static func existingRecipe(_ path: String) throws(RunError) -> JSON? {
        guard FilePath.isFile(path) else { return nil }
        let bytes: [UInt8]
        do throws(CheckpointError) {
            bytes = try FileStorage.loadSmall(path, limit: recipeBytes)
        } catch {
            throw .file(error)
        }
        do throws(JSONError) {
            return try JSONParser.parse(bytes)
        } catch {
            throw .recipeJSON(file: path, error)
        }
    }

    private func write(_ json: JSON, to path: String) throws(RunError) {
        var writer = JSONWriter()
        writer.value(json)
        try write(writer.bytes + [UInt8(ascii: "\n")], to: path)
    }

    /// Writes a small file, whole or not at all.
    func write(_ bytes: [UInt8], to path: String) throws(RunError) {
        do throws(CheckpointError) {
            try AtomicFile.write(path, bytes)
        } catch {
            throw .file(error)
        }
    }

    // MARK: Checkpoints

    /// The steps of which there are checkpoints, ascending.
    func checkpointSteps() throws(RunError) -> [Int] {
        do throws(CheckpointError) {
            return try FilePath.names(inFolder: checkpoints).compactMap(Self.step).sorted()
        } catch {
            throw .file(error)
        }
    }

    /// Where the checkpoint of a step is or goes.
    func checkpoint(step: Int) -> String {
        let digits = String(step)
        let zeros = String(repeating: "0", count: max(0, 8 - digits.count))
        return FilePath.join(checkpoints, "step-\(zeros)\(digits).safetensors")
    }

    private static func step(ofName name: String) -> Int? {
        guard name.hasPrefix("step-"), name.hasSuffix(".safetensors") else { return nil }
        return Int(name.dropFirst("step-".count).dropLast(".safetensors".count))
    }

    /// Removes all checkpoints but the last `count`, and what an interrupted writing has left.
    func prune(keeping count: Int) throws(RunError) {
        for step in try checkpointSteps().dropLast(count) { unlink(checkpoint(step: step)) }
        guard let names = try? FilePath.names(inFolder: checkpoints) else { return }
        for name in names where name.hasPrefix(".") && name.hasSuffix(".tmp") {
            unlink(FilePath.join(checkpoints, name))
        }
    }
}

extension AtomicFile {
    /// Writes `bytes` to `path`, whole or not at all.
    static func write(_ path: String, _ bytes: [UInt8]) throws(CheckpointError) {
        try write(path) { sink throws(CheckpointError) in
            var failure: CheckpointError?
            bytes.withUnsafeBytes { raw in
                do throws(CheckpointError) { try sink(raw) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }
}
