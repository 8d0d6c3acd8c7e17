// SPDX-License-Identifier: Apache-2.0

import Evaluation
import StrictJSON

/// How scores of choices are freed of what the model prefers anyway.
struct CalibrationInput: Sendable {
    /// What the preference is taken from.
    var method: Calibration.Method
    /// What stands in the place of the query; of ``Calibration/Method/pmi`` the whole prompt.
    var inputs: [String]
}

extension RequestFields {
    static let calibrate = Field<CalibrationInput?>(
        "calibrate", type: "object", default: nil, defaultText: nil, endpoints: [.score],
        members: CalibrationFields.members.map(\.declaration),
        meaning: "Divides the choices' probabilities by those that they have without the query. The prompt must be "
            + "text."
    ) { (json, path, reading) throws(APIError) in
        try CalibrationFields.read(json, path, &reading)
    }
}

/// The members of `calibrate`.
enum CalibrationFields {
    static let inputCount = Allowed(min: 1, max: 32, counting: "texts")
    static let inputLength = Allowed(min: 0, max: 65_536, counting: "bytes")
    /// What is taken for inputs without content. Source: Zhao et al. 2021, section 5.
    static let contentFree = ["N/A", "", "[MASK]"]

    static let method = Field<String>.choice(
        "method", Calibration.Method.allCases.map(\.rawValue), default: Calibration.Method.contextual.rawValue,
        meaning: "contextual: by their mean for inputs without content; batch: by their mean for other queries and "
            + "this one; pmi: by their own after a premise.")
    static let inputs = Field<[String]?>(
        "inputs", type: "array of strings", allowed: inputCount, default: nil, defaultText: nil,
        meaning: "What stands in the place of the query. contextual: absent is [\"N/A\", \"\", \"[MASK]\"]; batch: the "
            + "other queries; not with pmi."
    ) { (json, path, _) throws(APIError) in
        var texts: [String] = []
        for (index, element) in try Read.array(json, path, inputCount, of: "strings").enumerated() {
            texts.append(try Read.string(element, JSONPath.element(path, index), inputLength))
        }
        return texts
    }
    static let premise = Field<String?>.string(
        "premise", inputLength, meaning: "pmi: the whole prompt that stands for the domain, such as \"Answer:\".")
    static let members = [AnyField(method), AnyField(inputs), AnyField(premise)]

    static func read(
        _ json: JSON, _ path: String, _ reading: inout FieldReading
    ) throws(APIError) -> CalibrationInput {
        let values = try Read.members(json, path, members, &reading)
        let method = Calibration.Method(rawValue: values[method]) ?? .contextual
        func refuse<Value>(_ field: Field<Value>) throws(APIError) {
            guard values.has(field) else { return }
            throw .conflict(param: JSONPath.member(path, field.name), other: JSONPath.member(path, "method"))
        }
        func require<Value>(_ value: Value?, _ field: Field<Value?>) throws(APIError) -> Value {
            guard let value else { throw .missing(param: JSONPath.member(path, field.name)) }
            return value
        }
        switch method {
        case .pmi:
            try refuse(inputs)
            return CalibrationInput(method: method, inputs: [try require(values[premise], premise)])
        case .batch:
            try refuse(premise)
            return CalibrationInput(method: method, inputs: try require(values[inputs], inputs))
        case .contextual:
            try refuse(premise)
            return CalibrationInput(method: method, inputs: values[inputs] ?? contentFree)
        }
    }
}
