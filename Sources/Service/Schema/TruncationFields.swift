// SPDX-License-Identifier: Apache-2.0

import Decoding
import StrictJSON

// How the distribution is reshaped and cut.
extension RequestFields {
    static let dynamicRange = Field<Float>.number(
        "dynatemp_range", Allowed(min: 0, max: 100), default: 0,
        meaning: "Lets the temperature go with the entropy H of n candidates: from max(0, temperature - range) to "
            + "temperature + range by (H / ln n)^dynatemp_exponent. 0 is off.")

    static let dynamicExponent = Field<Float>.number(
        "dynatemp_exponent", Allowed(min: 0, max: 100), default: 1, meaning: "See dynatemp_range.")

    static let smoothingFactor = Field<Float>.number(
        "smoothing_factor", Allowed(min: 0, max: 100), default: 0,
        meaning: "Quadratic smoothing s with curve c: with d a logit less the largest m, it becomes "
            + "m - s (3 - c)/2 d² + s (c - 1)/2 d³. 0 is off.")

    static let smoothingCurve = Field<Float>.number(
        "smoothing_curve", Allowed(min: 1, max: 10), default: 1, meaning: "See smoothing_factor.")

    static let typicalP = Field<Float>.number(
        "typical_p", aliases: ["typ_p", "typical"], Allowed(above: 0, through: 1), default: 1,
        meaning: "Keeps the tokens whose surprise is nearest to the entropy until their probability reaches it. 1 "
            + "keeps all.")

    static let topNSigma = Field<Float>.number(
        "top_n_sigma", aliases: ["nsigma"], Allowed(min: -1, max: 100), default: 0, unit: "standard deviations",
        meaning: "Keeps logits within this many deviations of the largest. 0 and below keep all.")

    static let topH = Field<Float>.number(
        "top_h", Allowed(above: 0, through: 1), default: 1,
        meaning: "Keeps the likeliest tokens as long as their part of the entropy is at most this share. 1 keeps all.")

    static let epsilonCutoff = Field<Float>.number(
        "epsilon_cutoff", Allowed(min: 0, below: 1), default: 0,
        meaning: "Keeps tokens at least this likely, and the likeliest. 0 keeps all.")

    static let etaCutoff = Field<Float>.number(
        "eta_cutoff", Allowed(min: 0, below: 1), default: 0,
        meaning: "Keeps tokens at least as likely as min(eta, sqrt(eta) e^-H), and the likeliest. 0 keeps all.")

    static let tailFree = Field<Float>.number(
        "tfs_z", aliases: ["tfs"], Allowed(min: 0, max: 1), default: 1,
        meaning: "Tail-free sampling: cuts where the sorted probabilities have used up this share of their bends, the "
            + "absolute second differences. 1 keeps all.")

    static let topA = Field<Float>.number(
        "top_a", Allowed(min: 0, max: 1), default: 0,
        meaning: "Keeps tokens with p >= top_a * (max p)². 0 keeps all.")

    static let xtcProbability = Field<Float>.number(
        "xtc_probability", Allowed(min: 0, max: 1), default: 0,
        meaning: "With this probability, for each token anew, removes all tokens that are at least xtc_threshold "
            + "likely but for the least likely of them. 0 is off.")

    static let xtcThreshold = Field<Float>.number(
        "xtc_threshold", Allowed(above: 0, through: 1), default: 0.1,
        meaning: "See xtc_probability. Above 0.5 there is one such token at most, and nothing happens.")

    static let mirostat = Field<Int>.integer(
        "mirostat", aliases: ["mirostat_mode"], Allowed(min: 0, max: 2), default: 0,
        meaning: "Keeps the surprise near mirostat_tau, by version 1 or 2 of mirostat; acts last. 0 is off.")

    static let mirostatTau = Field<Float>.number(
        "mirostat_tau", Allowed(min: 0, max: 100), default: 5, unit: "bits", meaning: "The surprise to keep to.")

    static let mirostatEta = Field<Float>.number(
        "mirostat_eta", Allowed(min: 0, max: 10), default: 0.1, meaning: "How fast mirostat follows.")

    static let adaptiveTarget = Field<Float>.number(
        "adaptive_target", Allowed(min: -1, max: 1), default: -1,
        meaning: "Adaptive-p: draws tokens whose probability is near this, and keeps the mean there; acts last. Below "
            + "0 is off.")

    static let adaptiveDecay = Field<Float>.number(
        "adaptive_decay", Allowed(min: 0, max: 0.99), default: 0.9,
        meaning: "How much of the past counts in adaptive-p's mean: about 1 / (1 - decay) tokens.")

    static let watermark = Field<WatermarkParameters?>(
        "watermark", aliases: ["watermarking_config"], type: "boolean or object", default: nil, defaultText: "false",
        endpoints: Set<Endpoint>.generation.union([.watermark]),
        members: WatermarkFields.members.map(\.declaration),
        meaning: "Adds a bias to the logits of tokens that a key and the last token choose, so that transformers' "
            + "WatermarkDetector (lefthash, one token of context) finds the text. true: the defaults; false: off."
    ) { (json, path, reading) throws(APIError) in
        if let flag = json.boolValue { return flag ? WatermarkParameters() : nil }
        guard json.objectValue != nil else {
            throw .wrongType(param: path, expected: "boolean or object", found: json.typeName)
        }
        let values = try Read.members(json, path, WatermarkFields.members, &reading)
        var parameters = WatermarkParameters()
        parameters.ratio = values[WatermarkFields.ratio]
        parameters.bias = values[WatermarkFields.bias]
        parameters.key = UInt64(values[WatermarkFields.key])
        return parameters
    }
}

/// The members of `watermark`.
private enum WatermarkFields {
    static let ratio = Field<Float>.number(
        "greenlist_ratio", Allowed(above: 0, below: 1), default: 0.25, meaning: "The share of favoured tokens.")
    static let bias = Field<Float>.number(
        "bias", Allowed(min: -100, max: 100), default: 2, meaning: "Added to their logits.")
    static let key = Field<Int>.integer(
        "hashing_key", Allowed(min: 0, max: 9_007_199_254_740_991), default: 15_485_863, meaning: "The key.")
    static let scheme = Field<String>.choice(
        "seeding_scheme", ["lefthash"], default: "lefthash", meaning: "What chooses them: the last token.")
    static let width = Field<Int>.integer(
        "context_width", Allowed(min: 1, max: 1), default: 1, unit: "tokens", meaning: "How many tokens choose them.")
    static let members = [AnyField(ratio), AnyField(bias), AnyField(key), AnyField(scheme), AnyField(width)]
}
