// SPDX-License-Identifier: Apache-2.0

package import StrictJSON

/// The declared fields of each route, and how a body is read by them.
package enum RequestSchema {
    /// Every field of every route, each once, in the order of display.
    package static let fields: [AnyField] = [
        AnyField(RequestFields.model),
        AnyField(RequestFields.prompt), AnyField(RequestFields.onePrompt), AnyField(RequestFields.messages),
        AnyField(RequestFields.instruction), AnyField(RequestFields.examples), AnyField(RequestFields.template),
        AnyField(RequestFields.shots),
        AnyField(RequestFields.compareLanes), AnyField(RequestFields.compareGrid),
        AnyField(RequestFields.compareRandom), AnyField(RequestFields.distributionLanes),
        AnyField(RequestFields.distributionGrid), AnyField(RequestFields.distributionRandom),
        AnyField(RequestFields.samples), AnyField(RequestFields.reference), AnyField(RequestFields.scoreChoices),
        AnyField(RequestFields.boundary), AnyField(RequestFields.calibrate), AnyField(RequestFields.distributionTop),
        AnyField(RequestFields.maxTokens), AnyField(RequestFields.maxCompletionTokens),
        AnyField(RequestFields.seed), AnyField(RequestFields.choiceCount), AnyField(RequestFields.aggregate),
        AnyField(RequestFields.bestOf), AnyField(RequestFields.beamWidth), AnyField(RequestFields.usesBeamSearch),
        AnyField(RequestFields.beamGroups), AnyField(RequestFields.diversityPenalty),
        AnyField(RequestFields.lengthPenalty), AnyField(RequestFields.lengthNorm),
        AnyField(RequestFields.earlyStopping), AnyField(RequestFields.guidanceScale),
        AnyField(RequestFields.negativePrompt), AnyField(RequestFields.penaltyAlpha),
        AnyField(RequestFields.dolaLayers), AnyField(RequestFields.order),
        AnyField(RequestFields.samplers), AnyField(RequestFields.temperature), AnyField(RequestFields.dynamicRange),
        AnyField(RequestFields.dynamicExponent), AnyField(RequestFields.topK), AnyField(RequestFields.topP),
        AnyField(RequestFields.minP), AnyField(RequestFields.typicalP), AnyField(RequestFields.topNSigma),
        AnyField(RequestFields.topH), AnyField(RequestFields.epsilonCutoff), AnyField(RequestFields.etaCutoff),
        AnyField(RequestFields.tailFree), AnyField(RequestFields.topA), AnyField(RequestFields.xtcProbability),
        AnyField(RequestFields.xtcThreshold), AnyField(RequestFields.smoothingFactor),
        AnyField(RequestFields.smoothingCurve), AnyField(RequestFields.mirostat), AnyField(RequestFields.mirostatTau),
        AnyField(RequestFields.mirostatEta), AnyField(RequestFields.adaptiveTarget),
        AnyField(RequestFields.adaptiveDecay), AnyField(RequestFields.frequencyPenalty),
        AnyField(RequestFields.frequencyScope), AnyField(RequestFields.frequencyWindow),
        AnyField(RequestFields.presencePenalty), AnyField(RequestFields.presenceScope),
        AnyField(RequestFields.presenceWindow), AnyField(RequestFields.repetitionPenalty),
        AnyField(RequestFields.repetitionScope), AnyField(RequestFields.repetitionWindow),
        AnyField(RequestFields.penaltyWindow), AnyField(RequestFields.noRepeatNGramSize),
        AnyField(RequestFields.dryMultiplier), AnyField(RequestFields.dryBase),
        AnyField(RequestFields.dryAllowedLength), AnyField(RequestFields.dryWindow),
        AnyField(RequestFields.dryBreakers), AnyField(RequestFields.lengthDecay), AnyField(RequestFields.logitBias),
        AnyField(RequestFields.sequenceBias), AnyField(RequestFields.badWords), AnyField(RequestFields.badWordIDs),
        AnyField(RequestFields.allowedTokenIDs), AnyField(RequestFields.suppressTokens),
        AnyField(RequestFields.watermark), AnyField(RequestFields.textChoices), AnyField(RequestFields.regex),
        AnyField(RequestFields.jsonObject), AnyField(RequestFields.jsonSchema), AnyField(RequestFields.grammar),
        AnyField(RequestFields.responseFormat), AnyField(RequestFields.minTokens), AnyField(RequestFields.stop),
        AnyField(RequestFields.stopTokenIDs), AnyField(RequestFields.includeStop), AnyField(RequestFields.ignoreEnd),
        AnyField(RequestFields.maxTime), AnyField(RequestFields.lookupTokens), AnyField(RequestFields.lookupMatch),
        AnyField(RequestFields.stream), AnyField(RequestFields.streamOptions),
        AnyField(RequestFields.echo), AnyField(RequestFields.logprobCount), AnyField(RequestFields.logprobs),
        AnyField(RequestFields.topLogprobs), AnyField(RequestFields.compareTopLogprobs),
        AnyField(RequestFields.logprobsMode),
        AnyField(RequestFields.trace), AnyField(RequestFields.skipSpecialTokens),
        AnyField(RequestFields.addSpecialTokens), AnyField(RequestFields.parseSpecial),
        AnyField(RequestFields.truncatePromptTokens), AnyField(RequestFields.addGenerationPrompt),
        AnyField(RequestFields.continueFinalMessage), AnyField(RequestFields.returnExtras),
        AnyField(RequestFields.assembledExtra),
        AnyField(RequestFields.strict), AnyField(RequestFields.receipt), AnyField(RequestFields.keep),
        AnyField(RequestFields.run), AnyField(RequestFields.runChoice), AnyField(RequestFields.whatIfSettings),
        AnyField(RequestFields.content), AnyField(RequestFields.tokenizePrompt),
        AnyField(RequestFields.tokenizeMessages), AnyField(RequestFields.tokenizeAddSpecial),
        AnyField(RequestFields.tokenizeParseSpecial), AnyField(RequestFields.withPieces),
        AnyField(RequestFields.returnTokenStrings), AnyField(RequestFields.tokens),
        AnyField(RequestFields.detokenizeSkipSpecial),
        AnyField(RequestFields.setExamples), AnyField(RequestFields.setDescription),
        AnyField(RequestFields.setInstruction), AnyField(RequestFields.setTemplate),
        AnyField(RequestFields.appendedExamples), AnyField(RequestFields.removedExamples),
        AnyField(RequestFields.curveShots), AnyField(RequestFields.curveTest), AnyField(RequestFields.curveTestSet),
        AnyField(RequestFields.curveCounts), AnyField(RequestFields.curveMetric),
        AnyField(RequestFields.curveChoices), AnyField(RequestFields.curveNormalize),
        AnyField(RequestFields.curveAnswerAfter), AnyField(RequestFields.curveMaxTokens),
        AnyField(RequestFields.curveStop), AnyField(RequestFields.curveConfidence),
        AnyField(RequestFields.curveStream),
        AnyField(RequestFields.ablationShots), AnyField(RequestFields.ablationPrompt),
        AnyField(RequestFields.ablationAnswer), AnyField(RequestFields.ablationOrders),
    ]

    /// The declarations of one route's fields.
    package static func declarations(of endpoint: Endpoint) -> [FieldDeclaration] {
        fields.map(\.declaration).filter { isKnown($0, to: endpoint) }
    }

    /// The declarations of the fields that a lane of the route may hold; none where it has no lanes.
    package static func laneDeclarations(of endpoint: Endpoint) -> [FieldDeclaration] {
        fields.map(\.declaration).filter { LaneFields.contains($0, for: endpoint) }
    }

    private static func isKnown(_ declaration: FieldDeclaration, to endpoint: Endpoint) -> Bool {
        declaration.endpoints.contains(endpoint) || LaneFields.contains(declaration, for: endpoint)
    }

    /// Names and aliases to fields, per route.
    private static let tables = makeTables(isKnown)
    /// The same of what lanes may hold.
    private static let laneTables = makeTables { LaneFields.contains($0, for: $1) }

    private static func makeTables(
        _ isPart: (FieldDeclaration, Endpoint) -> Bool
    ) -> [Endpoint: [String: AnyField]] {
        Dictionary(
            uniqueKeysWithValues: Endpoint.allCases.map { endpoint in
                var table: [String: AnyField] = [:]
                for field in fields where isPart(field.declaration, endpoint) {
                    table[field.declaration.name] = field
                    for alias in field.declaration.aliases { table[alias] = field }
                }
                return (endpoint, table)
            })
    }

    /// Names and aliases of all routes, to the default of each as text.
    private static let namesAnywhere: [String: [FieldDeclaration]] = {
        var table: [String: [FieldDeclaration]] = [:]
        for field in fields {
            for name in [field.declaration.name] + field.declaration.aliases {
                table[name, default: []].append(field.declaration)
            }
        }
        return table
    }()

    private static let foreign: [String: ForeignField] = Dictionary(
        ForeignField.all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// Reads and checks every member of a request body.
    ///
    /// - Throws: ``APIError`` for the first member at fault.
    package static func read(
        _ object: JSONObject, for endpoint: Endpoint, _ reading: inout FieldReading
    ) throws(APIError) -> FieldValues {
        try read(object, tables[endpoint] ?? [:], endpoint, of: endpoint.rawValue, &reading) {
            JSONPath.member("", $0)
        }
    }

    /// Reads and checks settings that stand at `path` of a body.
    ///
    /// - Throws: ``APIError`` for the first member at fault.
    static func read(
        _ object: JSONObject, for endpoint: Endpoint, at path: String, _ reading: inout FieldReading
    ) throws(APIError) -> FieldValues {
        try read(object, tables[endpoint] ?? [:], endpoint, of: path, &reading) { JSONPath.member(path, $0) }
    }

    /// Reads and checks the settings of a lane, and names those that are given as null.
    ///
    /// - Throws: ``APIError`` for the first member at fault.
    static func readLane(
        _ object: JSONObject, for endpoint: Endpoint, _ reading: inout FieldReading, path: (String) -> String
    ) throws(APIError) -> (values: FieldValues, cleared: Set<String>) {
        let table = laneTables[endpoint] ?? [:]
        let values = try read(object, table, endpoint, of: "a lane", &reading, path)
        var cleared: Set<String> = []
        for (key, json) in object.members where json.isNull {
            if let field = table[key], !values.isGiven(field.declaration.name) {
                cleared.insert(field.declaration.name)
            }
        }
        return (values, cleared)
    }

    /// The names, as declared, of the members that are fields of the route, in the order of the object.
    static func names(of object: JSONObject, for endpoint: Endpoint) -> [String] {
        object.keys.compactMap { tables[endpoint]?[$0]?.declaration.name }
    }

    /// Whether a field of lanes takes integers.
    static func isInteger(_ key: String, for endpoint: Endpoint) -> Bool {
        laneTables[endpoint]?[key]?.declaration.type.hasPrefix("integer") ?? false
    }

    private static func read(
        _ object: JSONObject, _ table: [String: AnyField], _ endpoint: Endpoint, of place: String,
        _ reading: inout FieldReading, _ path: (String) -> String
    ) throws(APIError) -> FieldValues {
        var values = FieldValues()
        var given: [String: (path: String, json: JSON)] = [:]
        func take(_ field: AnyField, _ json: JSON, _ path: String) throws(APIError) {
            if json.isNull { return }
            let name = field.declaration.name
            if let earlier = given[name] {
                guard isSame(earlier.json, json) else { throw .conflict(param: path, other: earlier.path) }
                return
            }
            given[name] = (path, json)
            values.set(name, try field.read(json, path, &reading), json: json, path: path)
        }
        for (key, json) in object.members {
            if let field = table[key] {
                try take(field, json, path(key))
            } else {
                try readUndeclared(key, json, endpoint, of: place, &reading, path(key))
            }
        }
        // What stands in the list of samplers is a field like any other.
        for argument in values[RequestFields.samplers]?.arguments ?? [] {
            if let field = table[argument.key] { try take(field, argument.json, argument.path) }
        }
        return values
    }

    private static func readUndeclared(
        _ key: String, _ json: JSON, _ endpoint: Endpoint, of place: String, _ reading: inout FieldReading,
        _ path: String
    ) throws(APIError) {
        if ForeignField.withoutEffect.contains(key) {
            if json.isNull { return }
            reading.warn(RequestWarning(code: "no_effect", param: path, message: "accepted without effect"))
        } else if Set<Endpoint>.settings.contains(endpoint), let field = foreign[key] {
            guard field.isNeutral(json) else {
                throw .unsupported(
                    param: path, reason: field.reason,
                    allowed: field.neutral.isEmpty ? nil : Allowed(values: field.neutral))
            }
        } else if let declarations = namesAnywhere[key] {
            // A field of another route: its default asks for nothing, anything else would be lost.
            if json.isNull || declarations.contains(where: { isDefault(json, of: $0) }) { return }
            throw .unsupported(param: path, reason: "not a field of \(place)", allowed: nil)
        } else {
            try reading.unknownField(path)
        }
    }

    private static func isDefault(_ json: JSON, of declaration: FieldDeclaration) -> Bool {
        guard let text = declaration.defaultText, let value = try? JSONParser.parse(text.utf8) else { return false }
        return isSame(json, value)
    }

    /// Equality by value: 1 and 1.0 are the same.
    private static func isSame(_ left: JSON, _ right: JSON) -> Bool {
        if let left = left.doubleValue, let right = right.doubleValue { return left == right }
        return left == right
    }
}
