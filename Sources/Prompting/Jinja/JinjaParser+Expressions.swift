// SPDX-License-Identifier: Apache-2.0

// Expressions, from the loosest binding to the tightest.
extension JinjaParser {
    /// An expression; with commas, a tuple.
    mutating func tuple(allowsCondition: Bool = true) throws(JinjaError) -> JinjaExpression {
        let line = current.line
        let first = try allowsCondition ? expression() : disjunction()
        guard isAt(sign: ",") else { return first }
        var elements = [first]
        while skip(sign: ",") {
            switch current.kind {
            case .variableEnd, .blockEnd, .sign(")"): break
            default:
                elements.append(try allowsCondition ? expression() : disjunction())
                continue
            }
            break
        }
        return try make(.tuple(elements), line, elements)
    }

    mutating func expression() throws(JinjaError) -> JinjaExpression {
        level += 1
        defer { level -= 1 }
        guard level <= limits.depth else { throw tooDeep }
        let line = current.line
        var value = try disjunction()
        while skip(name: "if") {
            let condition = try disjunction()
            let otherwise = skip(name: "else") ? try expression() : nil
            value = try make(
                .condition(condition, then: value, otherwise: otherwise), line,
                [condition, value] + (otherwise.map { [$0] } ?? []))
        }
        return value
    }

    /// An expression made of `parts`.
    private func make(
        _ form: JinjaExpression.Form, _ line: Int, _ parts: [JinjaExpression] = [], _ arguments: JinjaArguments = .none
    ) throws(JinjaError) -> JinjaExpression {
        let depth = 1 + max(parts.lazy.map(\.depth).max() ?? 0, arguments.depth)
        guard depth <= limits.depth else { throw tooDeep }
        return JinjaExpression(form: form, line: line, depth: depth)
    }

