// SPDX-License-Identifier: Apache-2.0

import Compute
import StrictJSON

/// The files of a checkpoint in Hugging Face layout.
struct HuggingFaceFolder {
    /// The most bytes of each kind of file that comes with the weights.
    enum Limits {
        static let configBytes = 4 << 20
        static let indexBytes = 16 << 20
        static let tokenizerBytes = 256 << 20
        static let templateBytes = 1 << 20
        static let shardCount = 4096
    }

    let path: String

    /// The JSON in a file of the folder, or nil if there is no such file.
    func json(_ name: String, limit: Int = Limits.configBytes) throws(CheckpointError) -> JSON? {
        let path = FilePath.join(path, name)
        guard FilePath.isFile(path) else { return nil }
        let bytes = try FileStorage.loadSmall(path, limit: limit)
        do {
            return try JSONParser.parse(bytes, limits: .file)
        } catch {
            throw .badJSON(file: name, error)
        }
    }

    /// The vocabulary, or nil if the folder has no `tokenizer.json`.
    func tokenizer() throws(CheckpointError) -> TokenizerSource? {
        guard let tokenizer = try json("tokenizer.json", limit: Limits.tokenizerBytes) else { return nil }
        return .huggingFace(
            tokenizer: tokenizer, config: try json("tokenizer_config.json", limit: Limits.indexBytes),
            generationConfig: try json("generation_config.json"), chatTemplate: try chatTemplate())
    }

    /// The chat template in a file of its own.
    private func chatTemplate() throws(CheckpointError) -> String? {
        let name = "chat_template.jinja"
        let file = FilePath.join(path, name)
        if FilePath.isFile(file) {
            let bytes = try FileStorage.loadSmall(file, limit: Limits.templateBytes)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw .malformed(file: name, byteOffset: nil, what: "text", expected: "UTF-8", found: "other bytes")
            }
            return text
        }
        guard let json = try json("chat_template.json") else { return nil }
        guard let text = json["chat_template"]?.stringValue else {
            throw .badValue(
                file: "chat_template.json", key: "chat_template", expected: "a string",
                found: json["chat_template"]?.typeName ?? "nothing")
        }
        return text
    }

    /// The weight files: those of the index, or the one file.
    ///
    /// - Parameter only: the name of the file that the user pointed at, if any.
    func weightFiles(only: String?) throws(CheckpointError) -> (names: [String], index: [String: String]?) {
        if let only, only.hasSuffix(".json") {
            guard let index = try weightMap(only) else {
                throw .notACheckpoint(path: FilePath.join(path, only), found: "no such file")
            }
            return (Set(index.values).sorted(), index)
        }
        let index = try weightMap("model.safetensors.index.json")
        if let only {
            guard let index, index.values.contains(only) else { return ([only], nil) }
            return (Set(index.values).sorted(), index)
        }
        if FilePath.isFile(FilePath.join(path, "model.safetensors")) { return (["model.safetensors"], nil) }
        if let index { return (Set(index.values).sorted(), index) }
        let names = try FilePath.names(inFolder: path).filter { $0.hasSuffix(".safetensors") }
        guard names.count == 1 else {
            throw .notACheckpoint(
                path: path,
                found: "\(names.count) safetensors files without model.safetensors or model.safetensors.index.json")
        }
        return (names, nil)
    }

    /// Which file holds which tensor, as the index `name` says; nil if there is no such file.
    private func weightMap(_ name: String) throws(CheckpointError) -> [String: String]? {
        guard let json = try json(name, limit: Limits.indexBytes) else { return nil }
        guard let map = json["weight_map"]?.objectValue else {
            throw .badValue(
                file: name, key: "weight_map", expected: "an object",
                found: json["weight_map"]?.typeName ?? "nothing")
        }
        guard map.count >= 1, map.count <= SafetensorsFile.Limits.tensorCount else {
            throw .badValue(
                file: name, key: "weight_map", expected: "1 to \(SafetensorsFile.Limits.tensorCount) tensors",
                found: "\(map.count)")
        }
        var files: [String: String] = [:]
        for (tensor, value) in map.members {
            // Only a plain name: a path could lead out of the folder.
            guard let file = value.stringValue, file.hasSuffix(".safetensors"), !file.hasPrefix("."),
                file.utf8.count <= 255, !file.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 < 0x20 })
            else {
                throw .badValue(
                    file: name, key: "weight_map.\(tensor.prefix(128))",
                    expected: "the name of a safetensors file in this folder",
                    found: value.stringValue?.quoted ?? value.typeName)
            }
            files[tensor] = file
        }
        guard Set(files.values).count <= Limits.shardCount else {
            throw .badValue(
                file: name, key: "weight_map", expected: "at most \(Limits.shardCount) files", found: "more")
        }
        return files
    }
}
