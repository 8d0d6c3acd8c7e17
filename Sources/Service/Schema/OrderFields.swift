// SPDX-License-Identifier: Apache-2.0

package import Decoding
package import StrictJSON

// In which sequence the stages act.
extension RequestFields {
    static let order = Field<String>.choice(
        "order", SamplingOrder.allCases.map(\.rawValue), default: SamplingOrder.temper.rawValue,
        meaning: "Whose sequence of stages and whose conventions hold: ties in top_k, what penalties look at, where "
            + "the temperature stands. It changes no default.")

    static let samplerCount = Allowed(min: 0, max: 32, counting: "items")

    static let samplers = Field<SamplerList?>(
        "samplers", type: "array of names or of objects with name", allowed: samplerCount, default: nil,
        defaultText: nil,
        meaning: "The stages, first to last, each at most once; an object holds the fields of its stage beside name. "
            + "Names: \(StageName.allCases.map(\.rawValue).joined(separator: ", ")); penalties stands for the three. "
            + "Biases and bans that are not named act first; another stage that is not named must be off. mirostat "
            + "and adaptive_p must be last. Absent: as the order has it."
    ) { (json, path, _) throws(APIError) in
        try SamplerList.read(json, path)
    }
}

/// The value of `samplers`.
package struct SamplerList: Sendable, Equatable {
    /// A field of the request that stands in the list.
    package struct Argument: Sendable, Equatable {
        /// The name of the field, or an alias.
        package var key: String
        /// Where it stands.
        package var path: String
        /// Its value.
        package var json: JSON
    }

    /// The stages.
    package var stages: [StageName] = []
    /// The fields given with them, in order.
    package var arguments: [Argument] = []

    static func read(_ json: JSON, _ path: String) throws(APIError) -> SamplerList {
        var list = SamplerList()
        let elements = try Read.array(json, path, RequestFields.samplerCount, of: "names or objects")
        for (index, element) in elements.enumerated() {
            let elementPath = JSONPath.element(path, index)
            let stages = try list.readElement(element, elementPath)
            for stage in stages {
                guard !list.stages.contains(stage) else {
                    throw .invalidValue(param: elementPath, reason: "\(stage.rawValue) stands in the list already")
                }
                if stage.hasFeedback, index != elements.count - 1 {
                    throw .invalidValue(param: elementPath, reason: "\(stage.rawValue) must be the last")
                }
                list.stages.append(stage)
            }
        }
        return list
    }

    private mutating func readElement(_ json: JSON, _ path: String) throws(APIError) -> [StageName] {
        guard let object = json.objectValue else {
            guard json.stringValue != nil else {
                throw .wrongType(param: path, expected: "string or object", found: json.typeName)
            }
            return try Self.stages(json, path)
        }
        guard let name = object["name"] else { throw .missing(param: JSONPath.member(path, "name")) }
        let stages = try Self.stages(name, JSONPath.member(path, "name"))
        let fields = stages.flatMap(StageFields.of)
        for (key, value) in object.members where key != "name" {
            let memberPath = JSONPath.member(path, key)
            guard fields.contains(where: { $0.name == key || $0.aliases.contains(key) }) else {
                throw .unknownField(param: memberPath)
            }
            arguments.append(Argument(key: key, path: memberPath, json: value))
        }
        return stages
    }

    /// Names of other engines for some stages.
    private static let aliases: [String: [StageName]] = [
        "penalties": [.repetitionPenalty, .frequencyPenalty, .presencePenalty], "repeat_penalty": [.repetitionPenalty],
        "typ_p": [.typicalP], "typical": [.typicalP], "tfs_z": [.tailFree], "top-k": [.topK], "top-p": [.topP],
        "min-p": [.minP], "top-n-sigma": [.topNSigma], "adaptive-p": [.adaptiveP], "temp": [.temperature],
        "dynatemp": [.temperature],
    ]

    private static func stages(_ json: JSON, _ path: String) throws(APIError) -> [StageName] {
        let allowed = Allowed(values: StageName.allCases.map { .string($0.rawValue) })
        let name = try Read.string(json, path)
        if let stage = StageName(rawValue: name) { return [stage] }
        guard let stages = aliases[name] else {
            throw .notAllowed(param: path, found: JSONText.of(json), allowed: allowed)
        }
        return stages
    }
}

/// The fields that set each stage.
enum StageFields {
    /// The declarations of a stage's fields; the first is what switches it on.
    static func of(_ stage: StageName) -> [FieldDeclaration] {
        typealias F = RequestFields
        return switch stage {
        case .logitBias: [F.logitBias.declaration]
        case .sequenceBias: [F.sequenceBias.declaration]
        case .badWords: [F.badWords.declaration, F.badWordIDs.declaration]
        case .allowedIDs: [F.allowedTokenIDs.declaration]
        case .suppressedIDs: [F.suppressTokens.declaration]
        case .minTokens: [F.minTokens.declaration]
        case .repetitionPenalty:
            [F.repetitionPenalty.declaration, F.repetitionScope.declaration, F.repetitionWindow.declaration]
        case .frequencyPenalty:
            [F.frequencyPenalty.declaration, F.frequencyScope.declaration, F.frequencyWindow.declaration]
        case .presencePenalty:
            [F.presencePenalty.declaration, F.presenceScope.declaration, F.presenceWindow.declaration]
        case .noRepeatNGram: [F.noRepeatNGramSize.declaration]
        case .dry:
            [
                F.dryMultiplier.declaration, F.dryBase.declaration, F.dryAllowedLength.declaration,
                F.dryWindow.declaration, F.dryBreakers.declaration,
            ]
        case .lengthDecay: [F.lengthDecay.declaration]
        case .temperature:
            [F.temperature.declaration, F.dynamicRange.declaration, F.dynamicExponent.declaration]
        case .quadratic: [F.smoothingFactor.declaration, F.smoothingCurve.declaration]
        case .topK: [F.topK.declaration]
        case .topP: [F.topP.declaration]
        case .minP: [F.minP.declaration]
        case .typicalP: [F.typicalP.declaration]
        case .topNSigma: [F.topNSigma.declaration]
        case .topH: [F.topH.declaration]
        case .epsilon: [F.epsilonCutoff.declaration]
        case .eta: [F.etaCutoff.declaration]
        case .tailFree: [F.tailFree.declaration]
        case .topA: [F.topA.declaration]
        case .xtc: [F.xtcProbability.declaration, F.xtcThreshold.declaration]
        case .watermark: [F.watermark.declaration]
        case .mirostat: [F.mirostat.declaration, F.mirostatTau.declaration, F.mirostatEta.declaration]
        case .adaptiveP: [F.adaptiveTarget.declaration, F.adaptiveDecay.declaration]
        }
    }
}
