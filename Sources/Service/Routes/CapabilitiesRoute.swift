// SPDX-License-Identifier: Apache-2.0

import Constraints
import Engine
import StrictJSON
import Tokenizers

/// `GET /v1/capabilities`: the field schema as it is validated, so that forms and documents cannot differ from it.
enum CapabilitiesRoute {
    /// The body. `models` is empty while none is loaded.
    static func body(models: [ModelInfo], version: String) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 32_768)
        writer.object { object in
            object.member("object", "capabilities")
            object.member("version", version)
            object.member(
                "models",
                array: { array in
                    for model in models {
                        array.object { entry in
                            entry.member("id", model.id)
                            entry.member("context_length", model.contextLength)
                            entry.member("last_token_id", model.tokenizer.vocabularySize - 1)
                        }
                    }
                })
            object.member(
                "routes",
                array: { array in
                    for endpoint in Endpoint.allCases {
                        array.object { route in
                            route.member("path", endpoint.path)
                            route.member("method", endpoint.method)
                            write(RequestSchema.declarations(of: endpoint), to: &route)
                            let ofLanes = RequestSchema.laneDeclarations(of: endpoint)
                            if !ofLanes.isEmpty { route.member("lane_fields", ofLanes.map(\.name)) }
                        }
                    }
                })
            object.member("accepted_without_effect", ForeignField.withoutEffect.sorted())
            object.member(
                "refused",
                array: { array in
                    for field in ForeignField.all.sorted(by: { $0.name < $1.name }) {
                        array.object { entry in
                            entry.member("name", field.name)
                            entry.member("off", array: { off in for value in field.neutral { off.value(value) } })
                            entry.member("reason", field.reason)
                        }
                    }
                })
            object.member("constraints", object: { write(&$0) })
            object.member(
                "strategies",
                object: { entry in
                    entry.member(
                        "limits",
                        object: { limits in
                            limits.member("width", Int(RequestFields.widthRange.max ?? 0))
                            limits.member("search_continuations", GenerationPlanner.logprobLimit)
                            limits.member("hidden_state_floats", StrategyPlanner.stateLimit)
                        })
                })
            object.member(
                "logprobs",
                object: { entry in
                    entry.member("modes", LogprobMode.allCases.map(\.rawValue))
                    entry.member("floor", -9999.0)
                })
        }
        return writer.bytes
    }

    /// What constraints may be at most, and what a schema may hold.
    private static func write(_ constraints: inout JSONWriter) {
        constraints.member(
            "limits",
            object: { limits in
                limits.member("bytes", ConstraintLimits.textBytes)
                limits.member("group_depth", ConstraintLimits.groupDepth)
                limits.member("rules", ConstraintLimits.rules)
                limits.member("states", ConstraintLimits.states)
                limits.member("repetitions", ConstraintLimits.repetitions)
                limits.member("nullable_repetitions", ConstraintLimits.emptyRepetitions)
                limits.member("depth", ConstraintLimits.depth)
                limits.member("readings", ConstraintLimits.readings)
                limits.member("steps_per_token", ConstraintLimits.stepsPerToken)
            })
        constraints.member("schema_keywords", ConstraintLimits.schemaKeywords)
        constraints.member("schema_formats", ConstraintLimits.schemaFormats)
    }

    private static func write(_ declarations: [FieldDeclaration], to writer: inout JSONWriter) {
        writer.member(
            "fields",
            array: { array in
                for declaration in declarations {
                    array.object { field in
                        field.member("name", declaration.name)
                        field.member("aliases", declaration.aliases)
                        field.member("type", declaration.type)
                        if let allowed = declaration.allowed {
                            field.key("allowed")
                            allowed.write(to: &field)
                        }
                        field.key("default")
                        if let text = declaration.defaultText, let value = try? JSONParser.parse(text.utf8) {
                            field.value(value)
                        } else {
                            field.null()
                        }
                        field.member("unit", declaration.unit)
                        field.member("meaning", declaration.meaning)
                        if !declaration.members.isEmpty { write(declaration.members, to: &field) }
                    }
                }
            })
    }
}
