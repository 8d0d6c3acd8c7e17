// SPDX-License-Identifier: Apache-2.0

// Evaluating expressions.
extension JinjaInterpreter {
    func evaluate(_ expression: JinjaExpression, _ scope: JinjaScope) throws(JinjaError) -> JinjaValue {
        try budget.charge()
        switch expression.form {
        case .constant(let value): return value
        case .name(let name):
            if let value = scope[name] { return value }
            return JinjaFunction(rawValue: name).map { .callable(.function($0)) }
                ?? .undefined("'\(name)' is undefined")
        default: break
        }
        let value: JinjaValue
        do throws(JinjaError) {
            value = try descend { () throws(JinjaError) in try compound(expression, scope) }
        } catch {
            var error = error
            error.line = error.line ?? expression.line
            throw error
        }
        guard value.depth <= limits.valueDepth else {
            throw .limit("more than \(limits.valueDepth) values in one another")
        }
        if case .string(let text) = value, text.bytes.count > limits.textBytes { throw textTooLong }
        try budget.charge(value.bulk)
        return value
    }

    private func compound(_ expression: JinjaExpression, _ scope: JinjaScope) throws(JinjaError) -> JinjaValue {
        switch expression.form {
        case .constant, .name: return .none
        case .list(let elements): return .sequence(JinjaSequence(try evaluate(elements, scope), .list))
        case .tuple(let elements): return .sequence(JinjaSequence(try evaluate(elements, scope), .tuple))
        case .dictionary(let items):
            var dictionary = JinjaDictionary()
            for item in items {
                let name = try evaluate(item.key, scope)
                dictionary.set(try key(name), name, try evaluate(item.value, scope))
            }
            return .dictionary(dictionary)
        case .attribute(let object, let name): return try attribute(name, of: try evaluate(object, scope))
        case .item(let object, let index):
            return try item(try evaluate(index, scope), of: try evaluate(object, scope))
        case .slice(let object, let start, let stop, let step):
            func bound(_ expression: JinjaExpression?) throws(JinjaError) -> Int? {
                guard let expression else { return nil }
                let value = try evaluate(expression, scope)
                if case .none = value { return nil }
                guard let bound = value.integer else {
                    throw .evaluation("slice indices must be integers, not \(value.typeName)")
                }
                return bound
            }
            let value = try evaluate(object, scope)
            return try slice(value, PythonSlice(start: bound(start), stop: bound(stop), step: bound(step)))
        case .call(let callee, let arguments):
            return try call(try evaluate(callee, scope), try values(arguments, scope))
        case .filter(let value, let name, let arguments):
            return try apply(name, try evaluate(value, scope), try values(arguments, scope))
        case .test(let value, let name, let arguments):
            return .bool(try test(name, try evaluate(value, scope), try values(arguments, scope)))
        case .not(let value): return .bool(try !evaluate(value, scope).isTrue)
        case .and(let left, let right):
            let value = try evaluate(left, scope)
            return value.isTrue ? try evaluate(right, scope) : value
        case .or(let left, let right):
            let value = try evaluate(left, scope)
            return value.isTrue ? value : try evaluate(right, scope)
        case .sign(let value, let isMinus): return try signed(try evaluate(value, scope), isMinus: isMinus)
        case .arithmetic(let left, let sign, let right):
            let left = try evaluate(left, scope)
            return try arithmetic(left, sign, try evaluate(right, scope))
        case .join(let parts):
            var joined = TracedText.empty
            for part in parts { joined.append(try text(try evaluate(part, scope))) }
            return .string(joined)
        case .compare(let first, let operands):
            var left = try evaluate(first, scope)
            for (sign, operand) in operands {
                let right = try evaluate(operand, scope)
                guard try compare(left, sign, right) else { return .bool(false) }
                left = right
            }
            return .bool(true)
        case .condition(let condition, let then, let otherwise):
            if try evaluate(condition, scope).isTrue { return try evaluate(then, scope) }
            guard let otherwise else {
                return .undefined("the inline if-expression evaluated to false and no else section was defined")
            }
            return try evaluate(otherwise, scope)
        }
    }

    private func evaluate(_ parts: [JinjaExpression], _ scope: JinjaScope) throws(JinjaError) -> [JinjaValue] {
        var values: [JinjaValue] = []
        values.reserveCapacity(parts.count)
        for part in parts { values.append(try evaluate(part, scope)) }
        return values
    }

    func values(_ arguments: JinjaArguments, _ scope: JinjaScope) throws(JinjaError) -> JinjaValues {
        var named: [(name: String, value: JinjaValue)] = []
        for argument in arguments.named { named.append((argument.name, try evaluate(argument.value, scope))) }
        return JinjaValues(positional: try evaluate(arguments.positional, scope), named: named)
    }

    func key(_ value: JinjaValue) throws(JinjaError) -> JinjaDictionary.Key {
        guard let key = JinjaDictionary.Key(value) else { throw .evaluation("unhashable type: '\(value.typeName)'") }
        return key
    }

    // MARK: Members

