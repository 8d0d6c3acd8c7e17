// SPDX-License-Identifier: Apache-2.0

import StrictJSON

// The settings that are compared: one by one, or made by a rule.
extension RequestFields {
    static let laneCount = Allowed(min: 1, max: 32, counting: "lanes")
    private static let valueCount = Allowed(min: 1, max: 32, counting: "values")
    private static let sweepCount = Allowed(min: 1, max: 8, counting: "fields")

    static let compareLanes = lanes(.compare)
    static let distributionLanes = lanes(.distribution)
    static let compareGrid = grid(.compare)
    static let distributionGrid = grid(.distribution)
    static let compareRandom = random(.compare)
    static let distributionRandom = random(.distribution)

    private static func lanes(_ endpoint: Endpoint) -> Field<[LaneInput]?> {
        Field(
            "lanes", type: "array of objects", allowed: laneCount, default: nil, defaultText: nil,
            endpoints: [endpoint],
            meaning: "The settings to compare: each an object of name and of fields that hold in this lane alone; null "
                + "takes a field's default."
        ) { (json, path, reading) throws(APIError) in
            var lanes: [LaneInput] = []
            for (index, element) in try Read.array(json, path, laneCount, of: "objects").enumerated() {
                let elementPath = JSONPath.element(path, index)
                let object = try Read.object(element, elementPath)
                lanes.append(
                    try LaneFields.read(object, for: endpoint, &reading) { JSONPath.member(elementPath, $0) })
            }
            return lanes
        }
    }

    private static func grid(_ endpoint: Endpoint) -> Field<[LaneInput]?> {
        Field(
            "grid", type: "object of field to array of values", allowed: sweepCount, default: nil, defaultText: nil,
            endpoints: [endpoint],
            meaning: "Instead of lanes: every combination of these values of 1 to 8 fields, the last field varying "
                + "fastest; at most 32."
        ) { (json, path, reading) throws(APIError) in
            var combinations = [JSONObject()]
            for (key, value) in try sweep(json, path).members {
                let fieldPath = JSONPath.member(path, key)
                let values = try Read.array(value, fieldPath, valueCount, of: "values")
                // One by one first: an error names the value.
                for (index, value) in values.enumerated() {
                    try check(key, value, for: endpoint, &reading, path: JSONPath.element(fieldPath, index))
                }
                let count = combinations.count * values.count
                guard laneCount.contains(Double(count)) else {
                    throw .notAllowed(param: path, found: "\(count) lanes or more", allowed: laneCount)
                }
                combinations = combinations.flatMap { combination in
                    values.map { value in
                        var longer = combination
                        longer[key] = value
                        return longer
                    }
                }
            }
            return try read(combinations, for: endpoint, reading, path)
        }
    }

    private static func random(_ endpoint: Endpoint) -> Field<[LaneInput]?> {
        Field(
            "random", type: "object", default: nil, defaultText: nil, endpoints: [endpoint],
            members: RandomFields.members.map(\.declaration),
            meaning: "Instead of lanes: settings drawn at random, independent of each other."
        ) { (json, path, reading) throws(APIError) in
            let values = try Read.members(json, path, RandomFields.members, &reading)
            guard let count = values[RandomFields.count] else { throw .missing(param: JSONPath.member(path, "count")) }
            guard let fields = values[RandomFields.fields] else {
                throw .missing(param: JSONPath.member(path, "fields"))
            }
            let fieldsPath = JSONPath.member(path, "fields")
            var draws: [(key: String, draw: RandomDraw)] = []
            for (key, value) in try sweep(.object(fields), fieldsPath).members {
                let fieldPath = JSONPath.member(fieldsPath, key)
                let draw = try RandomDraw(
                    value, fieldPath, isInteger: RequestSchema.isInteger(key, for: endpoint), &reading)
                for (valuePath, value) in draw.extremes(fieldPath) {
                    try check(key, value, for: endpoint, &reading, path: valuePath)
                }
                draws.append((key, draw))
            }
            var stream = RandomDraw.Stream(seed: values[RandomFields.seed])
            let lanes = (0..<count).map { _ in
                var lane = JSONObject()
                for (key, draw) in draws { lane[key] = draw.next(&stream) }
                return lane
            }
            return try read(lanes, for: endpoint, reading, path)
        }
    }

    /// The fields of a sweep.
    private static func sweep(_ json: JSON, _ path: String) throws(APIError) -> JSONObject {
        let object = try Read.object(json, path)
        guard sweepCount.contains(Double(object.count)) else {
            throw .notAllowed(param: path, found: "\(object.count) fields", allowed: sweepCount)
        }
        return object
    }

    private static func check(
        _ key: String, _ value: JSON, for endpoint: Endpoint, _ reading: inout FieldReading, path: String
    ) throws(APIError) {
        guard key != "name" else { throw .unknownField(param: path) }
        var lane = JSONObject()
        lane[key] = value
        // What stands in the value has a path below it.
        _ = try LaneFields.read(lane, for: endpoint, &reading) { $0 == key ? path : JSONPath.member(path, $0) }
    }

    /// Reads lanes that were made; what is to be warned of was said when their values were checked.
    private static func read(
        _ lanes: [JSONObject], for endpoint: Endpoint, _ reading: FieldReading, _ path: String
    ) throws(APIError) -> [LaneInput] {
        var inputs: [LaneInput] = []
        for lane in lanes {
            var copy = reading
            inputs.append(try LaneFields.read(lane, for: endpoint, &copy) { JSONPath.member(path, $0) })
        }
        return inputs
    }
}

/// The members of `random`.
enum RandomFields {
    static let count = Field<Int?>.optionalInteger(
        "count", RequestFields.laneCount, unit: "lanes", meaning: "How many lanes.")
    static let seed = Field<Int>.integer(
        "seed", Allowed(min: 0, max: 9_007_199_254_740_991), default: 0,
        meaning: "The same seed makes the same lanes.")
    static let fields = Field<JSONObject?>(
        "fields", type: "object of field to array of values or to {min, max, scale}",
        allowed: Allowed(min: 1, max: 8, counting: "fields"), default: nil, defaultText: nil,
        meaning: "What each field is drawn from: a list, or a range whose scale is linear or log."
    ) { (json, path, _) throws(APIError) in
        try Read.object(json, path)
    }
    static let members = [AnyField(count), AnyField(seed), AnyField(fields)]
}
