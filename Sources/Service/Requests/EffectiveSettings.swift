// SPDX-License-Identifier: Apache-2.0

import Engine
import StrictJSON

/// The settings in effect, under the names of the schema.
enum EffectiveSettings {
    /// Every setting that shapes the text, defaults filled in, as a JSON object.
    static func json(_ values: FieldValues, plan: GenerationPlan, timeLimit: Duration?) -> JSON {
        var object = JSONObject()
        func set<Value>(_ field: Field<Value>, _ json: JSON) { object[field.name] = json }
        func number(_ value: Float) -> JSON {
            // The shortest decimal of the Float, so that 0.7 reads 0.7.
            .number(Double(value.description) ?? Double(value))
        }
        set(RequestFields.model, .string(plan.model.id))
        let maxTokens = plan.requests.map { JSON.integer(Int64($0.maxTokens)) }
        let budget: JSON = maxTokens.count == 1 ? maxTokens[0] : .array(maxTokens)
        if plan.endpoint == .chat {
            set(RequestFields.maxCompletionTokens, budget)
        } else {
            set(RequestFields.maxTokens, budget)
        }
        set(RequestFields.temperature, number(values[RequestFields.temperature]))
        set(RequestFields.topK, .integer(Int64(values[RequestFields.topK])))
        set(RequestFields.topP, number(values[RequestFields.topP]))
        set(RequestFields.minP, number(values[RequestFields.minP]))
        set(RequestFields.frequencyPenalty, number(values[RequestFields.frequencyPenalty]))
        set(RequestFields.presencePenalty, number(values[RequestFields.presencePenalty]))
        set(RequestFields.repetitionPenalty, number(values[RequestFields.repetitionPenalty]))
        var bias = JSONObject()
        for (id, value) in values[RequestFields.logitBias].sorted(by: { $0.key < $1.key }) {
            bias[String(id)] = number(value)
        }
        set(RequestFields.logitBias, .object(bias))
        set(RequestFields.seed, .integer(plan.seed))
        set(RequestFields.choiceCount, .integer(Int64(plan.choiceCount)))
        set(RequestFields.stop, .array(values[RequestFields.stop].map { .string($0) }))
        set(
            RequestFields.stopTokenIDs,
            .array(values[RequestFields.stopTokenIDs].sorted().map { .integer(Int64($0)) }))
        set(RequestFields.ignoreEnd, .bool(values[RequestFields.ignoreEnd]))
        let limit = [values[RequestFields.maxTime].map { Duration.seconds($0) }, timeLimit].compactMap { $0 }.min()
        set(RequestFields.maxTime, limit.map { .number($0 / .seconds(1)) } ?? .null)
        set(RequestFields.skipSpecialTokens, .bool(values[RequestFields.skipSpecialTokens]))
        if plan.endpoint == .completions {
            set(RequestFields.echo, .bool(plan.echoes))
            set(RequestFields.addSpecialTokens, .bool(values[RequestFields.addSpecialTokens]))
            set(RequestFields.parseSpecial, .bool(values[RequestFields.parseSpecial]))
        }
        return .object(object)
    }
}