    /// `value.name`: an attribute or method, else the item of that name.
    func attribute(_ name: String, of value: JinjaValue) throws(JinjaError) -> JinjaValue {
        switch value {
        case .undefined(let reason): throw .evaluation(reason)
        case .dictionary(let dictionary):
            if JinjaMethods.ofDictionaries.contains(name) { return .callable(.method(JinjaBox(value), name)) }
            if let found = dictionary[name] { return found }
        case .string:
            if JinjaMethods.ofStrings.contains(name) { return .callable(.method(JinjaBox(value), name)) }
        case .sequence(let sequence):
            if sequence.kind != .iterator, JinjaMethods.ofSequences.contains(name) {
                return .callable(.method(JinjaBox(value), name))
            }
        case .namespace(let namespace):
            if let found = namespace.attributes[name] { return found }
        case .loop(let loop):
            if let found = loop.attribute(name) { return found }
            if JinjaMethods.ofLoops.contains(name) { return .callable(.method(JinjaBox(value), name)) }
        case .callable(.macro(let macro)): if name == "name" { return .text(macro.name) }
        default: break
        }
        return .undefined("'\(value.typeName) object' has no attribute '\(name)'")
    }

    /// `value[index]`: the item, else the attribute of that name.
    func item(_ index: JinjaValue, of value: JinjaValue) throws(JinjaError) -> JinjaValue {
        switch value {
        case .undefined(let reason): throw .evaluation(reason)
        case .dictionary(let dictionary):
            if let found = JinjaDictionary.Key(index).flatMap(dictionary.value(of:)) { return found }
        case .string(let text):
            if let place = index.integer {
                try budget.charge(value.bulk)
                let offsets = text.scalarOffsets
                let count = offsets.count - 1
                let resolved = place < 0 ? place + count : place
                guard (0..<count).contains(resolved) else { return .undefined("the string index is out of range") }
                return .string(text[offsets[resolved]..<offsets[resolved + 1]])
            }
        case .sequence(let sequence):
            if let place = index.integer, sequence.kind != .iterator {
                let resolved = place < 0 ? place + sequence.elements.count : place
                guard sequence.elements.indices.contains(resolved) else {
                    return .undefined("the list has no element \(place)")
                }
                return sequence.elements[resolved]
            }
        default: break
        }
        if let name = index.textValue {
            if case .dictionary = value, !JinjaMethods.ofDictionaries.contains(name.string) {
                return .undefined("'dict object' has no attribute '\(name.string.prefix(64))'")
            }
            return try attribute(name.string, of: value)
        }
        return .undefined("'\(value.typeName) object' has no element of this index")
    }

    private func slice(_ value: JinjaValue, _ slice: PythonSlice) throws(JinjaError) -> JinjaValue {
        guard slice.step != 0 else { throw .evaluation("slice step cannot be zero") }
        try budget.charge(value.bulk)
        switch value {
        case .undefined(let reason): throw .evaluation(reason)
        case .string(let text):
            let offsets = text.scalarOffsets
            let places = slice.indices(count: offsets.count - 1)
            if slice.step ?? 1 == 1 {
                guard let first = places.first, let last = places.last else { return .string(.empty) }
                return .string(text[offsets[first]..<offsets[last + 1]])
            }
            var result = TracedText.empty
            for place in places {
                try budget.charge()
                result.append(text[offsets[place]..<offsets[place + 1]])
            }
            return .string(result)
        case .sequence(let sequence) where sequence.kind != .iterator:
            let places = slice.indices(count: sequence.elements.count)
            return .sequence(JinjaSequence(places.map { sequence.elements[$0] }, sequence.kind))
        default: throw .evaluation("'\(value.typeName)' object is not subscriptable by a slice")
        }
    }

    // MARK: Calls

    func call(_ callee: JinjaValue, _ arguments: JinjaValues) throws(JinjaError) -> JinjaValue {
        switch callee {
        case .callable(.function(let function)): return try call(function, arguments)
        case .callable(.method(let receiver, let name)):
            return try callMethod(name, of: receiver.value, arguments)
        case .callable(.macro(let macro)): return try call(macro, arguments)
        case .undefined(let reason): throw .evaluation(reason)
        default: throw .evaluation("'\(callee.typeName)' object is not callable")
        }
    }
}

/// The places of a slice.
struct PythonSlice {
    var start: Int?
    var stop: Int?
    var step: Int?

    /// The indices that the slice names in something of `count` elements. Source: `slice.indices` of Python.
    func indices(count: Int) -> StrideTo<Int> {
        let step = min(max(step ?? 1, -count - 1), count + 1)
        func bound(_ bound: Int?, _ standard: Int) -> Int {
            guard let bound else { return standard }
            let (least, most) = step < 0 ? (-1, count - 1) : (0, count)
            return bound < 0 ? max(bound + count, least) : min(bound, most)
        }
        let start = bound(start, step < 0 ? count - 1 : 0)
        let stop = bound(stop, step < 0 ? -1 : count)
        return stride(from: start, to: stop, by: step)
    }
}

extension StrideTo<Int> {
    fileprivate var first: Int? { first { _ in true } }
    fileprivate var last: Int? { suffix(1).first }
}

/// The arguments of a call, evaluated.
struct JinjaValues {
    var positional: [JinjaValue] = []
    var named: [(name: String, value: JinjaValue)] = []

    /// The arguments in the order of `parameters`; nil where none was given.
    func bind(_ callee: String, _ parameters: [String]) throws(JinjaError) -> [JinjaValue?] {
        guard positional.count <= parameters.count else {
            throw .evaluation("\(callee) takes at most \(parameters.count) arguments, found \(positional.count)")
        }
        var bound: [JinjaValue?] = positional + Array(repeating: nil, count: parameters.count - positional.count)
        for (name, value) in named {
            guard let place = parameters.firstIndex(of: name), bound[place] == nil else {
                throw .evaluation("\(callee) got an unexpected argument '\(name)'")
            }
            bound[place] = value
        }
        return bound
    }
}
