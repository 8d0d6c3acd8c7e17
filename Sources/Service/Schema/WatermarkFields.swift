// SPDX-License-Identifier: Apache-2.0

import StrictJSON

// What `/v1/watermark/detect` looks at. Its settings are those of the field `watermark`.
extension RequestFields {
    private static let detectedCount = Allowed(min: 2, max: 1_048_576, counting: "tokens")

    static let detectedText = Field<String?>.string(
        "text", endpoints: [.watermark], meaning: "The text to look at, without its prompt; or say tokens.")

    static let detectedTokens = Field<[Int32]?>(
        "tokens", type: "array of token ids", allowed: detectedCount, default: nil, defaultText: nil,
        endpoints: [.watermark],
        meaning:
            "Its ids: what was drawn may not be what the text is cut into again. A start token at the beginning is "
            + "left out."
    ) { (json, path, reading) throws(APIError) in
        try Read.tokenIDs(json, path, detectedCount, reading.limits)
    }

    static let ignoresRepetitions = Field<Bool>.boolean(
        "ignore_repeated_ngrams", default: false, endpoints: [.watermark],
        meaning: "A pair of tokens counts once, however often it occurs.")

    static let zThreshold = Field<Float>.number(
        "z_threshold", Allowed(min: 0, max: 1000), default: 3, endpoints: [.watermark],
        meaning: "From which z-score on the answer's prediction is true; it must be above this.")
}
