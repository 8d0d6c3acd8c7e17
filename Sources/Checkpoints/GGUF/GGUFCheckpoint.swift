// SPDX-License-Identifier: Apache-2.0

package import Compute

extension Checkpoint {
    /// The checkpoint in a GGUF file.
    package init(gguf storage: Storage, name: String) throws(CheckpointError) {
        let file = try GGUFFile(storage: storage, name: name)
        var tensors = file.tensors
        let config = tensors.isEmpty ? nil : try GGUFConfigReader.read(file, &tensors)
        try config?.validate(tensors, file: name)
        let vocabulary = try file.vocabulary()
        guard config != nil || vocabulary != nil else {
            throw .notACheckpoint(path: name, found: "a GGUF file with neither tensors nor a vocabulary")
        }
        if let config, let vocabulary, vocabulary.pieces.count > config.vocabularySize {
            throw .badVocabulary(
                file: name, what: "tokenizer.ggml.tokens",
                expected: "at most \(config.vocabularySize) pieces, the rows of token_embd.weight",
                found: "\(vocabulary.pieces.count)")
        }
        self.init(
            format: .gguf(version: file.version), config: config, tensors: tensors,
            tokenizer: vocabulary.map(TokenizerSource.gguf),
            metadata: file.metadata.map { ($0.key, $0.value.description) }, generationConfig: nil,
            fileBytes: storage.bytes.count)
    }
}
