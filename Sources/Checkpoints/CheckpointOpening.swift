// SPDX-License-Identifier: Apache-2.0

import Compute
import StrictJSON

extension Checkpoint {
    /// Opens the checkpoint at `path`, whose format is recognised by its contents:
    ///
    /// - a GGUF file of version 2 or 3, or a folder that holds exactly one;
    /// - a folder in Hugging Face layout, or a `.safetensors` file or index in one;
    /// - a llama2.c file of the legacy layout (version 0), with its vocabulary beside it.
    ///
    /// Everything in the files is checked: the configuration's values, each tensor's place, shape and type, and the
    /// vocabulary's size. Weights are not looked at.
    ///
    /// - Parameters:
    ///   - path: a file or a folder.
    ///   - tokenizer: a vocabulary to take instead of the one found: a `tokenizer.json` or its folder, a GGUF file, or
    ///     a llama2.c `tokenizer.bin`.
    ///   - loadMode: whether files are mapped or read.
    /// - Throws: ``CheckpointError``, also for pickled PyTorch files, which are refused by name.
    public static func open(
        path: String, tokenizer: String? = nil, loadMode: LoadMode = .automatic
    ) throws(CheckpointError) -> Checkpoint {
        switch try FilePath.kind(path) {
        case .folder: return try openFolder(path, tokenizer, loadMode)
        case .file: return try openFile(path, tokenizer, loadMode)
        case .other: throw .notACheckpoint(path: path, found: "neither a file nor a folder")
        }
    }

    // MARK: Folders

    private static func openFolder(
        _ path: String, _ tokenizer: String?, _ mode: LoadMode
    ) throws(CheckpointError) -> Checkpoint {
        let names = try FilePath.names(inFolder: path)
        if names.contains(where: { $0.hasSuffix(".safetensors") || $0 == "model.safetensors.index.json" }) {
            let source: TokenizerSource? = if let tokenizer { try .open(path: tokenizer) } else { nil }
            return try huggingFace(folder: path, only: nil, tokenizer: source, mode: mode)
        }
        let ggufs = names.filter { $0.lowercased().hasSuffix(".gguf") }
        if ggufs.count == 1 { return try openFile(FilePath.join(path, ggufs[0]), tokenizer, mode) }
        guard ggufs.isEmpty else {
            throw .notACheckpoint(
                path: path,
                found: "\(ggufs.count) GGUF files, name one of them: "
                    + ggufs.prefix(8).joined(separator: ", "))
        }
        for name in names where isPickleName(name) { throw pickleRefusal(name) }
        throw .notACheckpoint(path: path, found: "a folder without .safetensors or .gguf files")
    }

    // MARK: Files

    private static func openFile(
        _ path: String, _ tokenizer: String?, _ mode: LoadMode
    ) throws(CheckpointError) -> Checkpoint {
        let name = FilePath.name(path)
        if name.hasSuffix(".safetensors") || name.hasSuffix(".safetensors.index.json") {
            let source: TokenizerSource? = if let tokenizer { try .open(path: tokenizer) } else { nil }
            return try huggingFace(folder: FilePath.folder(path), only: name, tokenizer: source, mode: mode)
        }
        let storage = try FileStorage.load(path, mode: mode)
        switch try FileSignature(storage.bytes, name: name) {
        case .gguf:
            var checkpoint = try Checkpoint(gguf: storage, name: name)
            if let tokenizer {
                checkpoint.tokenizer = try .open(path: tokenizer)
                try checkpoint.validateVocabulary()
            }
            return checkpoint
        case .safetensors:
            throw .refused(
                file: name, format: "a safetensors file of another name",
                advice: "name it model.safetensors, beside its config.json")
        case .other where name.lowercased().hasSuffix(".bin"):
            return try openLlama2c(path, storage, tokenizer)
        case .other:
            if isPickleName(name) { throw pickleRefusal(name) }
            throw .notACheckpoint(path: path, found: "no signature that we know")
        }
    }

    private static func openLlama2c(
        _ path: String, _ storage: Storage, _ tokenizer: String?
    ) throws(CheckpointError) -> Checkpoint {
        let name = FilePath.name(path)
        // All is checked before the vocabulary is looked for.
        var checkpoint = try Checkpoint(llama2c: storage, name: name, tokenizer: nil)
        let count = checkpoint.config?.vocabularySize
        if let tokenizer {
            checkpoint.tokenizer = try .open(path: tokenizer, count: count)
        } else if let found = try vocabularyBeside(path, count: count ?? 0) {
            checkpoint.tokenizer = try .open(path: found, count: count)
        }
        try checkpoint.validateVocabulary()
        return checkpoint
    }

