// SPDX-License-Identifier: Apache-2.0

import Glibc

// What Python's operators do.
extension JinjaInterpreter {
    private func unsupported(_ left: JinjaValue, _ sign: String, _ right: JinjaValue) -> JinjaError {
        for case .undefined(let reason) in [left, right] { return .evaluation(reason) }
        return .evaluation(
            "unsupported operand type(s) for \(sign): '\(left.typeName)' and '\(right.typeName)'")
    }

    private static let tooLarge = JinjaError.evaluation("an integer of more than 64 bits")

    // MARK: Arithmetic

    func signed(_ value: JinjaValue, isMinus: Bool) throws(JinjaError) -> JinjaValue {
        switch value.number {
        case .integer(let number)?:
            guard isMinus else { return .integer(number) }
            let (negated, overflow) = (0).subtractingReportingOverflow(number)
            guard !overflow else { throw Self.tooLarge }
            return .integer(negated)
        case .float(let number)?: return .float(isMinus ? -number : number)
        case nil:
            if case .undefined(let reason) = value { throw .evaluation(reason) }
            throw .evaluation("bad operand type for unary \(isMinus ? "-" : "+"): '\(value.typeName)'")
        }
    }

    func arithmetic(
        _ left: JinjaValue, _ sign: String, _ right: JinjaValue
    ) throws(JinjaError) -> JinjaValue {
        if let left = left.number, let right = right.number {
            if case (.integer(let left), .integer(let right)) = (left, right) {
                return try integers(left, sign, right)
            }
            return try floats(left.double, sign, right.double)
        }
        switch (left, sign, right) {
        case (.string(var text), "+", .string(let other)):
            text.append(other)
            return .string(text)
        case (.sequence(let first), "+", .sequence(let second))
        where first.kind == second.kind && first.kind != .iterator:
            return .sequence(JinjaSequence(first.elements + second.elements, first.kind))
        case (.string, "%", _): throw .evaluation("formatting with % is not supported")
        case (_, "*", _):
            guard let count = left.integer ?? right.integer else { break }
            let value = left.integer == nil ? left : right
            if let result = try repeated(value, count) { return result }
        default: break
        }
        throw unsupported(left, sign, right)
    }

    private func repeated(_ value: JinjaValue, _ count: Int) throws(JinjaError) -> JinjaValue? {
        let count = max(count, 0)
        switch value {
        case .string(let text):
            let (bytes, overflow) = text.bytes.count.multipliedReportingOverflow(by: count)
            guard !overflow, bytes <= limits.textBytes else { throw textTooLong }
            try budget.charge(bytes / JinjaLimits.bytesPerStep + (text.isForeign ? count : 0))
            guard text.isForeign else {
                return .string(TracedText(bytes: Array(repeatElement(text.bytes, count: count).joined())))
            }
            var result = TracedText.empty
            for _ in 0..<count { result.append(text) }
            return .string(result)
        case .sequence(let sequence) where sequence.kind != .iterator:
            let (total, overflow) = sequence.elements.count.multipliedReportingOverflow(by: count)
            guard !overflow else { throw .limit("a list of too many elements") }
            try budget.charge(total)
            return .sequence(
                JinjaSequence(Array(repeatElement(sequence.elements, count: count).joined()), sequence.kind))
        default: return nil
        }
    }

    private func integers(_ left: Int, _ sign: String, _ right: Int) throws(JinjaError) -> JinjaValue {
        func checked(_ result: (partialValue: Int, overflow: Bool)) throws(JinjaError) -> JinjaValue {
            guard !result.overflow else { throw Self.tooLarge }
            return .integer(result.partialValue)
        }
        switch sign {
        case "+": return try checked(left.addingReportingOverflow(right))
        case "-": return try checked(left.subtractingReportingOverflow(right))
        case "*": return try checked(left.multipliedReportingOverflow(by: right))
        case "**": return right < 0 ? try floats(Double(left), sign, Double(right)) : .integer(try power(left, right))
        default: break
        }
        guard right != 0 else { throw .evaluation("division by zero") }
        if sign == "/" { return .float(Double(left) / Double(right)) }
        guard !(left == .min && right == -1) else { throw Self.tooLarge }
        let (quotient, remainder) = left.quotientAndRemainder(dividingBy: right)
        let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
        return .integer(sign == "//" ? quotient - (isBelow ? 1 : 0) : remainder + (isBelow ? right : 0))
    }

    private func power(_ base: Int, _ exponent: Int) throws(JinjaError) -> Int {
        if exponent == 0 || base == 1 { return 1 }
        if base == 0 { return 0 }
        if base == -1 { return exponent.isMultiple(of: 2) ? 1 : -1 }
        guard exponent < 64 else { throw Self.tooLarge }
        var result = 1
        for _ in 0..<exponent {
            let (product, overflow) = result.multipliedReportingOverflow(by: base)
            guard !overflow else { throw Self.tooLarge }
            result = product
        }
        return result
    }

