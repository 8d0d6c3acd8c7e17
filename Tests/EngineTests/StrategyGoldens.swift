// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Foundation

/// What transformers finds on the checkpoint of ``Harness``: `Tests/Fixtures/strategies/strategy-goldens.json`.
struct StrategyGoldens: Decodable {
    struct Case: Decodable, CustomStringConvertible {
        var prompt: [Int32]
        var max_tokens: Int
        var ends: [Int32]?
        var n: Int?
        var sequences: [[Int32]]
        var scores: [Double]?
        var repetition_penalty: Float?
        var no_repeat_ngram_size: Int?
        var min_new_tokens: Int?
        // Beams
        var width: Int?
        var groups: Int?
        var diversity_penalty: Float?
        var length_penalty: Float?
        var length_norm: String?
        var early_stopping: Stopping?
        // Guidance
        var scale: Float?
        var negative_prompt: [Int32]?
        // Contrastive search
        var top_k: Int?
        var penalty_alpha: Float?
        // DoLa
        var dola_layers: Layers?

        var description: String {
            "prompt \(prompt), width \(width ?? 0) in \(groups ?? 1), \(length_norm ?? "generated")^\(length_penalty ?? 1)"
                + ", \(early_stopping.map { "\($0.value)" } ?? ""), ends \(ends?.count ?? 0)"
        }

        /// The request for it, without a strategy.
        var request: GenerationRequest {
            var sampling = SamplingParameters()
            sampling.order = .hf
            sampling.repetitionPenalty = repetition_penalty ?? 1
            sampling.noRepeatNGramSize = no_repeat_ngram_size ?? 0
            if let count = min_new_tokens {
                sampling.minTokens = MinTokensParameters(count: count, ids: Set(ends ?? []))
            }
            var request = GenerationRequest(prompt: prompt, maxTokens: max_tokens, sampling: sampling)
            request.ignoresEnd = true
            request.stopIDs = Set(ends ?? [])
            request.choiceCount = n ?? 1
            request.logprobCount = 0
            return request
        }

        var beams: BeamParameters {
            var parameters = BeamParameters(width: width ?? 1)
            parameters.groupCount = groups ?? 1
            parameters.diversityPenalty = diversity_penalty ?? 0
            parameters.lengthPenalty = length_penalty ?? 1
            parameters.lengthNorm = length_norm.flatMap { LengthNorm(rawValue: $0) } ?? .generated
            parameters.stopping = early_stopping?.value ?? .heuristic
            return parameters
        }
    }

    /// false, true or "never".
    struct Stopping: Decodable {
        var value: BeamStopping

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                value = flag ? .whenFull : .heuristic
            } else {
                value = .never
            }
        }
    }

    /// "low", "high" or indices.
    struct Layers: Decodable {
        var name: String?
        var indices: [Int]?

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            name = try? container.decode(String.self)
            indices = try? container.decode([Int].self)
        }
    }

    /// What DoLa makes of rows of logits.
    struct LayerCase: Decodable {
        var mature: [Float]
        var premature: [[Float]]
        var contrasted: [Float?]
    }

    var beam: [Case]
    var guided: [Case]
    var diverse: [Case]
    var contrastive: [Case]
    var dola: [Case]
    var layers: [LayerCase]

    static let all: StrategyGoldens? = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/strategies/strategy-goldens.json")
        return (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(StrategyGoldens.self, from: $0) }
    }()
}
