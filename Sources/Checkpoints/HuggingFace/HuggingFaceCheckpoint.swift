// SPDX-License-Identifier: Apache-2.0

import Compute
package import StrictJSON

extension Checkpoint {
    /// The checkpoint in a folder of Hugging Face layout.
    ///
    /// - Parameters:
    ///   - folder: the folder's path.
    ///   - only: the name of the weight file or index that the user pointed at, if any.
    ///   - tokenizer: the vocabulary to take instead of the folder's.
    static func huggingFace(
        folder path: String, only: String?, tokenizer: TokenizerSource?, mode: LoadMode
    ) throws(CheckpointError) -> Checkpoint {
        let folder = HuggingFaceFolder(path: path)
        let (names, index) = try folder.weightFiles(only: only)
        var files: [SafetensorsFile] = []
        var fileBytes = 0
        for name in names {
            let storage = try FileStorage.load(FilePath.join(path, name), mode: mode)
            fileBytes += storage.bytes.count
            files.append(try SafetensorsFile(storage: storage, name: name))
        }
        if let index { try check(files, index) }
        guard let config = try folder.json("config.json") else {
            // A type that we cannot read is the better thing to name.
            for file in files {
                for entry in file.entries { _ = try file.tensor(entry) }
            }
            throw .notACheckpoint(path: path, found: "safetensors without config.json beside them")
        }
        var checkpoint = try Checkpoint(safetensors: files, config: config)
        checkpoint.fileBytes = fileBytes
        checkpoint.tokenizer = if let tokenizer { tokenizer } else { try folder.tokenizer() }
        checkpoint.generationConfig = try folder.json("generation_config.json")
        try checkpoint.validateVocabulary()
        return checkpoint
    }

    /// The checkpoint in safetensors files with this `config.json`, without its vocabulary.
    package init(safetensors files: [SafetensorsFile], config json: JSON) throws(CheckpointError) {
        let result = try HuggingFaceConfigReader.read(json, file: "config.json")
        var config = result.config
        var tensors: [String: Tensor] = [:]
        for file in files {
            for entry in file.entries {
                guard let use = config.family.use(ofHuggingFaceTensor: entry.name) else {
                    throw .badTensor(
                        file: file.name, name: entry.name,
                        expected: "a tensor that family \(config.family.rawValue) uses", found: "an unknown name")
                }
                let name: String
                var tensor: Tensor
                switch use {
                case .buffer: continue
                case .weight(let canonical):
                    // The head of a tied model is a copy of its embedding, or stale.
                    if canonical == "output.weight", result.tiesHead == true { continue }
                    (name, tensor) = (canonical, try file.tensor(entry))
                case .transposed(let canonical):
                    name = canonical
                    tensor = try file.tensor(entry)
                    guard let swapped = tensor.transposed() else {
                        throw .badTensor(
                            file: file.name, name: entry.name, expected: "two dimensions",
                            found: "shape \(tensor.shape)")
                    }
                    tensor = swapped
                }
                guard tensors.updateValue(tensor, forKey: name) == nil else {
                    throw .badTensor(
                        file: file.name, name: entry.name, expected: "a tensor not seen before", found: "a second one")
                }
            }
        }
        let fileName = files.count == 1 ? files[0].name : "safetensors files"
        config.tiesHead = result.tiesHead ?? (tensors["output.weight"] == nil)
        try config.validate(tensors, file: fileName)
        for bias in result.requiredBiases {
            for layer in 0..<config.layerCount where tensors["blk.\(layer).\(bias)"] == nil {
                throw .missingTensor(
                    file: fileName, name: "blk.\(layer).\(bias)",
                    shape: config.tensorRequirements.first { $0.name == "blk.\(layer).\(bias)" }?.shape ?? [])
            }
        }
        self.init(
            format: .safetensors(fileCount: files.count), config: config, tensors: tensors, tokenizer: nil,
            metadata: files.flatMap(\.metadata), generationConfig: nil, fileBytes: 0)
        for (key, value) in json.objectValue?.members ?? JSONObject().members {
            metadata.append((key, value.displayText))
        }
    }

    /// Checks that every tensor is where the index says, and that the index knows every tensor.
    private static func check(_ files: [SafetensorsFile], _ index: [String: String]) throws(CheckpointError) {
        var found = 0
        for file in files {
            for entry in file.entries {
                guard index[entry.name] == file.name else {
                    throw .badTensor(
                        file: file.name, name: entry.name, expected: "the place the index names",
                        found: index[entry.name].map { "index: \($0.quoted)" } ?? "no mention in the index")
                }
                found += 1
            }
        }
        guard found == index.count else {
            let names = Set(files.flatMap { $0.entries.map(\.name) })
            let missing = index.keys.filter { !names.contains($0) }.sorted()
            throw .missingTensor(file: index[missing.first ?? ""] ?? "", name: missing.first ?? "", shape: [])
        }
    }
}

extension JSON {
    /// The value for display: long texts are cut, arrays and objects written out if short and counted else.
    var displayText: String {
        switch self {
        case .string(let text): return text.count > 200 ? text.prefix(200) + "…" : text
        case .array(let elements) where elements.count > 16: return "\(elements.count) elements"
        default:
            var writer = JSONWriter()
            writer.value(self)
            let text = String(decoding: writer.bytes, as: UTF8.self)
            return text.count > 200 ? text.prefix(200) + "…" : text
        }
    }
}