    private func floats(_ left: Double, _ sign: String, _ right: Double) throws(JinjaError) -> JinjaValue {
        switch sign {
        case "+": return .float(left + right)
        case "-": return .float(left - right)
        case "*": return .float(left * right)
        case "**":
            guard left != 0 || right >= 0 else { throw .evaluation("zero cannot be raised to a negative power") }
            return .float(pow(left, right))
        default: break
        }
        guard right != 0 else { throw .evaluation("division by zero") }
        if sign == "/" { return .float(left / right) }
        var remainder = fmod(left, right)
        var quotient = (left - remainder) / right
        if remainder != 0 {
            if (remainder < 0) != (right < 0) {
                remainder += right
                quotient -= 1
            }
        } else {
            remainder = Double(signOf: right, magnitudeOf: 0)
        }
        guard sign == "//" else { return .float(remainder) }
        guard quotient != 0 else { return .float(Double(signOf: left / right, magnitudeOf: 0)) }
        let floor = quotient.rounded(.down)
        return .float(quotient - floor > 0.5 ? floor + 1 : floor)
    }

    // MARK: Comparison

    func compare(_ left: JinjaValue, _ sign: String, _ right: JinjaValue) throws(JinjaError) -> Bool {
        try budget.charge(left.bulk + right.bulk)
        switch sign {
        case "==": return try areEqual(left, right)
        case "!=": return try !areEqual(left, right)
        case "<": return try isLess(left, right, sign)
        case ">": return try isLess(right, left, sign)
        case "<=": return try isLessOrEqual(left, right, sign)
        case ">=": return try isLessOrEqual(right, left, sign)
        case "in": return try isIn(left, right)
        default: return try !isIn(left, right)
        }
    }

    func areEqual(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaError) -> Bool {
        try budget.charge()
        if let left = left.number, let right = right.number { return left == right }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)): return left.bytes == right.bytes
        case (.sequence(let left), .sequence(let right)):
            guard left.kind == right.kind, left.kind != .iterator, left.elements.count == right.elements.count else {
                return false
            }
            for (left, right) in zip(left.elements, right.elements) where try !areEqual(left, right) { return false }
            return true
        case (.dictionary(let left), .dictionary(let right)):
            guard left.count == right.count else { return false }
            for (name, value) in zip(left.keys, left.values) {
                guard let other = right.value(of: try key(name)), try areEqual(value, other) else { return false }
            }
            return true
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case (.callable(.macro(let left)), .callable(.macro(let right))): return left === right
        default: return false
        }
    }

    /// Whether `left` comes before `right`.
    func isLess(_ left: JinjaValue, _ right: JinjaValue, _ sign: String = "<") throws(JinjaError) -> Bool {
        try budget.charge()
        if let left = left.number, let right = right.number { return left < right }
        switch (left, right) {
        case (.string(let left), .string(let right)): return left.bytes.lexicographicallyPrecedes(right.bytes)
        case (.sequence(let left), .sequence(let right)) where left.kind == right.kind && left.kind != .iterator:
            for (left, right) in zip(left.elements, right.elements) where try !areEqual(left, right) {
                return try isLess(left, right, sign)
            }
            return left.elements.count < right.elements.count
        case (.undefined(let reason), _), (_, .undefined(let reason)): throw .evaluation(reason)
        default:
            throw .evaluation(
                "'\(sign)' not supported between instances of '\(left.typeName)' and '\(right.typeName)'")
        }
    }

    private func isLessOrEqual(_ left: JinjaValue, _ right: JinjaValue, _ sign: String) throws(JinjaError) -> Bool {
        if try isLess(left, right, sign) { return true }
        if let left = left.number, let right = right.number { return left == right }
        return try areEqual(left, right)
    }

    func isIn(_ value: JinjaValue, _ container: JinjaValue) throws(JinjaError) -> Bool {
        try budget.charge(container.bulk)
        switch container {
        case .string(let text):
            guard case .string(let part) = value else {
                if case .undefined(let reason) = value { throw .evaluation(reason) }
                throw .evaluation("'in <string>' requires string as left operand, not \(value.typeName)")
            }
            return text.contains(part)
        case .dictionary(let dictionary): return dictionary.value(of: try key(value)) != nil
        default:
            for element in try elements(container) where try areEqual(element, value) { return true }
            return false
        }
    }

    // MARK: Going through

    /// The elements that a loop over the value goes through.
    func elements(_ value: JinjaValue) throws(JinjaError) -> [JinjaValue] {
        switch value {
        case .undefined: return []
        case .sequence(let sequence): return sequence.elements
        case .dictionary(let dictionary): return dictionary.keys
        case .string(let text):
            let offsets = text.scalarOffsets
            try budget.charge(offsets.count)
            return zip(offsets, offsets.dropFirst()).map { .string(text[$0..<$1]) }
        case .loop(let loop): return Array(loop.elements.dropFirst(loop.index + 1))
        default: throw .evaluation("'\(value.typeName)' object is not iterable")
        }
    }
}
