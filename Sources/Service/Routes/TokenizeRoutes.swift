// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON
import Tokenizers

/// `POST /tokenize` and `POST /detokenize` in the dialects of llama-server and vLLM; answers hold the fields of both.
enum TokenizeRoutes {
    /// `/tokenize`: `content`, `prompt` or `messages` to `{tokens, count, max_model_len, token_strs?}`.
    static func tokenize(_ values: FieldValues, model: ModelInfo, warnings: [RequestWarning]) throws(APIError)
        -> [UInt8]
    {
        let tokenizer = model.tokenizer
        let ids = try ids(values, model: model)
        var writer = JSONWriter(reservingCapacity: 64 + 8 * ids.count)
        writer.object { object in
            object.member(
                "tokens",
                array: { array in
                    let withPieces = values[RequestFields.withPieces]
                    for id in ids {
                        if withPieces {
                            write(id, tokenizer, to: &array)
                        } else {
                            array.value(id)
                        }
                    }
                })
            object.member("count", ids.count)
            object.member("max_model_len", model.contextLength)
            if values[RequestFields.returnTokenStrings] {
                object.member("token_strs", ids.map { tokenizer.piece(of: $0) ?? "" })
            } else {
                object.key("token_strs")
                object.null()
            }
            write(warnings, to: &object)
        }
        return writer.bytes
    }

    private static func ids(_ values: FieldValues, model: ModelInfo) throws(APIError) -> [Int32] {
        let content = values[RequestFields.content]
        let prompt = values[RequestFields.tokenizePrompt]
        let messages = values[RequestFields.tokenizeMessages]
        if content != nil, prompt != nil { throw .conflict(param: "prompt", other: "content") }
        if messages != nil, content != nil || prompt != nil {
            throw .conflict(param: "messages", other: content == nil ? "prompt" : "content")
        }
        if let messages {
            return try PromptAssembly(model: model).chat(
                messages, addsGenerationPrompt: values[RequestFields.addGenerationPrompt], continuesFinal: false
            ).ids
        }
        guard let text = prompt ?? content else { throw .missing(param: "prompt") }
        return model.tokenizer.encode(
            text, addSpecial: values[RequestFields.tokenizeAddSpecial] ?? (content == nil),
            parseSpecial: values[RequestFields.tokenizeParseSpecial])
    }

    /// `{"id":…,"piece":…}`; a piece that is not UTF-8 is its bytes.
    private static func write(_ id: Int32, _ tokenizer: any Tokenizer, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("id", id)
            let bytes = tokenizer.bytes(of: id)
            if bytes.isEmpty {
                object.member("piece", tokenizer.piece(of: id) ?? "")
            } else if let text = String(validating: bytes, as: UTF8.self) {
                object.member("piece", text)
            } else {
                object.member("piece", bytes)
            }
        }
    }

    /// `/detokenize`: `tokens` to `{content, prompt}`.
    static func detokenize(
        _ values: FieldValues, model: ModelInfo, warnings: [RequestWarning]
    ) throws(APIError) -> [UInt8] {
        guard let tokens = values[RequestFields.tokens] else { throw .missing(param: "tokens") }
        let text = model.tokenizer.decode(tokens, showSpecial: !values[RequestFields.detokenizeSkipSpecial])
        var writer = JSONWriter(reservingCapacity: 32 + 2 * text.utf8.count)
        writer.object { object in
            object.member("content", text)
            object.member("prompt", text)
            write(warnings, to: &object)
        }
        return writer.bytes
    }

    private static func write(_ warnings: [RequestWarning], to writer: inout JSONWriter) {
        guard !warnings.isEmpty else { return }
        writer.member("warnings", array: { array in for warning in warnings { warning.write(to: &array) } })
    }
}
