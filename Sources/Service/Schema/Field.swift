// SPDX-License-Identifier: Apache-2.0

package import StrictJSON

/// One field of a request body as it is declared: what capabilities, documents and error texts say of it.
public struct FieldDeclaration: Sendable {
    /// The name that answers and errors use.
    public let name: String
    /// Other names that mean the same.
    public let aliases: [String]
    /// The JSON type in words: "number", "integer", "string or array of strings".
    public let type: String
    /// What is allowed beyond the type.
    public let allowed: Allowed?
    /// The value of an absent or null field as JSON text; nil: none, see `meaning`.
    public let defaultText: String?
    /// The unit of the value: "tokens", "seconds", "natural logarithm".
    public let unit: String?
    /// What the field does, in a sentence or two.
    public let meaning: String
    /// The routes that know the field.
    public let endpoints: Set<Endpoint>
    /// The fields of the object, or of each object of the array, if the value is one.
    public let members: [FieldDeclaration]
}

/// A field that is declared and can be read: its ``FieldDeclaration``, its default, and how a JSON value becomes a
/// `Value`.
package struct Field<Value: Sendable>: Sendable {
    /// Reads a value that is not null. The path names the value in errors.
    package typealias Reader = @Sendable (JSON, String, inout FieldReading) throws(APIError) -> Value

    /// What is said of the field.
    package let declaration: FieldDeclaration
    /// The value if the field is absent or null.
    package let defaultValue: Value
    let read: Reader

    init(
        _ name: String, aliases: [String] = [], type: String, allowed: Allowed? = nil, default defaultValue: Value,
        defaultText: String?, unit: String? = nil, endpoints: Set<Endpoint> = .generation,
        members: [FieldDeclaration] = [], meaning: String, read: @escaping Reader
    ) {
        declaration = FieldDeclaration(
            name: name, aliases: aliases, type: type, allowed: allowed, defaultText: defaultText, unit: unit,
            meaning: meaning, endpoints: endpoints, members: members)
        self.defaultValue = defaultValue
        self.read = read
    }

    var name: String { declaration.name }
}

/// A field of whatever type, for tables.
package struct AnyField: Sendable {
    /// What is said of the field.
    package let declaration: FieldDeclaration
    let read: @Sendable (JSON, String, inout FieldReading) throws(APIError) -> any Sendable

    init<Value>(_ field: Field<Value>) {
        declaration = field.declaration
        let read = field.read
        self.read = { (json, path, reading) throws(APIError) -> any Sendable in try read(json, path, &reading) }
    }
}

/// What is known and what is noted while a body is read.
package struct FieldReading: Sendable {
    /// The limits of the model; nil while none is chosen.
    package var limits: ModelLimits?
    /// Whether unknown fields are an error.
    package var isStrict: Bool
    /// What the client ought to know and what is no error.
    package private(set) var warnings: [RequestWarning] = []
    /// Beyond these, warnings are only counted.
    private static let warningLimit = 64
    private var furtherCount = 0

    /// A reading against the given limits.
    package init(limits: ModelLimits?, isStrict: Bool = false) {
        self.limits = limits
        self.isStrict = isStrict
    }

    /// Notes an unknown field, or fails if the request is strict.
    mutating func unknownField(_ path: String) throws(APIError) {
        if isStrict { throw .unknownField(param: path) }
        warn(RequestWarning(code: "unknown_field", param: path, message: "no such field; it has no effect"))
    }

    /// Notes a warning; of very many, how many there were.
    mutating func warn(_ warning: RequestWarning) {
        guard warnings.count >= Self.warningLimit else { return warnings.append(warning) }
        furtherCount += 1
        warnings[Self.warningLimit - 1] = RequestWarning(
            code: "more_warnings", param: "body", message: "\(furtherCount + 1) more like these")
    }
}

/// Something in a request that has another effect than might be expected. Listed in `warnings` of the answer.
package struct RequestWarning: Sendable, Equatable {
    /// The stable name of the kind.
    package var code: String
    /// The JSON path of the field.
    package var param: String
    /// The warning in a sentence.
    package var message: String

    /// A warning of the given parts.
    package init(code: String, param: String, message: String) {
        self.code = code
        self.param = param
        self.message = message
    }

    func write(to writer: inout JSONWriter) {
        writer.object { object in
            object.member("code", code)
            object.member("param", param)
            object.member("message", message)
        }
    }
}

/// The values of a body's fields, read and checked.
package struct FieldValues: Sendable {
    private var values: [String: any Sendable] = [:]
    private var sources: [String: (json: JSON, path: String)] = [:]

    /// No field given.
    package init() {}

    /// The value of `field`, its default if it was absent or null.
    package subscript<Value>(field: Field<Value>) -> Value {
        (values[field.name] as? Value) ?? field.defaultValue
    }

    /// Whether `field` was given and not null.
    package func has<Value>(_ field: Field<Value>) -> Bool { values[field.name] != nil }

    mutating func set(_ name: String, _ value: any Sendable) { values[name] = value }

    mutating func remove(_ name: String) {
        values[name] = nil
        sources[name] = nil
    }

    /// Takes over what `other` was given.
    mutating func merge(_ other: FieldValues) {
        values.merge(other.values) { $1 }
        sources.merge(other.sources) { $1 }
    }

    mutating func set(_ name: String, _ value: any Sendable, json: JSON, path: String) {
        values[name] = value
        sources[name] = (json, path)
    }

    /// Whether a field was given and not null.
    func isGiven(_ name: String) -> Bool { values[name] != nil }

    /// Where a field was given; its name if it was not.
    func path(_ name: String) -> String { sources[name]?.path ?? name }

    /// The value in effect of a field as JSON: as it was given, a number as it was rounded; else the default.
    func json(_ declaration: FieldDeclaration) -> JSON {
        if let number = values[declaration.name] as? Float { return JSONText.float(number) }
        if let source = sources[declaration.name] { return source.json }
        guard let text = declaration.defaultText, let value = try? JSONParser.parse(text.utf8) else { return .null }
        return value
    }
}

/// Names in paths: short, whatever a client sends.
enum JSONPath {
    /// The path of a member.
    static func member(_ path: String, _ name: String) -> String {
        let name = name.count > 64 ? String(name.prefix(64)) + "…" : name
        return path.isEmpty ? name : "\(path).\(name)"
    }

    /// The path of an element.
    static func element(_ path: String, _ index: Int) -> String { "\(path)[\(index)]" }
}
