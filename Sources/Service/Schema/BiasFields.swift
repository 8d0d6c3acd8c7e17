// SPDX-License-Identifier: Apache-2.0

import Decoding
import StrictJSON

// Which tokens are favoured or banned.
extension RequestFields {
    static let sequenceBiasCount = Allowed(min: 0, max: 1024, counting: "items")
    static let sequenceLength = Allowed(min: 1, max: 64, counting: "ids")

    static let sequenceBias = Field<[SequenceBias]>(
        "sequence_bias", type: "array of [array of token ids, number from -100 to 100]", allowed: sequenceBiasCount,
        default: [], defaultText: "[]",
        meaning: "Added to the logit of the last token of each sequence where the tokens before it end the text so "
            + "far, prompt included; sequences of 1 to 64 tokens."
    ) { (json, path, reading) throws(APIError) in
        var biases: [SequenceBias] = []
        for (index, element) in try Read.array(json, path, sequenceBiasCount, of: "pairs").enumerated() {
            let elementPath = JSONPath.element(path, index)
            let pair = try Read.array(element, elementPath, Allowed(min: 2, max: 2, counting: "items"), of: "two")
            biases.append(
                SequenceBias(
                    ids: try Read.tokenIDs(
                        pair[0], JSONPath.element(elementPath, 0), sequenceLength, reading.limits),
                    bias: try Read.float(pair[1], JSONPath.element(elementPath, 1), logitBiasRange)))
        }
        return biases
    }

    static let badWordsCount = Allowed(min: 0, max: 256, counting: "strings")
    static let badWordLength = Allowed(min: 1, max: 256, counting: "bytes")

    static let badWords = Field<[String]>(
        "bad_words", type: "array of strings", allowed: badWordsCount, default: [], defaultText: "[]",
        meaning: "Words that must not be completed: the last token of each word's own tokens is banned after the "
            + "others, the word taken as it is and with a space before it. Another way to spell it in tokens stays "
            + "open. Up to 256 of 1 to 256 bytes."
    ) { (json, path, _) throws(APIError) in
        var words: [String] = []
        for (index, element) in try Read.array(json, path, badWordsCount, of: "strings").enumerated() {
            words.append(try Read.string(element, JSONPath.element(path, index), badWordLength))
        }
        return words
    }

    static let badWordIDs = Field<[[Int32]]>(
        "bad_words_ids", type: "array of arrays of token ids", allowed: sequenceBiasCount, default: [],
        defaultText: "[]", meaning: "The same as sequences of 1 to 64 token ids."
    ) { (json, path, reading) throws(APIError) in
        var sequences: [[Int32]] = []
        for (index, element) in try Read.array(json, path, sequenceBiasCount, of: "arrays of token ids").enumerated() {
            sequences.append(
                try Read.tokenIDs(element, JSONPath.element(path, index), sequenceLength, reading.limits))
        }
        return sequences
    }

    static let allowedIDCount = Allowed(min: 1, max: 262_144, counting: "ids")

    static let allowedTokenIDs = Field<[Int32]?>(
        "allowed_token_ids", type: "array of token ids", allowed: allowedIDCount, default: nil, defaultText: nil,
        meaning: "The only tokens that may be drawn. Absent: all. Name an end token among them where the text is to "
            + "end before max_tokens."
    ) { (json, path, reading) throws(APIError) in
        try Read.tokenIDs(json, path, allowedIDCount, reading.limits)
    }

    static let suppressedIDCount = Allowed(min: 0, max: 262_144, counting: "ids")

    static let suppressTokens = Field<[Int32]>(
        "suppress_tokens", type: "array of token ids", allowed: suppressedIDCount, default: [], defaultText: "[]",
        meaning: "Tokens that are never drawn."
    ) { (json, path, reading) throws(APIError) in
        try Read.tokenIDs(json, path, suppressedIDCount, reading.limits)
    }

    static let minTokens = Field<Int>(
        "min_tokens", aliases: ["min_new_tokens"], type: "integer",
        allowed: Allowed(min: 0, maxFromModel: .contextLength), default: 0, defaultText: "0", unit: "tokens",
        meaning: "The tokens that end a choice, the vocabulary's and those of stop_token_ids, are banned before so "
            + "many tokens were generated, and stop strings completed by these do not count. At most max_tokens."
    ) { (json, path, reading) throws(APIError) in
        try Read.integer(json, path, Allowed(min: 0, maxFromModel: .contextLength).resolved(reading.limits))
    }
}
