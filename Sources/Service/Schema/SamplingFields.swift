// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// The fields of request bodies, each declared once.
package enum RequestFields {}

// How tokens are chosen.
extension RequestFields {
    static let temperature = Field<Float>.number(
        "temperature", Allowed(min: 0, max: 100), default: 1,
        meaning: "Logits are divided by it before the draw; 0 takes the likeliest token.")

    static let topK = Field<Int>.integer(
        "top_k", Allowed(min: -1, max: 2_147_483_647), default: 0, unit: "tokens",
        meaning: "Keeps this many of the likeliest tokens, exactly: ties go to the smaller id, but stay in the orders "
            + "hf and vllm. 0 and -1 keep all.")

    static let topP = Field<Float>.number(
        "top_p", Allowed(above: 0, through: 1), default: 1,
        meaning: "Keeps the smallest set of likeliest tokens whose probability reaches it. 1 keeps all; 0 is refused: "
            + "for the likeliest token alone say temperature 0 or top_k 1.")

    static let minP = Field<Float>.number(
        "min_p", Allowed(min: 0, max: 1), default: 0,
        meaning: "Keeps tokens at least this fraction as likely as the likeliest. 0 keeps all.")

    static let frequencyPenalty = Field<Float>.number(
        "frequency_penalty", Allowed(min: -2, max: 2), default: 0,
        meaning: "Subtracted from a token's logit once per occurrence: in the output, if nothing else is said.")

    static let presencePenalty = Field<Float>.number(
        "presence_penalty", Allowed(min: -2, max: 2), default: 0,
        meaning: "Subtracted from a token's logit if it occurred: in the output, if nothing else is said.")

    static let repetitionPenalty = Field<Float>.number(
        "repetition_penalty", aliases: ["repeat_penalty"], Allowed(min: 0.01, max: 100), default: 1,
        meaning: "Divides positive and multiplies negative logits of tokens seen: in prompt or output, if nothing else "
            + "is said (Keskar et al. 2019).")

    static let logitBiasRange = Allowed(min: -100, max: 100)
    static let logitBiasCount = Allowed(min: 0, max: 4096, counting: "members")

    static let logitBias = Field<[Int32: Float]>(
        "logit_bias", type: "object of token id to number from -100 to 100", allowed: logitBiasCount, default: [:],
        defaultText: "{}", meaning: "Added to the logits of these token ids."
    ) { (json, path, reading) throws(APIError) in
        let object = try Read.object(json, path)
        guard logitBiasCount.contains(Double(object.count)) else {
            throw .notAllowed(param: path, found: "\(object.count) members", allowed: logitBiasCount)
        }
        var bias: [Int32: Float] = [:]
        bias.reserveCapacity(object.count)
        for (key, value) in object.members {
            let memberPath = JSONPath.member(path, key)
            guard let number = Int64(key), String(number) == key else {
                throw .invalidValue(param: memberPath, reason: "the name must be a token id in decimal")
            }
            let id = try Read.tokenID(.integer(number), memberPath, reading.limits)
            bias[id] = Float(try Read.number(value, memberPath, logitBiasRange))
        }
        return bias
    }

    static let seed = Field<Int64?>(
        "seed", type: "integer (64 bit, signed)", default: nil, defaultText: nil,
        meaning: "Seed of the counter-based noise: the same request with the same seed gives the same tokens. Absent: "
            + "one is drawn. The seed in effect is returned as seed."
    ) { (json, path, _) throws(APIError) in
        guard let number = json.doubleValue else {
            throw .wrongType(param: path, expected: "integer", found: json.typeName)
        }
        guard let seed = json.integerValue else {
            guard number.rounded() == number else {
                throw .wrongType(param: path, expected: "integer", found: "number \(JSONText.of(json))")
            }
            throw .notAllowed(
                param: path, found: JSONText.of(json),
                allowed: Allowed(min: -0x1p63, below: 0x1p63))
        }
        if case .number = json, abs(number) >= 0x1p53 {
            throw .invalidValue(
                param: path,
                reason: "from 2^53 on a seed must be written in digits alone: as a float it may have been rounded")
        }
        return seed
    }
}
