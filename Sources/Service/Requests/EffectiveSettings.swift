// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import StrictJSON

/// The settings in effect, under the names of the schema.
enum EffectiveSettings {
    /// Every setting that shapes the text, defaults filled in, as a JSON object.
    static func json(_ values: FieldValues, plan: GenerationPlan, timeLimit: Duration?) -> JSON {
        var object = JSONObject()
        func set<Value>(_ field: Field<Value>, _ json: JSON) { object[field.name] = json }
        set(RequestFields.model, .string(plan.model.id))
        let maxTokens = plan.requests.map { JSON.integer(Int64($0.maxTokens)) }
        let budget: JSON = maxTokens.count == 1 ? maxTokens[0] : .array(maxTokens)
        if plan.endpoint == .chat {
            set(RequestFields.maxCompletionTokens, budget)
        } else {
            set(RequestFields.maxTokens, budget)
        }
        set(RequestFields.seed, .integer(plan.seed))
        set(RequestFields.choiceCount, .integer(Int64(plan.returnedCount)))
        for field in StrategyFields.all { object[field.name] = values.json(field) }
        setEnds(&object, values, timeLimit)
        set(RequestFields.logprobsMode, .string(plan.logprobMode.rawValue))
        for field in ConstraintPlanner.fields { object[field.name] = values.json(field) }
        set(RequestFields.skipSpecialTokens, .bool(values[RequestFields.skipSpecialTokens]))
        set(RequestFields.lookupTokens, .integer(Int64(values[RequestFields.lookupTokens])))
        if values[RequestFields.lookupTokens] > 0 {
            set(RequestFields.lookupMatch, .integer(Int64(values[RequestFields.lookupMatch])))
        }
        if let sampling = plan.requests.first?.sampling { setSampling(&object, values, sampling) }
        if plan.endpoint == .completions {
            set(RequestFields.echo, .bool(plan.echoes))
            set(RequestFields.addSpecialTokens, .bool(values[RequestFields.addSpecialTokens]))
            set(RequestFields.parseSpecial, .bool(values[RequestFields.parseSpecial]))
        }
        return .object(object)
    }

    /// The same of a lane.
    static func json(_ values: FieldValues, lane: GenerationRequest, seed: Int64, timeLimit: Duration?) -> JSON {
        var object = JSONObject()
        object[RequestFields.maxTokens.name] = .integer(Int64(lane.maxTokens))
        object[RequestFields.seed.name] = .integer(seed)
        setEnds(&object, values, timeLimit)
        for field in ConstraintPlanner.fields { object[field.name] = values.json(field) }
        setSampling(&object, values, lane.sampling)
        return .object(object)
    }

    /// Settings that give the answer of `requests` again as fields of a completion, without a time limit.
    static func receipt(_ values: FieldValues, requests: [GenerationRequest]) -> JSONObject {
        var object = JSONObject()
        object[RequestFields.maxTokens.name] = budget(requests)
        if let request = requests.first {
            object[RequestFields.seed.name] = .integer(Int64(bitPattern: request.sampling.seed))
            object[RequestFields.choiceCount.name] = .integer(Int64(request.choiceCount))
        }
        setEnds(&object, values, nil)
        object[RequestFields.maxTime.name] = .null
        for field in ConstraintPlanner.fields { object[field.name] = values.json(field) }
        object[RequestFields.skipSpecialTokens.name] = .bool(values[RequestFields.skipSpecialTokens])
        if let sampling = requests.first?.sampling { setSampling(&object, values, sampling) }
        return object
    }

    /// `max_tokens`: one number, or one per request where they differ.
    static func budget(_ requests: [GenerationRequest]) -> JSON {
        let counts = requests.map { JSON.integer(Int64($0.maxTokens)) }
        return Set(requests.map(\.maxTokens)).count == 1 ? counts[0] : .array(counts)
    }

    /// What ends a text.
    private static func setEnds(_ object: inout JSONObject, _ values: FieldValues, _ timeLimit: Duration?) {
        object[RequestFields.stop.name] = .array(values[RequestFields.stop].map { .string($0) })
        object[RequestFields.stopTokenIDs.name] = .array(
            values[RequestFields.stopTokenIDs].sorted().map { .integer(Int64($0)) })
        object[RequestFields.includeStop.name] = .bool(values[RequestFields.includeStop])
        object[RequestFields.ignoreEnd.name] = .bool(values[RequestFields.ignoreEnd])
        let limit = [values[RequestFields.maxTime].map { Duration.seconds($0) }, timeLimit].compactMap { $0 }.min()
        object[RequestFields.maxTime.name] = limit.map { .number($0 / .seconds(1)) } ?? .null
    }

    /// The stages in effect, and the fields of all of them.
    private static func setSampling(
        _ object: inout JSONObject, _ values: FieldValues, _ sampling: SamplingParameters
    ) {
        let ranges = rangeSettings(sampling)
        func value(_ declaration: FieldDeclaration) -> JSON {
            ranges[declaration.name] ?? values.json(declaration)
        }
        object[RequestFields.order.name] = .string(sampling.order.rawValue)
        object[RequestFields.samplers.name] = .array(
            sampling.activeStages.map { stage in
                var entry = JSONObject()
                entry["name"] = .string(stage.rawValue)
                for declaration in StageFields.of(stage) { entry[declaration.name] = value(declaration) }
                return .object(entry)
            })
        for stage in StageName.allCases {
            for declaration in StageFields.of(stage) { object[declaration.name] = value(declaration) }
        }
    }

    /// What the order decided where the request did not.
    private static func rangeSettings(_ sampling: SamplingParameters) -> [String: JSON] {
        var settings: [String: JSON] = [:]
        func set(_ range: PenaltyRange?, _ scope: Field<String?>, _ window: Field<Int?>) {
            guard let range else { return }
            settings[scope.name] = .string(range.scope.rawValue)
            settings[window.name] = .integer(Int64(range.window ?? -1))
        }
        set(sampling.repetitionRange, RequestFields.repetitionScope, RequestFields.repetitionWindow)
        set(sampling.frequencyRange, RequestFields.frequencyScope, RequestFields.frequencyWindow)
        set(sampling.presenceRange, RequestFields.presenceScope, RequestFields.presenceWindow)
        if let dry = sampling.dry {
            settings[RequestFields.dryWindow.name] = .integer(Int64(dry.window ?? -1))
        }
        return settings
    }
}
