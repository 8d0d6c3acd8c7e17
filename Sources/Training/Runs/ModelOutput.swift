// SPDX-License-Identifier: Apache-2.0

package import Checkpoints
package import Compute
import StrictJSON
import Tokenizers

/// The model that a run made, as files that other programs read.
package struct ModelOutput {
    /// The model's sizes.
    var config: ModelConfig
    /// Weights by canonical name, F32.
    var weights: [String: Tensor]
    /// The vocabulary.
    var tokenizer: TokenizerSource
    /// Ids that begin and end a text.
    var bosID: Int32?
    var eosID: Int32?

    package init(
        config: ModelConfig, weights: [String: Tensor], tokenizer: TokenizerSource, bosID: Int32?, eosID: Int32?
    ) {
        self.config = config
        self.weights = weights
        self.tokenizer = tokenizer
        self.bosID = bosID
        self.eosID = eosID
    }

    /// Writes `config.json`, `model.safetensors`, the vocabulary's files and `generation_config.json` into `folder`.
    ///
    /// A vocabulary that is not of Hugging Face's layout is left out.
    package func writeHuggingFace(to folder: String, precision: Recipe.Precision) throws(CheckpointError) {
        try FilePath.makeFolder(folder)
        var source = tokenizer
        if case .huggingFace(let json, let settings, _, let template) = tokenizer {
            source = .huggingFace(
                tokenizer: json, config: settings, generationConfig: generationConfig, chatTemplate: template)
        }
        let checkpoint = Checkpoint(
            format: .safetensors(fileCount: 1), config: config,
            tensors: try converted { _ in precision.type }, tokenizer: source)
        try checkpoint.writeHuggingFace(toFolder: folder)
    }

    /// Writes the GGUF file at `path`; vectors are F32 whatever the precision.
    package func writeGGUF(to path: String, precision: Recipe.Precision) throws(RunError) {
        let vocabulary: TokenizerSource
        do throws(TokenizerError) {
            if case .huggingFace = tokenizer {
                vocabulary = .gguf(try tokenizer.ggufVocabulary(vocabularySize: config.vocabularySize))
            } else {
                vocabulary = tokenizer
            }
        } catch {
            throw .tokenizer(path: path, reason: "\(error)")
        }
        do throws(CheckpointError) {
            let checkpoint = Checkpoint(
                format: .gguf(version: 3), config: config,
                tensors: try converted { $0.shape.count > 1 ? precision.type : .f32 }, tokenizer: vocabulary)
            var writer = try GGUFWriter(checkpoint)
            writer.set("general.file_type", .uint32(precision.scheme.fileType))
            try writer.write(to: path)
        } catch {
            throw .file(error)
        }
    }

    private func converted(_ type: (Tensor) -> ElementType) throws(CheckpointError) -> [String: Tensor] {
        var result: [String: Tensor] = [:]
        for (name, tensor) in weights {
            let wanted = type(tensor)
            guard let converted = tensor.converted(to: wanted) else {
                throw .badTensor(
                    file: "model", name: name,
                    expected: "rows of whole blocks of \(wanted.blockSize) for \(wanted.name)",
                    found: "shape \(tensor.shape)")
            }
            result[name] = converted
        }
        return result
    }

    private var generationConfig: JSON {
        var json = JSONObject()
        json["_from_model_config"] = .bool(true)
        json["bos_token_id"] = bosID.map { .integer(Int64($0)) }
        json["eos_token_id"] = eosID.map { .integer(Int64($0)) }
        return .object(json)
    }
}

extension Recipe.Precision {
    /// The element type.
    var type: ElementType { scheme.type }

    /// The scheme of a whole file.
    var scheme: QuantizationScheme {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        case .q8_0: .q8_0
        }
    }
}
