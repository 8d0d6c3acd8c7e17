// SPDX-License-Identifier: Apache-2.0

/// A value of a template, with Python's notions of truth, equality and order.
enum JinjaValue: Sendable {
    /// What is not there; the text says what that is.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(TracedText)
    case sequence(JinjaSequence)
    case dictionary(JinjaDictionary)
    case namespace(JinjaNamespace)
    case loop(JinjaLoop)
    case callable(JinjaCallable)

    /// Text of the template.
    static func text(_ text: String) -> JinjaValue { .string(TracedText(text)) }

    static func list(_ elements: [JinjaValue]) -> JinjaValue { .sequence(JinjaSequence(elements, .list)) }

    /// The name of the type in error texts, as Python has it.
    var typeName: String {
        switch self {
        case .undefined: "undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .float: "float"
        case .string: "str"
        case .sequence(let sequence): sequence.kind.rawValue
        case .dictionary: "dict"
        case .namespace: "namespace"
        case .loop: "loop"
        case .callable: "function"
        }
    }

    /// Whether Python takes the value as true.
    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let flag): flag
        case .integer(let number): number != 0
        case .float(let number): number != 0
        case .string(let text): !text.isEmpty
        case .sequence(let sequence): sequence.kind == .iterator || !sequence.elements.isEmpty
        case .dictionary(let dictionary): dictionary.count > 0
        case .namespace, .loop, .callable: true
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { true } else { false }
    }

    /// A number, a truth value being 0 or 1.
    var number: JinjaNumber? {
        switch self {
        case .bool(let flag): .integer(flag ? 1 : 0)
        case .integer(let number): .integer(number)
        case .float(let number): .float(number)
        default: nil
        }
    }

    var integer: Int? {
        if case .integer(let number)? = number { number } else { nil }
    }

    var textValue: TracedText? {
        if case .string(let text) = self { text } else { nil }
    }

    /// Levels of values in values; 0 for plain ones.
    var depth: Int {
        switch self {
        case .sequence(let sequence): sequence.depth
        case .dictionary(let dictionary): dictionary.depth
        case .callable(.method(let receiver, _)): receiver.value.depth + 1
        default: 0
        }
    }

    /// What looking at all of the value costs, in steps.
    var bulk: Int {
        switch self {
        case .string(let text): text.bytes.count / JinjaLimits.bytesPerStep
        case .sequence(let sequence): sequence.elements.count / 4
        case .dictionary(let dictionary): dictionary.count / 4
        default: 0
        }
    }
}

/// A number as Python computes with it.
enum JinjaNumber {
    case integer(Int)
    case float(Double)

    var double: Double {
        switch self {
        case .integer(let number): Double(number)
        case .float(let number): number
        }
    }

    /// Whether both are the same number; exact also where an integer has no equal float.
    static func == (left: JinjaNumber, right: JinjaNumber) -> Bool {
        switch (left, right) {
        case (.integer(let left), .integer(let right)): left == right
        case (.float(let left), .float(let right)): left == right
        case (.integer(let integer), .float(let float)), (.float(let float), .integer(let integer)):
            Int(exactly: float) == integer
        }
    }

    static func < (left: JinjaNumber, right: JinjaNumber) -> Bool {
        if case (.integer(let left), .integer(let right)) = (left, right) { return left < right }
        return left.double < right.double
    }
}

/// A list, a tuple, or what a lazy filter gives.
struct JinjaSequence: Sendable {
    enum Kind: String, Sendable {
        case list, tuple
        /// What `map`, `select` and their kin give: it can be gone through, has no length and is always true.
        case iterator = "generator"
    }

    let elements: [JinjaValue]
    let kind: Kind
    let depth: Int

    init(_ elements: [JinjaValue], _ kind: Kind) {
        self.elements = elements
        self.kind = kind
        depth = 1 + (elements.lazy.map(\.depth).max() ?? 0)
    }
}

/// A dictionary: keys in the order in which they came.
struct JinjaDictionary: Sendable {
    /// What can be a key.
    enum Key: Hashable, Sendable {
        case none
        case integer(Int)
        case float(Double)
        case string([UInt8])

