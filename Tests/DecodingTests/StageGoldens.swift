// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

/// The goldens of `Tests/Fixtures/decoding/stage-goldens.json`.
struct StageGoldens: Decodable {
    /// How logits are made; see `make_logits` of chain_oracle.py.
    struct Logits: Decodable {
        var listed: Int?
        var kind: String?
        var seed: UInt64?
        var size: Int?
        var scale: Int?

        init(bell seed: UInt64, size: Int, scale: Int) {
            (kind, self.seed, self.size, self.scale) = ("bell", seed, size, scale)
        }

        func values(_ lists: [[Double?]]) throws -> [Float] {
            if let listed { return lists[listed].map { $0.map { Float($0) } ?? -.infinity } }
            let (kind, size, seed) = (try #require(kind), try #require(size), try #require(seed))
            if kind == "equal" { return [Float](repeating: -3.25, count: size) }
            if kind == "alone" { return (0..<size).map { $0 == Int(seed) % size ? 1.5 : -.infinity } }
            let factor = Float(sign: .plus, exponent: try #require(scale), significand: 1)
            return (0..<size).map { id in
                let hash = testHash(seed, id)
                let sum = (0..<4).reduce(0) { $0 + Int(hash >> (16 * UInt64($1)) & 0xFFFF) }
                let bell = Float(sum - 131_070) * factor
                switch kind {
                case "steps": return (bell * 2).rounded(.down) / 2
                case "peak": return id == Int(seed) % size ? bell + 16 : bell
                case "holes": return hash & 3 == 0 ? -.infinity : bell
                default: return bell
                }
            }
        }
    }

    struct Result: Decodable {
        var logits: Logits
        var position: Int
        var count: Int
        var hash: String?
        var p: [[Double]]?
        var entropy: Double?
    }

    struct Case: Decodable {
        var order: String
        var names: [String]?
        var stages: [String: StageArguments]
        var prompt: [Int32]
        var output: [Int32]
        var results: [Result]

        func parameters() throws -> SamplingParameters {
            try samplingParameters(order, names, stages)
        }
    }

    struct Run: Decodable {
        var order: String
        var names: [String]?
        var stages: [String: StageArguments]
        var prompt: [Int32]
        var seed: UInt64
        var output: [Int32]
        var state: [Double]?

        func parameters() throws -> SamplingParameters {
            try samplingParameters(order, names, stages)
        }
    }

    struct Distribution: Decodable {
        var order: String
        var stages: [String: StageArguments]
        var prompt: [Int32]
        var output: [Int32]
        var logits: Logits
        var p: [Double]
    }

    var listed: [[Double?]]
    var distributions: [Distribution]
    var cases: [Case]
    var draws: [Run]

    static let loaded = Swift.Result {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/decoding/stage-goldens.json")
        return try JSONDecoder().decode(StageGoldens.self, from: Data(contentsOf: file))
    }
}

/// The arguments of any stage.
struct StageArguments: Decodable {
    var bias: NumberOrPairs?
    var biases: [Biased]?
    var sequences: [[Int32]]?
    var ids: [Int32]?
    var count: Int?
    var penalty: Float?
    var scope: String?
    var window: Int?
    var size: Int?
    var multiplier: Float?
    var base: Float?
    var allowed_length: Int?
    var breakers: [[Int32]]?
    var start: Int?
    var factor: Float?
    var curve: Float?
    var temperature: Float?
    var range: Float?
    var exponent: Float?
    var k: Int?
    var p: Float?
    var n: Float?
    var h: Float?
    var cutoff: Float?
    var z: Float?
    var a: Float?
    var probability: Float?
    var threshold: Float?
    var ratio: Float?
    var key: UInt64?
    var version: Int?
    var tau: Float?
    var eta: Float?
    var target: Float?
    var decay: Float?

    /// A number, or pairs of an id and a number.
    enum NumberOrPairs: Decodable {
        case number(Float)
        case pairs([[Double]])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Float.self) {
                self = .number(number)
            } else {
                self = .pairs(try container.decode([[Double]].self))
            }
        }
    }

    /// A sequence and a number.
    struct Biased: Decodable {
        var ids: [Int32]
        var bias: Float

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            ids = try container.decode([Int32].self)
            bias = try container.decode(Float.self)
        }
    }

    var penaltyRange: PenaltyRange? {
        scope.flatMap { PenaltyRange.Scope(rawValue: $0) }.map { PenaltyRange(scope: $0, window: window) }
    }
}