    private mutating func disjunction() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try conjunction()
        while skip(name: "or") {
            let right = try conjunction()
            left = try make(.or(left, right), line, [left, right])
        }
        return left
    }

    private mutating func conjunction() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try negation()
        while skip(name: "and") {
            let right = try negation()
            left = try make(.and(left, right), line, [left, right])
        }
        return left
    }

    private mutating func negation() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var count = 0
        while skip(name: "not") { count += 1 }
        var value = try comparison()
        for _ in 0..<count { value = try make(.not(value), line, [value]) }
        return value
    }

    private mutating func comparison() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        let first = try sum()
        var operands: [(sign: String, operand: JinjaExpression)] = []
        while true {
            var sign: String?
            if case .sign(let text) = current.kind, ["==", "!=", "<", "<=", ">", ">="].contains(text) {
                sign = text
            } else if isAt(name: "in") {
                sign = "in"
            } else if isAt(name: "not"), following.kind == .name("in") {
                advance()
                sign = "not in"
            }
            guard let sign else { break }
            advance()
            operands.append((sign, try sum()))
        }
        guard !operands.isEmpty else { return first }
        return try make(.compare(first, operands), line, [first] + operands.map(\.operand))
    }

    private mutating func sum() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try concatenation()
        while case .sign(let sign) = current.kind, sign == "+" || sign == "-" {
            advance()
            let right = try concatenation()
            left = try make(.arithmetic(left, sign, right), line, [left, right])
        }
        return left
    }

    private mutating func concatenation() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var parts = [try product()]
        while skip(sign: "~") { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try make(.join(parts), line, parts)
    }

    private mutating func product() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try power()
        while case .sign(let sign) = current.kind, ["*", "/", "//", "%"].contains(sign) {
            advance()
            let right = try power()
            left = try make(.arithmetic(left, sign, right), line, [left, right])
        }
        return left
    }

    private mutating func power() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var left = try unary()
        while skip(sign: "**") {
            let right = try unary()
            left = try make(.arithmetic(left, "**", right), line, [left, right])
        }
        return left
    }

    private mutating func unary(takesFilters: Bool = true) throws(JinjaError) -> JinjaExpression {
        let line = current.line
        var signs: [Bool] = []
        while case .sign(let sign) = current.kind, sign == "-" || sign == "+" {
            signs.append(sign == "-")
            advance()
        }
        var value = try postfix(try primary())
        for isMinus in signs.reversed() { value = try make(.sign(value, isMinus: isMinus), line, [value]) }
        return try filtersAndTests(value)
    }

    private mutating func primary() throws(JinjaError) -> JinjaExpression {
        let line = current.line
        switch current.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return try make(.constant(.bool(true)), line)
            case "false", "False": return try make(.constant(.bool(false)), line)
            case "none", "None": return try make(.constant(.none), line)
            default: return try make(.name(name), line)
            }
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return try make(.constant(.text(text)), line)
        case .integer(let value):
            advance()
            return try make(.constant(.integer(value)), line)
        case .float(let value):
            advance()
            return try make(.constant(.float(value)), line)
        case .sign("("):
            advance()
            if skip(sign: ")") { return try make(.tuple([]), line) }
            let value = try tuple()
            try expect(sign: ")")
            return value
        case .sign("["):
            advance()
            var elements: [JinjaExpression] = []
            while !isAt(sign: "]") {
                if !elements.isEmpty { try expect(sign: ",") }
                if isAt(sign: "]") { break }
                elements.append(try expression())
            }
            try expect(sign: "]")
            return try make(.list(elements), line, elements)
        case .sign("{"):
            advance()
            var items: [(key: JinjaExpression, value: JinjaExpression)] = []
            while !isAt(sign: "}") {
                if !items.isEmpty { try expect(sign: ",") }
                if isAt(sign: "}") { break }
                let key = try expression()
                try expect(sign: ":")
                items.append((key, try expression()))
            }
            try expect(sign: "}")
            return try make(.dictionary(items), line, items.flatMap { [$0.key, $0.value] })
        default: throw unexpected("an expression")
        }
    }

    private mutating func postfix(_ start: JinjaExpression) throws(JinjaError) -> JinjaExpression {
        var value = start
        while true {
            let line = current.line
            if skip(sign: ".") {
                if case .integer(let index) = current.kind {
                    advance()
                    value = try make(.item(value, try make(.constant(.integer(index)), line)), line, [value])
                } else {
                    value = try make(.attribute(value, try identifier()), line, [value])
                }
            } else if skip(sign: "[") {
                value = try subscripted(value, line)
            } else if isAt(sign: "(") {
                let arguments = try arguments()
                value = try make(.call(value, arguments), line, [value], arguments)
            } else {
                return value
            }
        }
    }

    private mutating func subscripted(_ value: JinjaExpression, _ line: Int) throws(JinjaError) -> JinjaExpression {
        var parts: [JinjaExpression?] = [nil]
        while !isAt(sign: "]") {
            if skip(sign: ":") {
                parts.append(nil)
            } else if parts[parts.count - 1] == nil {
                parts[parts.count - 1] = try expression()
            } else {
                throw unexpected("']'")
            }
        }
        try expect(sign: "]")
        guard parts.count > 1 else {
            guard let index = parts[0] else { throw .syntax("an empty subscript", line: line) }
            return try make(.item(value, index), line, [value, index])
        }
        guard parts.count <= 3 else { throw .syntax("a slice of more than three parts", line: line) }
        let step = parts.count == 3 ? parts[2] : nil
        return try make(
            .slice(value, start: parts[0], stop: parts[1], step: step), line, [value] + parts.compactMap { $0 })
    }

    private mutating func arguments() throws(JinjaError) -> JinjaArguments {
        try expect(sign: "(")
        var arguments = JinjaArguments()
        while !isAt(sign: ")") {
            if !arguments.positional.isEmpty || !arguments.named.isEmpty {
                try expect(sign: ",")
                if isAt(sign: ")") { break }
            }
            if isAt(sign: "*") || isAt(sign: "**") {
                throw .syntax("unpacked arguments are not supported", line: current.line)
            }
            if case .name(let name) = current.kind, following.kind == .sign("=") {
                advance()
                advance()
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty else { throw unexpected("a named argument") }
                arguments.positional.append(try expression())
            }
        }
        try expect(sign: ")")
        return arguments
    }

    // MARK: Filters and tests

    private mutating func filtersAndTests(_ start: JinjaExpression) throws(JinjaError) -> JinjaExpression {
        var value = start
        while true {
            let line = current.line
            if skip(sign: "|") {
                let (name, arguments) = try filterCall()
                value = try make(.filter(value, name, arguments), line, [value], arguments)
            } else if skip(name: "is") {
                value = try test(of: value, line)
            } else if isAt(sign: "(") {
                let arguments = try arguments()
                value = try make(.call(value, arguments), line, [value], arguments)
            } else {
                return value
            }
        }
    }

    /// A filter's name and arguments; unknown names are refused at once.
    mutating func filterCall() throws(JinjaError) -> (name: String, arguments: JinjaArguments) {
        let line = current.line
        let name = try identifier()
        guard JinjaFilters.names.contains(name) else {
            throw .syntax("unknown filter '\(name.prefix(40))'", line: line)
        }
        return (name, isAt(sign: "(") ? try arguments() : .none)
    }

    private mutating func test(of value: JinjaExpression, _ line: Int) throws(JinjaError) -> JinjaExpression {
        let isNegated = skip(name: "not")
        let name = try identifier()
        guard JinjaTests.names.contains(name) else { throw .syntax("unknown test '\(name.prefix(40))'", line: line) }
        var arguments = JinjaArguments.none
        if isAt(sign: "(") {
            arguments = try self.arguments()
        } else {
            let takesOperand =
                switch current.kind {
                case .name(let word): !["else", "or", "and", "is", "if", "not", "in"].contains(word)
                case .string, .integer, .float, .sign("["), .sign("{"): true
                default: false
                }
            if takesOperand { arguments.positional = [try postfix(try primary())] }
        }
        let test = try make(.test(value, name, arguments), line, [value], arguments)
        return isNegated ? try make(.not(test), line, [test]) : test
    }
}
