// SPDX-License-Identifier: Apache-2.0

import Decoding
import StrictJSON

// How continuations are found where each token is not just drawn.
extension RequestFields {
    /// The most sequences of a search, and the most draws of which the best are returned.
    static let widthRange = Allowed(min: 1, max: 64)

    static let bestOf = Field<Int?>.optionalInteger(
        "best_of", widthRange, unit: "choices", endpoints: .openAI,
        meaning:
            "Draws this many continuations and returns the n with the greatest mean log-probability per token, the "
            + "end included, best first. At least n; cannot be streamed where it is more.")

    static let beamWidth = Field<Int>.integer(
        "beam_width", aliases: ["num_beams"], widthRange, default: 1, unit: "sequences", endpoints: .openAI,
        meaning: "Above 1: a beam search of this many sequences, of which the n best are returned. It draws nothing: "
            + "stages that serve a draw are refused. temperature may be 0 or 1.")

    static let usesBeamSearch = Field<Bool>.boolean(
        "use_beam_search", default: false, endpoints: .openAI,
        meaning: "vLLM's way to ask for a beam search; n sequences wide unless beam_width says more.")

    static let beamGroups = Field<Int>.integer(
        "num_beam_groups", aliases: ["beam_groups"], widthRange, default: 1, unit: "groups", endpoints: .openAI,
        meaning: "Groups of a diverse beam search; must divide beam_width.")

    static let diversityPenalty = Field<Float>.number(
        "diversity_penalty", Allowed(min: 0, max: 100), default: 0, endpoints: .openAI,
        meaning: "Subtracted from a token's log-probability for each time that an earlier group chose it at the same "
            + "step, after all stages.")

    static let lengthPenalty = Field<Float>.number(
        "length_penalty", Allowed(min: -10, max: 10), default: 1, endpoints: .openAI,
        meaning: "α: a finished sequence is ranked by its summed log-probability over its length to this power.")

    static let lengthNorm = Field<String>.choice(
        "length_norm", LengthNorm.allCases.map(\.rawValue), default: LengthNorm.generated.rawValue,
        endpoints: .openAI,
        meaning: "What counts as length: generated, the tokens generated, as in transformers; sequence, those of the "
            + "prompt, too, as in vLLM; gnmt, (5 + generated) / 6 (Wu et al. 2016).")

    private static let stoppings: [JSON] = [.bool(false), .bool(true), .string("never")]

    static let earlyStopping = Field<BeamStopping>(
        "early_stopping", type: "boolean or string", allowed: Allowed(values: stoppings), default: .heuristic,
        defaultText: "false", endpoints: .openAI,
        meaning: "When a beam search ends: true, with as many finished sequences as it is wide; false, once the "
            + "likeliest that goes on would rank below all of them; \"never\", once it could not rank above them at "
            + "any length."
    ) { (json, path, _) throws(APIError) in
        if let flag = json.boolValue { return flag ? .whenFull : .heuristic }
        guard let text = json.stringValue else {
            throw .wrongType(param: path, expected: "boolean or string", found: json.typeName)
        }
        guard text == "never" else {
            throw .notAllowed(param: path, found: JSONText.of(json), allowed: Allowed(values: stoppings))
        }
        return .never
    }

    static let guidanceScale = Field<Float>.number(
        "guidance_scale", aliases: ["cfg_scale"], Allowed(min: 0, max: 100), default: 1, endpoints: .openAI,
        meaning: "γ of classifier-free guidance: tokens are drawn from u + γ·(c - u), with the log-probabilities c "
            + "after the prompt and u after negative_prompt. 1 is none. Each choice takes two sequences.")

    static let negativePrompt = Field<PromptInput?>(
        "negative_prompt", type: "string or array of token ids", default: nil, defaultText: nil, endpoints: .openAI,
        meaning: "What guidance leads away from: text, taken as it is also in a chat, or ids. Absent: the last token "
            + "of the prompt. An empty string stands for the beginning-of-sequence token alone."
    ) { (json, path, reading) throws(APIError) in
        let prompts = try PromptInput.readAll(json, path, &reading)
        guard prompts.count == 1, let prompt = prompts.first else {
            throw .wrongType(param: path, expected: "string or array of token ids", found: "several prompts")
        }
        return prompt
    }

    static let penaltyAlpha = Field<Float>.number(
        "penalty_alpha", Allowed(min: 0, max: 1), default: 0, endpoints: .openAI,
        meaning: "α of contrastive search: of the top_k likeliest tokens (2 to 64) the one with the greatest "
            + "(1 - α)·p - α·(greatest cosine of its hidden state with those before it). It draws nothing: stages that "
            + "serve a draw are refused. 0 is none.")

    private static let layerNames = ["low", "high"]
    private static let layerCount = Allowed(min: 1, max: 31, counting: "layers")

    static let dolaLayers = Field<DolaLayers?>(
        "dola_layers", type: "string or array of integers", allowed: nil, default: nil, defaultText: nil,
        endpoints: .openAI,
        meaning: "DoLa: tokens are drawn from what the last layer knows beyond the one of these that differs most from "
            + "it; 0 is the embedding, n the output of layer n; up to 31. \"low\" and \"high\" are every second one "
            + "of the lower and the upper half."
    ) { (json, path, _) throws(APIError) in
        if json.stringValue != nil {
            let allowed = Allowed(values: layerNames.map { .string($0) })
            return try Read.string(json, path, allowed) == "low" ? .low : .high
        }
        guard json.arrayValue != nil else {
            throw .wrongType(param: path, expected: "string or array of integers", found: json.typeName)
        }
        var layers: Set<Int> = []
        for (index, element) in try Read.array(json, path, layerCount, of: "integers").enumerated() {
            layers.insert(try Read.integer(element, JSONPath.element(path, index), Allowed(min: 0)))
        }
        return .listed(layers.sorted())
    }
}

/// The layers that DoLa may contrast with.
package enum DolaLayers: Sendable, Equatable {
    case low
    case high
    case listed([Int])

    /// Their indices, ascending, in a model of `count` layers. Source: `_dola_decoding` of transformers 4.
    func indices(layerCount count: Int, tiesHead: Bool) -> [Int] {
        switch self {
        case .listed(let layers): return layers
        case .high: return Array(stride(from: count <= 40 ? count / 2 : count - 20, to: count, by: 2))
        case .low:
            // A tied head undoes the embedding.
            let start = !tiesHead ? 0 : count > 2 ? 2 : count == 2 ? 1 : 0
            if start == count / 2 { return [start] }
            return Array(stride(from: start, to: count <= 40 ? count / 2 : 20, by: 2))
        }
    }
}

/// The fields that choose a strategy or belong to one.
enum StrategyFields {
    /// Those that mean nothing without a beam search.
    static let ofBeams = [
        RequestFields.beamGroups.declaration, RequestFields.diversityPenalty.declaration,
        RequestFields.lengthPenalty.declaration, RequestFields.lengthNorm.declaration,
        RequestFields.earlyStopping.declaration,
    ]
    /// All of them.
    static let all =
        [
            RequestFields.bestOf.declaration, RequestFields.beamWidth.declaration,
            RequestFields.usesBeamSearch.declaration,
        ] + ofBeams + [
            RequestFields.guidanceScale.declaration, RequestFields.negativePrompt.declaration,
            RequestFields.penaltyAlpha.declaration, RequestFields.dolaLayers.declaration,
        ]
}
