// SPDX-License-Identifier: Apache-2.0

/// A JSON value (RFC 8259) as read by ``JSONParser``.
///
/// Integers that fit in 64 bits keep their exact value; every other number is a finite `Double`.
public enum JSON: Sendable, Equatable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number written without fraction or exponent that fits in 64 bits.
    case integer(Int64)
    /// Any other finite number.
    case number(Double)
    /// A string of Unicode scalar values.
    case string(String)
    /// An array.
    case array([JSON])
    /// An object; its keys are distinct and keep their order.
    case object(JSONObject)

    /// The members if this is an object.
    public var objectValue: JSONObject? {
        guard case .object(let object) = self else { return nil }
        return object
    }

    /// The elements if this is an array.
    public var arrayValue: [JSON]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The text if this is a string.
    public var stringValue: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The truth value if this is a boolean.
    public var boolValue: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    /// The exact integer if this is one, also when written as an integral float such as `20.0`.
    public var integerValue: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The number as a double if this is a number.
    public var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Whether this is `null`.
    public var isNull: Bool { self == .null }

    /// The name of this value's JSON type, for error texts.
    public var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// The member named `key` if this is an object that has it.
    public subscript(key: String) -> JSON? { objectValue?[key] }

    /// An object of these members; of two with one key the last counts.
    package init(members: KeyValuePairs<String, JSON>) {
        var object = JSONObject()
        for (key, value) in members { object[key] = value }
        self = .object(object)
    }
}

/// The members of a JSON object: distinct keys in the order of the text.
///
/// Keys are compared scalar by scalar, as RFC 8259 section 8.3 has it; `String` compares up to canonical equivalence,
/// which would make one key of the two pieces U+00C5 and U+212B of a vocabulary.
public struct JSONObject: Sendable, Equatable {
    /// The keys in order.
    public private(set) var keys: [String] = []
    /// The values, in the order of `keys`.
    public private(set) var values: [JSON] = []
    /// Where each key is; empty as long as the members are so few that looking through them is faster.
    private var index = KeyIndex()

    /// An object without members.
    public init() {}

    /// The number of members.
    public var count: Int { keys.count }

    /// The members in order.
    public var members: Zip2Sequence<[String], [JSON]> { zip(keys, values) }

    /// The value of the member named `key`; setting replaces or appends, setting nil is ignored.
    public subscript(key: String) -> JSON? {
        get { position(of: key).map { values[$0] } }
        set {
            guard let newValue else { return }
            if let position = position(of: key) {
                values[position] = newValue
            } else {
                append(key, newValue)
            }
        }
    }

    /// Appends a member. Returns false, and changes nothing, if the key is already there.
    @discardableResult
    mutating func append(_ key: String, _ value: JSON) -> Bool {
        guard index.insert(key, into: keys) else { return false }
        keys.append(key)
        values.append(value)
        return true
    }

    private func position(of key: String) -> Int? { index.position(of: key, in: keys) }

    /// Whether both have the same members in the same order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.keys.elementsEqual(right.keys, by: KeyIndex.areEqual) && left.values == right.values
    }
}
