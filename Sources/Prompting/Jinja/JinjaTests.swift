// SPDX-License-Identifier: Apache-2.0

/// The names that may stand after `is`.
enum JinjaTests {
    static let names: Set<String> = [
        "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge",
        "greaterthan", "gt", "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none",
        "number", "odd", "sameas", "sequence", "string", "true", "undefined", "upper", "filter", "test",
    ]
    /// Tests that compare, as operators.
    static let operators = [
        "eq": "==", "equalto": "==", "ne": "!=", "lt": "<", "lessthan": "<", "le": "<=", "gt": ">",
        "greaterthan": ">", "ge": ">=", "in": "in",
    ]
}

extension JinjaInterpreter {
    /// Whether `value is name`.
    func test(_ name: String, _ value: JinjaValue, _ arguments: JinjaValues) throws(JinjaError) -> Bool {
        guard arguments.named.isEmpty else { throw .evaluation("tests take no named arguments") }
        let operand = arguments.positional.first
        let needsOperand =
            JinjaTests.operators[name] != nil || name == "divisibleby" || name == "sameas"
        guard arguments.positional.count == (needsOperand ? 1 : 0) else {
            throw .evaluation("the test '\(name)' takes \(needsOperand ? "one argument" : "no argument")")
        }
        if let sign = JinjaTests.operators[name], let operand { return try compare(value, sign, operand) }
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "none": if case .none = value { return true }
        case "boolean": if case .bool = value { return true }
        case "true": if case .bool(true) = value { return true }
        case "false": if case .bool(false) = value { return true }
        case "integer": if case .integer = value { return true }
        case "float": if case .float = value { return true }
        case "number": return value.number != nil
        case "string": if case .string = value { return true }
        case "mapping": if case .dictionary = value { return true }
        case "callable": if case .callable = value { return true }
        case "filter": return value.textValue.map { JinjaFilters.names.contains($0.string) } ?? false
        case "test": return value.textValue.map { JinjaTests.names.contains($0.string) } ?? false
        case "iterable":
            switch value {
            case .undefined, .string, .sequence, .dictionary, .loop: return true
            default: return false
            }
        case "sequence":
            switch value {
            case .undefined, .string, .dictionary: return true
            case .sequence(let sequence): return sequence.kind != .iterator
            default: return false
            }
        case "lower": return PythonText.isCased(try text(value).string, upper: false)
        case "upper": return PythonText.isCased(try text(value).string, upper: true)
        case "even", "odd", "divisibleby":
            let divisor = name == "divisibleby" ? operand ?? .none : .integer(2)
            let rest = try arithmetic(value, "%", divisor)
            return try areEqual(rest, .integer(0)) == (name != "odd")
        case "sameas": return try areSame(value, operand ?? .none)
        default: throw .evaluation("unknown test '\(name.prefix(40))'")
        }
        return false
    }

    /// Identity, as far as it does not depend on how Python keeps its objects: of the same type and equal.
    private func areSame(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaError) -> Bool {
        switch (left, right) {
        case (.bool(let left), .bool(let right)): return left == right
        case (.bool, _), (_, .bool): return false
        case (.integer, .float), (.float, .integer): return false
        default: return try areEqual(left, right)
        }
    }
}
