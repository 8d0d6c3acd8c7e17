// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Engine
import StrictJSON
import Tokenizers

/// Bodies of the routes that describe the models.
enum ModelRoutes {
    /// `GET /v1/models`.
    static func list(_ models: [ModelInfo]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.member("object", "list")
            object.member("data", array: { array in for model in models { write(model, to: &array) } })
        }
        return writer.bytes
    }

    /// `GET /v1/models/{id}`.
    static func one(_ model: ModelInfo) -> [UInt8] {
        var writer = JSONWriter()
        write(model, to: &writer)
        return writer.bytes
    }

    private static func write(_ model: ModelInfo, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("id", model.id)
            object.member("object", "model")
            object.member("created", model.created)
            object.member("owned_by", "temper")
            object.member("root", model.id)
            object.key("parent")
            object.null()
            object.member("max_model_len", model.contextLength)
            object.member(
                "meta",
                object: { meta in
                    meta.member("family", model.config.family.rawValue)
                    meta.member("name", model.config.name)
                    meta.member("context_length", model.contextLength)
                    meta.member("training_context_length", model.config.contextLength)
                    meta.member("vocabulary_size", model.config.vocabularySize)
                    meta.member("width", model.config.width)
                    meta.member("layers", model.config.layerCount)
                    meta.member("weight_types", model.weightTypes)
                    meta.member("weight_bytes", model.weightBytes)
                    meta.member("kv_bytes_per_token", model.kvBytesPerToken)
                    meta.member("tokenizer", model.tokenizer.kindName)
                    if let recommended = model.checkpoint.generationConfig {
                        meta.member("recommended_settings", recommended)
                    }
                })
        }
    }

    /// `GET /tokenizer_info`, as vLLM has it, with ids beside.
    static func tokenizerInfo(_ model: ModelInfo) -> [UInt8] {
        let tokenizer = model.tokenizer
        var writer = JSONWriter()
        writer.object { object in
            object.member("model", model.id)
            object.member("tokenizer_class", tokenizer.kindName)
            object.member("vocab_size", tokenizer.vocabularySize)
            object.member("max_model_len", model.contextLength)
            object.member("bos_token", tokenizer.bosID.flatMap { tokenizer.piece(of: $0) })
            object.member("bos_token_id", tokenizer.bosID)
            object.member("eos_token", tokenizer.eosID.flatMap { tokenizer.piece(of: $0) })
            object.member("eos_token_id", tokenizer.eosID)
            object.key("pad_token")
            object.null()
            object.member("end_token_ids", tokenizer.endIDs.sorted())
            object.member("add_bos_token", tokenizer.addsBOS)
            object.member("chat_template", tokenizer.chatTemplate)
        }
        return writer.bytes
    }
}