    /// The llama2.c vocabulary in the folder of `path`: `tok<count>.bin`, else `tokenizer.bin`, else the only
    /// `tok*.bin`.
    private static func vocabularyBeside(_ path: String, count: Int) throws(CheckpointError) -> String? {
        let folder = FilePath.folder(path)
        for name in ["tok\(count).bin", "tokenizer.bin"] where FilePath.isFile(FilePath.join(folder, name)) {
            return FilePath.join(folder, name)
        }
        let names = try FilePath.names(inFolder: folder).filter {
            $0.hasPrefix("tok") && $0.hasSuffix(".bin") && $0 != FilePath.name(path)
        }
        return names.count == 1 ? FilePath.join(folder, names[0]) : nil
    }

    // MARK: Pickle

    /// Whether PyTorch would pickle into a file of this name.
    private static func isPickleName(_ name: String) -> Bool {
        let name = name.lowercased()
        return [".pt", ".pth", ".pkl", ".pickle", ".ckpt"].contains(where: name.hasSuffix)
            || name.hasPrefix("pytorch_model") && (name.hasSuffix(".bin") || name.hasSuffix(".bin.index.json"))
    }

    static func pickleRefusal(_ name: String) -> CheckpointError {
        .refused(
            file: name, format: "a pickled PyTorch file, which can run code when it is loaded,",
            advice: "convert it to safetensors (in transformers: model.save_pretrained) or GGUF")
    }
}

/// What the first bytes of a file say that it is.
enum FileSignature {
    case gguf
    case safetensors
    case other

    /// - Throws: for formats that are known and refused.
    init(_ bytes: UnsafeRawBufferPointer, name: String) throws(CheckpointError) {
        let head = [UInt8](bytes.prefix(9))
        func starts(_ text: StaticString) -> Bool {
            text.withUTF8Buffer { head.starts(with: $0) }
        }
        if starts("GGUF") {
            self = .gguf
            return
        }
        // A pickle starts with opcode PROTO and the protocol; PyTorch's newer files are zip archives of one.
        if starts("PK\u{3}\u{4}") || head.count >= 2 && head[0] == 0x80 && (2...5).contains(head[1]) {
            throw Checkpoint.pickleRefusal(name)
        }
        if starts("lmgg") || starts("fmgg") || starts("tjgg") || starts("algg") {
            throw .refused(file: name, format: "a GGML file of before GGUF", advice: "convert the model anew to GGUF")
        }
        if starts("24ka") {
            throw .refused(
                file: name, format: "llama2.c's layout of version 1 or 2",
                advice: "export it with --version 0, or to Hugging Face layout with --version -1")
        }
        // SentencePiece's protocol buffer: the first piece (tag 0x0A, length) begins with its text (0x0A, length).
        if head.count >= 4, head[0] == 0x0A, head[2] == 0x0A, head[3] > 0, Int(head[3]) + 2 <= Int(head[1]) {
            throw .refused(
                file: name, format: "a SentencePiece model (tokenizer.model)",
                advice: "give the tokenizer.json of the same model (in transformers: tokenizer.save_pretrained), or a "
                    + "GGUF file with the vocabulary")
        }
        let isSafetensors = head.count == 9 && head[8] == UInt8(ascii: "{") && head[4..<8].allSatisfy { $0 == 0 }
        self = isSafetensors ? .safetensors : .other
    }
}

extension TokenizerSource {
    /// Opens a vocabulary alone: a `tokenizer.json` or the folder it stands in, that of a GGUF file or of the checkpoint
    /// in a folder, or llama2.c's `tokenizer.bin`.
    ///
    /// - Parameters:
    ///   - path: a file or a folder.
    ///   - count: how many pieces a `tokenizer.bin` must hold; nil: as many as are there.
    public static func open(path: String, count: Int? = nil) throws(CheckpointError) -> TokenizerSource {
        let isFolder = try FilePath.kind(path) == .folder
        let name = FilePath.name(path)
        if isFolder || name.hasSuffix(".json") {
            let folder = HuggingFaceFolder(path: isFolder ? path : FilePath.folder(path))
            guard isFolder || name == "tokenizer.json" else {
                throw .notACheckpoint(path: path, found: "a JSON file that is not called tokenizer.json")
            }
            if let source = try folder.tokenizer() { return source }
            guard isFolder, let source = try Checkpoint.open(path: path).tokenizer else {
                throw .notACheckpoint(path: path, found: "no tokenizer.json")
            }
            return source
        }
        let storage = try FileStorage.load(path, mode: .automatic)
        switch try FileSignature(storage.bytes, name: name) {
        case .gguf:
            guard let vocabulary = try GGUFFile(storage: storage, name: name).vocabulary() else {
                throw .missingKey(file: name, key: "tokenizer.ggml.model")
            }
            return .gguf(vocabulary)
        case .safetensors: throw .notACheckpoint(path: path, found: "weights where a vocabulary was asked for")
        case .other: return try llama2c(storage.bytes, name: name, count: count)
        }
    }
}
