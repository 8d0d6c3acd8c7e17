// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation

/// The goldens of `Tests/Fixtures/decoding`, made in double precision by NumPy.
struct DecodingGoldens: Decodable {
    struct Vector: Decodable {
        var name: String
        /// nil stands for minus infinity.
        var logits: [Double?]
        var logprobs: [Double?]

        var values: [Float] { logits.map { $0.map { Float($0) } ?? -.infinity } }
    }

    struct Parameters: Decodable {
        var temperature: Float?
        var topK: Int?
        var topP: Float?
        var minP: Float?
        var bias: [String: Float]?
        var repetition: Float?
        var frequency: Float?
        var presence: Float?

        enum CodingKeys: String, CodingKey {
            case temperature, bias, repetition, frequency, presence
            case topK = "top_k"
            case topP = "top_p"
            case minP = "min_p"
        }

        var sampling: SamplingParameters {
            var result = SamplingParameters()
            result.temperature = temperature ?? 1
            result.topK = topK ?? 0
            result.topP = topP ?? 1
            result.minP = minP ?? 0
            for (id, value) in bias ?? [:] { result.logitBias[Int32(id) ?? -1] = value }
            result.repetitionPenalty = repetition ?? 1
            result.frequencyPenalty = frequency ?? 0
            result.presencePenalty = presence ?? 0
            return result
        }
    }

    struct Case: Decodable {
        var vector: Int
        var parameters: Parameters
        var prompt: [Int32]
        var output: [Int32]
        var survivors: [Int32]
        var probabilities: [Double]
    }

    struct Noise: Decodable {
        var seed: String
        var choice: Int
        var position: Int
        var id: Int32
        var bits: String
        var gumbel: Double
    }

    var vectors: [Vector]
    var cases: [Case]
    var noise: [Noise]

    static func load() throws -> DecodingGoldens {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/decoding/decoding-goldens.json")
        return try JSONDecoder().decode(DecodingGoldens.self, from: Data(contentsOf: file))
    }
}

/// The ids that survive a sampler's stages, with their processed logits.
func survivors(
    _ sampler: Sampler, _ logits: [Float], position: Int = 0
) throws(DecodingError) -> (ids: [Int32], logits: [Float]) {
    var workspace = SamplingWorkspace()
    try logits.withUnsafeBufferPointer { (buffer) throws(DecodingError) in
        try sampler.applyStages(logits: buffer, position: position, workspace: &workspace)
    }
    return (workspace.candidates.ids, workspace.candidates.logits)
}

/// One draw.
func draw(_ sampler: inout Sampler, _ logits: [Float], position: Int) throws(DecodingError) -> Int32 {
    try logits.withUnsafeBufferPointer { (buffer) throws(DecodingError) in
        try sampler.sample(logits: buffer, position: position)
    }
}

/// softmax in double precision.
func softmax(_ logits: [Float]) -> [Double] {
    let maximum = Double(logits.max() ?? 0)
    let weights = logits.map { exp(Double($0) - maximum) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
}

/// A small generator of reproducible test inputs.
struct TestRandom: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var z = state
        z = (z ^ (z >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        z = (z ^ (z >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return z ^ (z >> 33)
    }

    /// Normal with mean 0 and this deviation.
    mutating func normal(_ deviation: Float) -> Float {
        let radius = (-2 * log(Double.random(in: 1e-12..<1, using: &self))).squareRoot()
        return Float(radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self))) * deviation
    }
}
