// SPDX-License-Identifier: Apache-2.0

import Decoding
package import StrictJSON

/// The settings of one lane as a request gives them.
package struct LaneInput: Sendable {
    /// Its name; nil: made of its settings.
    package var name: String?
    /// The settings as they were given, without the name.
    package var given = JSONObject()
    /// The same, read.
    package var values = FieldValues()
    /// Names of fields that were given as null: they have their defaults, whatever holds for the other lanes.
    package var cleared: Set<String> = []

    /// Whether its examples may be others than those of the rest.
    var hasOwnPrompt: Bool {
        values.has(RequestFields.shots) || cleared.contains(RequestFields.shots.name)
    }

    /// The name, or the settings in words.
    var label: String {
        if let name { return name }
        let parts = given.members.flatMap { name, json in
            guard let object = json.objectValue, object.count > 0 else {
                return ["\(name)=\(JSONText.of(json))"]
            }
            return object.members.map { "\(JSONPath.member(name, $0))=\(JSONText.of($1))" }
        }
        return parts.isEmpty ? "default" : parts.joined(separator: ", ")
    }
}

/// Which fields a lane may hold.
enum LaneFields {
    /// The fields that shape a distribution.
    private static let sampling: [FieldDeclaration] =
        [
            RequestFields.seed.declaration, RequestFields.order.declaration, RequestFields.samplers.declaration,
            RequestFields.penaltyWindow.declaration,
        ] + StageName.allCases.flatMap { StageFields.of($0) }

    /// The fields that end a text.
    private static let lengths: [FieldDeclaration] = [
        RequestFields.maxTokens.declaration, RequestFields.stop.declaration, RequestFields.includeStop.declaration,
        RequestFields.maxTime.declaration,
    ]

    /// What the text may be.
    private static let constraints = ConstraintPlanner.fields

    /// Which tokens end a text, which some stages must know.
    private static let ends: [FieldDeclaration] = [
        RequestFields.stopTokenIDs.declaration, RequestFields.ignoreEnd.declaration,
    ]

    private static let samplingNames = Set((sampling + constraints + ends).map(\.name))
    private static let names = samplingNames.union(lengths.map(\.name)).union([RequestFields.shots.name])

    /// Whether lanes of the route may hold the field.
    static func contains(_ declaration: FieldDeclaration, for endpoint: Endpoint) -> Bool {
        switch endpoint {
        case .compare: names.contains(declaration.name) && declaration.endpoints.contains(.compare)
        case .distribution: samplingNames.contains(declaration.name) && declaration.endpoints.contains(.compare)
        default: false
        }
    }

    static let nameLength = Allowed(min: 1, max: 256, counting: "bytes")

    // MARK: Reading

    /// Reads the members of a lane; `path` says where each stands.
    static func read(
        _ object: JSONObject, for endpoint: Endpoint, _ reading: inout FieldReading, path: (String) -> String
    ) throws(APIError) -> LaneInput {
        var lane = LaneInput()
        for (key, json) in object.members {
            if key == "name" {
                if !json.isNull { lane.name = try Read.string(json, path(key), nameLength) }
                continue
            }
            lane.given[key] = json
        }
        (lane.values, lane.cleared) = try RequestSchema.readLane(lane.given, for: endpoint, &reading, path: path)
        return lane
    }
}

extension FieldValues {
    /// The values that hold in a lane: its own, and these where it says nothing.
    func overlaid(by lane: LaneInput) -> FieldValues {
        var values = self
        for name in lane.cleared { values.remove(name) }
        values.merge(lane.values)
        // Of the examples a lane says only what differs.
        if let common = self[RequestFields.shots], let own = lane.values[RequestFields.shots] {
            values.set(RequestFields.shots.name, common.overlaid(by: own))
        }
        return values
    }
}