        /// Nil for values without a hash.
        init?(_ value: JinjaValue) {
            switch value {
            case .none: self = .none
            case .bool(let flag): self = .integer(flag ? 1 : 0)
            case .integer(let number): self = .integer(number)
            case .float(let number): self = Int(exactly: number).map { .integer($0) } ?? .float(number)
            case .string(let text): self = .string(text.bytes)
            default: return nil
            }
        }
    }

    private(set) var keys: [JinjaValue] = []
    private(set) var values: [JinjaValue] = []
    private var places: [Key: Int] = [:]
    private(set) var depth = 1

    init() {}

    var count: Int { keys.count }

    /// The value of a key of text.
    subscript(_ key: String) -> JinjaValue? { value(of: .string(Array(key.utf8))) }

    func value(of key: Key) -> JinjaValue? { places[key].map { values[$0] } }

    mutating func set(_ key: Key, _ name: JinjaValue, _ value: JinjaValue) {
        depth = max(depth, 1 + value.depth)
        if let place = places[key] {
            values[place] = value
        } else {
            places[key] = keys.count
            keys.append(name)
            values.append(value)
        }
    }

    mutating func set(_ name: String, _ value: JinjaValue) {
        set(.string(Array(name.utf8)), .text(name), value)
    }

    /// Pairs of key and value.
    var items: [JinjaValue] {
        zip(keys, values).map { .sequence(JinjaSequence([$0, $1], .tuple)) }
    }
}

/// What `namespace(…)` makes: attributes that can be set from inner scopes. One rendering owns it.
final class JinjaNamespace: @unchecked Sendable {
    // Unchecked: never leaves the rendering that made it, which is one thread's.
    var attributes: [String: JinjaValue] = [:]
}

/// The variable `loop`. One rendering owns it.
final class JinjaLoop: @unchecked Sendable {
    // Unchecked: never leaves the rendering that made it, which is one thread's.
    let elements: [JinjaValue]
    let depth: Int
    var index = 0
    var lastChanged: [JinjaValue]?

    init(_ elements: [JinjaValue], depth: Int) {
        self.elements = elements
        self.depth = depth
    }

    func attribute(_ name: String) -> JinjaValue? {
        switch name {
        case "index": .integer(index + 1)
        case "index0": .integer(index)
        case "revindex": .integer(elements.count - index)
        case "revindex0": .integer(elements.count - index - 1)
        case "first": .bool(index == 0)
        case "last": .bool(index == elements.count - 1)
        case "length": .integer(elements.count)
        case "depth": .integer(depth)
        case "depth0": .integer(depth - 1)
        case "previtem": index > 0 ? elements[index - 1] : .undefined("there is no previous item")
        case "nextitem": index + 1 < elements.count ? elements[index + 1] : .undefined("there is no next item")
        default: nil
        }
    }
}

/// What can be called.
enum JinjaCallable: Sendable {
    /// One of the functions that every template has.
    case function(JinjaFunction)
    /// A method of a value.
    case method(JinjaBox, String)
    case macro(JinjaMacro)
}

/// A value that can be held by a value.
final class JinjaBox: Sendable {
    let value: JinjaValue

    init(_ value: JinjaValue) { self.value = value }
}

/// The functions that every template has.
enum JinjaFunction: String, Sendable, CaseIterable {
    case range, dict, namespace
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
}

/// A macro with the scope in which it was defined.
final class JinjaMacro: @unchecked Sendable {
    // Unchecked: never leaves the rendering that made it, which is one thread's.
    let name: String
    let parameters: [JinjaParameter]
    let body: [JinjaStatement]
    let scope: JinjaScope

    init(name: String, parameters: [JinjaParameter], body: [JinjaStatement], scope: JinjaScope) {
        self.name = name
        self.parameters = parameters
        self.body = body
        self.scope = scope
    }
}

/// Names and their values; what is not found is looked up further out.
final class JinjaScope {
    var values: [String: JinjaValue] = [:]
    let parent: JinjaScope?

    init(parent: JinjaScope?) { self.parent = parent }

    subscript(_ name: String) -> JinjaValue? {
        var scope: JinjaScope? = self
        while let current = scope {
            if let value = current.values[name] { return value }
            scope = current.parent
        }
        return nil
    }
}
