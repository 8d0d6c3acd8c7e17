// SPDX-License-Identifier: Apache-2.0

import StrictJSON

extension Field where Value == Float {
    /// A number within `allowed`, kept as a `Float`: also the value after rounding lies within.
    static func number(
        _ name: String, aliases: [String] = [], _ allowed: Allowed, default defaultValue: Float, unit: String? = nil,
        endpoints: Set<Endpoint> = .generation, meaning: String
    ) -> Field {
        Field(
            name, aliases: aliases, type: "number", allowed: allowed, default: defaultValue,
            defaultText: JSONText.of(JSONText.float(defaultValue)), unit: unit, endpoints: endpoints, meaning: meaning
        ) { (json, path, _) throws(APIError) in
            try Read.float(json, path, allowed)
        }
    }
}

extension Field where Value == Int {
    /// An integer within `allowed`; a float without fraction counts as one.
    static func integer(
        _ name: String, aliases: [String] = [], _ allowed: Allowed, default defaultValue: Int, unit: String? = nil,
        endpoints: Set<Endpoint> = .generation, meaning: String
    ) -> Field {
        Field(
            name, aliases: aliases, type: "integer", allowed: allowed, default: defaultValue,
            defaultText: String(defaultValue), unit: unit, endpoints: endpoints, meaning: meaning
        ) { (json, path, reading) throws(APIError) in
            try Read.integer(json, path, allowed.resolved(reading.limits))
        }
    }
}

extension Field where Value == Int? {
    /// An integer within `allowed`, or nothing.
    static func optionalInteger(
        _ name: String, aliases: [String] = [], _ allowed: Allowed, unit: String? = nil,
        endpoints: Set<Endpoint> = .generation, meaning: String
    ) -> Field {
        Field(
            name, aliases: aliases, type: "integer", allowed: allowed, default: nil, defaultText: nil, unit: unit,
            endpoints: endpoints, meaning: meaning
        ) { (json, path, reading) throws(APIError) in
            try Read.integer(json, path, allowed.resolved(reading.limits))
        }
    }
}

extension Field where Value == String {
    /// One of a list of strings.
    static func choice(
        _ name: String, aliases: [String] = [], _ values: [String], default defaultValue: String,
        endpoints: Set<Endpoint> = .generation, meaning: String
    ) -> Field {
        let allowed = Allowed(values: values.map { .string($0) })
        return Field(
            name, aliases: aliases, type: "string", allowed: allowed, default: defaultValue,
            defaultText: JSONText.of(.string(defaultValue)), endpoints: endpoints, meaning: meaning
        ) { (json, path, _) throws(APIError) in
            try Read.string(json, path, allowed)
        }
    }
}

extension Field where Value == Bool {
    /// `true` or `false`.
    static func boolean(
        _ name: String, aliases: [String] = [], default defaultValue: Bool, endpoints: Set<Endpoint> = .generation,
        meaning: String
    ) -> Field {
        Field(
            name, aliases: aliases, type: "boolean", default: defaultValue, defaultText: String(defaultValue),
            endpoints: endpoints, meaning: meaning
        ) { (json, path, _) throws(APIError) in
            guard let flag = json.boolValue else {
                throw .wrongType(param: path, expected: "boolean", found: json.typeName)
            }
            return flag
        }
    }
}

extension Field where Value == String? {
    /// A string, or nothing.
    static func string(
        _ name: String, aliases: [String] = [], _ allowed: Allowed? = nil, endpoints: Set<Endpoint> = .generation,
        meaning: String
    ) -> Field {
        Field(
            name, aliases: aliases, type: "string", allowed: allowed, default: nil, defaultText: nil,
            endpoints: endpoints, meaning: meaning
        ) { (json, path, _) throws(APIError) in
            try Read.string(json, path, allowed)
        }
    }
}

/// How single JSON values are read; `path` names the value in errors.
enum Read {
    static func number(_ json: JSON, _ path: String, _ allowed: Allowed) throws(APIError) -> Double {
        guard let number = json.doubleValue else {
            throw .wrongType(param: path, expected: "number", found: json.typeName)
        }
        guard allowed.contains(number) else {
            throw .notAllowed(param: path, found: JSONText.of(json), allowed: allowed)
        }
        return number
    }

    static func integer(_ json: JSON, _ path: String, _ allowed: Allowed) throws(APIError) -> Int {
        guard let number = json.doubleValue else {
            throw .wrongType(param: path, expected: "integer", found: json.typeName)
        }
        guard let integer = json.integerValue else {
            guard allowed.contains(number), number.rounded() != number else {
                throw .notAllowed(param: path, found: JSONText.of(json), allowed: allowed)
            }
            throw .wrongType(param: path, expected: "integer", found: "number \(JSONText.of(json))")
        }
        guard allowed.contains(Double(integer)) else {
            throw .notAllowed(param: path, found: JSONText.of(json), allowed: allowed)
        }
        return Int(integer)
    }