/// The parameters that a golden's stages stand for.
func samplingParameters(
    _ order: String, _ names: [String]?, _ stages: [String: StageArguments]
) throws -> SamplingParameters {
    var result = SamplingParameters()
    result.order = try #require(SamplingOrder(rawValue: order))
    result.stages = try names?.map { try #require(StageName(rawValue: $0)) }
    for (name, arguments) in stages {
        let stage = try #require(StageName(rawValue: name), "\(name)")
        try result.set(stage, arguments)
    }
    return result
}

extension SamplingParameters {
    fileprivate mutating func set(_ stage: StageName, _ a: StageArguments) throws {
        switch stage {
        case .logitBias:
            guard case .pairs(let pairs) = try #require(a.bias) else { return }
            for pair in pairs { logitBias[Int32(pair[0])] = Float(pair[1]) }
        case .sequenceBias: sequenceBias = try #require(a.biases).map { SequenceBias(ids: $0.ids, bias: $0.bias) }
        case .badWords: badWords = try #require(a.sequences)
        case .allowedIDs: allowedIDs = a.ids
        case .suppressedIDs: suppressedIDs = try #require(a.ids)
        case .minTokens: minTokens = MinTokensParameters(count: try #require(a.count), ids: Set(try #require(a.ids)))
        case .repetitionPenalty: (repetitionPenalty, repetitionRange) = (try #require(a.penalty), a.penaltyRange)
        case .frequencyPenalty: (frequencyPenalty, frequencyRange) = (try #require(a.penalty), a.penaltyRange)
        case .presencePenalty: (presencePenalty, presenceRange) = (try #require(a.penalty), a.penaltyRange)
        case .noRepeatNGram: noRepeatNGramSize = try #require(a.size)
        case .dry:
            var settings = DRYParameters(multiplier: try #require(a.multiplier))
            settings.base = try #require(a.base)
            settings.allowedLength = try #require(a.allowed_length)
            settings.window = a.window
            settings.breakers = DRYBreakers(a.breakers ?? [])
            dry = settings
        case .lengthDecay:
            lengthDecay = LengthDecayParameters(
                start: try #require(a.start), factor: try #require(a.factor), ids: Set(try #require(a.ids)))
        case .temperature:
            temperature = try #require(a.temperature)
            if let range = a.range {
                dynamicTemperature = DynamicTemperatureParameters(range: range, exponent: try #require(a.exponent))
            }
        case .quadratic: quadratic = QuadraticParameters(factor: try #require(a.factor), curve: try #require(a.curve))
        case .topK: topK = try #require(a.k)
        case .topP: topP = try #require(a.p)
        case .minP: minP = try #require(a.p)
        case .typicalP: typicalP = try #require(a.p)
        case .topNSigma: topNSigma = try #require(a.n)
        case .topH: topH = try #require(a.h)
        case .epsilon: epsilonCutoff = try #require(a.cutoff)
        case .eta: etaCutoff = try #require(a.cutoff)
        case .tailFree: tailFree = try #require(a.z)
        case .topA: topA = try #require(a.a)
        case .xtc: xtc = XTCParameters(probability: try #require(a.probability), threshold: try #require(a.threshold))
        case .watermark:
            guard case .number(let bias) = try #require(a.bias) else { return }
            var settings = WatermarkParameters()
            (settings.bias, settings.ratio, settings.key) = (bias, try #require(a.ratio), try #require(a.key))
            watermark = settings
        case .mirostat:
            let version = MirostatParameters.Version(rawValue: a.version ?? 0)
            mirostat = MirostatParameters(
                version: try #require(version), tau: try #require(a.tau), eta: try #require(a.eta))
        case .adaptiveP: adaptiveP = AdaptivePParameters(target: try #require(a.target), decay: try #require(a.decay))
        }
    }
}

/// The hash that test logits are made of: the noise of seed and id, without choice and position.
private func testHash(_ seed: UInt64, _ id: Int) -> UInt64 {
    func mix(_ input: UInt64) -> UInt64 {
        var z = input
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    let step: UInt64 = 0x9E37_79B9_7F4A_7C15
    return mix(mix(seed &+ step) &+ step &* (UInt64(id) + 1))
}
