// SPDX-License-Identifier: Apache-2.0

import Prompting
import StrictJSON

// Text to ids and back, in the dialects of llama-server (content) and vLLM (prompt or messages).
extension RequestFields {
    static let content = Field<String?>.string(
        "content", endpoints: [.tokenize], meaning: "The text to tokenize (llama-server's name).")

    static let tokenizePrompt = Field<String?>.string(
        "prompt", endpoints: [.tokenize], meaning: "The text to tokenize (vLLM's name).")

    static let tokenizeMessages = Field<[ChatMessage]?>(
        "messages", type: "array of messages", allowed: MessageInput.countRange, default: nil, defaultText: nil,
        endpoints: [.tokenize], members: MessageInput.members,
        meaning: "A conversation to render with the model's chat template and tokenize."
    ) { (json, path, reading) throws(APIError) in
        try MessageInput.readAll(json, path, &reading)
    }

    static let tokenizeAddSpecial = Field<Bool?>(
        "add_special_tokens", aliases: ["add_special"], type: "boolean", default: nil, defaultText: nil,
        endpoints: [.tokenize],
        meaning: "Adds the beginning-of-sequence token where the vocabulary asks for it. Absent: true with prompt, "
            + "false with content, as the dialects have it."
    ) { (json, path, _) throws(APIError) in
        guard let flag = json.boolValue else {
            throw .wrongType(param: path, expected: "boolean", found: json.typeName)
        }
        return flag
    }

    static let tokenizeParseSpecial = Field<Bool>.boolean(
        "parse_special", default: true, endpoints: [.tokenize],
        meaning: "Reads the spelling of control tokens as those tokens.")

    static let withPieces = Field<Bool>.boolean(
        "with_pieces", default: false, endpoints: [.tokenize],
        meaning: "Each token is an object of id and piece; a piece that is not UTF-8 is an array of bytes.")

    static let returnTokenStrings = Field<Bool>.boolean(
        "return_token_strs", default: false, endpoints: [.tokenize],
        meaning: "Also returns the tokens as the vocabulary spells them, as token_strs.")

    static let tokens = Field<[Int32]?>(
        "tokens", type: "array of token ids", default: nil, defaultText: nil, endpoints: [.detokenize],
        meaning: "The ids to turn into text."
    ) { (json, path, reading) throws(APIError) in
        var ids: [Int32] = []
        for (index, element) in try Read.array(json, path, Allowed(min: 0), of: "token ids").enumerated() {
            ids.append(try Read.tokenID(element, JSONPath.element(path, index), reading.limits))
        }
        return ids
    }

    static let detokenizeSkipSpecial = Field<Bool>.boolean(
        "skip_special_tokens", default: false, endpoints: [.detokenize],
        meaning: "Control tokens leave no trace in the text.")
}