    /// A string whose size in bytes, or in characters, is within `allowed`.
    static func string(_ json: JSON, _ path: String, _ allowed: Allowed? = nil) throws(APIError) -> String {
        guard let text = json.stringValue else {
            throw .wrongType(param: path, expected: "string", found: json.typeName)
        }
        if let allowed {
            if let values = allowed.values {
                guard values.contains(json) else {
                    throw .notAllowed(param: path, found: JSONText.of(json), allowed: allowed)
                }
            } else {
                let size = text.utf8.count
                guard allowed.contains(Double(size)) else {
                    throw .notAllowed(param: path, found: "\(size) bytes", allowed: allowed)
                }
            }
        }
        return text
    }

    /// An array whose count is within `allowed`.
    static func array(_ json: JSON, _ path: String, _ allowed: Allowed, of what: String) throws(APIError) -> [JSON] {
        guard let elements = json.arrayValue else {
            throw .wrongType(param: path, expected: "array of \(what)", found: json.typeName)
        }
        guard allowed.contains(Double(elements.count)) else {
            throw .notAllowed(param: path, found: "\(elements.count) \(allowed.counting ?? "items")", allowed: allowed)
        }
        return elements
    }

    static func object(_ json: JSON, _ path: String) throws(APIError) -> JSONObject {
        guard let object = json.objectValue else {
            throw .wrongType(param: path, expected: "object", found: json.typeName)
        }
        return object
    }

    /// An array of token ids whose count is within `allowed`.
    static func tokenIDs(
        _ json: JSON, _ path: String, _ allowed: Allowed, _ limits: ModelLimits?
    ) throws(APIError) -> [Int32] {
        var ids: [Int32] = []
        for (index, element) in try array(json, path, allowed, of: "token ids").enumerated() {
            ids.append(try tokenID(element, JSONPath.element(path, index), limits))
        }
        return ids
    }

    /// A number within `allowed`, as a `Float`.
    static func float(_ json: JSON, _ path: String, _ allowed: Allowed) throws(APIError) -> Float {
        let rounded = Float(try number(json, path, allowed))
        // A limit that belongs to the range is in it however it rounds; one that does not must not be rounded to.
        let reachesMin = allowed.excludesMin && allowed.min.map { rounded <= Float($0) } == true
        let reachesMax = allowed.excludesMax && allowed.max.map { rounded >= Float($0) } == true
        guard !reachesMin, !reachesMax else {
            throw .notAllowed(param: path, found: JSONText.of(json), allowed: allowed)
        }
        return rounded
    }

    /// A token id within the vocabulary, as far as it is known.
    static func tokenID(_ json: JSON, _ path: String, _ limits: ModelLimits?) throws(APIError) -> Int32 {
        let allowed = Allowed(min: 0, max: Double(min((limits?.vocabularySize).map { $0 - 1 } ?? .max, Int(Int32.max))))
        let id = try integer(json, path, allowed)
        guard let id = Int32(exactly: id) else {
            throw .notAllowed(param: path, found: JSONText.of(json), allowed: allowed)
        }
        return id
    }

    /// The members of an object that are declared by `fields`. Members without a declaration are noted as unknown.
    static func members(
        _ json: JSON, _ path: String, _ fields: [AnyField], _ reading: inout FieldReading
    ) throws(APIError) -> FieldValues {
        let object = try object(json, path)
        var values = FieldValues()
        for (key, value) in object.members {
            let memberPath = JSONPath.member(path, key)
            guard let field = fields.first(where: { $0.declaration.name == key }) else {
                if !value.isNull || reading.isStrict { try reading.unknownField(memberPath) }
                continue
            }
            if value.isNull { continue }
            values.set(key, try field.read(value, memberPath, &reading), json: value, path: memberPath)
        }
        return values
    }
}

/// JSON values as short texts for messages.
enum JSONText {
    /// The value as JSON, cut where it is long.
    static func of(_ json: JSON) -> String {
        switch json {
        case .array(let elements): return "array of \(elements.count)"
        case .object(let object): return "object of \(object.count)"
        default:
            var writer = JSONWriter()
            writer.value(json)
            let text = String(decoding: writer.bytes, as: UTF8.self)
            return text.count > 80 ? String(text.prefix(80)) + "…" : text
        }
    }

    /// The shortest decimal of a `Float`, so that 0.7 reads 0.7.
    static func float(_ number: Float) -> JSON {
        if let integer = Int64(exactly: number) { return .integer(integer) }
        return .number(Double(number.description) ?? Double(number))
    }

    /// A number as JSON, without a fraction if it has none.
    static func number(_ number: Double) -> String {
        Int64(exactly: number).map(String.init) ?? number.description
    }
}
