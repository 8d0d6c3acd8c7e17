// SPDX-License-Identifier: Apache-2.0

/// Reads a template: blocks here, expressions in an extension.
///
/// Source: jinja2/parser.py (3.1), with the tags that transformers adds (`break`, `continue`, `generation`). Templates
/// that name other templates (`include`, `import`, `extends`) cannot be read.
struct JinjaParser {
    private let tokens: [JinjaToken]
    private var position = 0
    let limits: JinjaLimits
    /// Levels of expressions and blocks that are being read.
    var level = 0

    private init(_ tokens: [JinjaToken], _ limits: JinjaLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    /// The parts of the template `source`.
    static func parse(_ source: String, limits: JinjaLimits) throws(JinjaError) -> [JinjaStatement] {
        guard source.utf8.count <= limits.sourceBytes else {
            throw .limit("the template has \(source.utf8.count) bytes, at most \(limits.sourceBytes) are read")
        }
        var parser = JinjaParser(try JinjaLexer.tokens(of: source), limits)
        let body = try parser.statements(until: [])
        guard parser.current.kind == .end else { throw parser.unexpected("the end of the template") }
        return body
    }

    // MARK: Words

    var current: JinjaToken { tokens[position] }

    /// The word after the current one.
    var following: JinjaToken { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() { if position < tokens.count - 1 { position += 1 } }

    func unexpected(_ expected: String) -> JinjaError {
        .syntax("expected \(expected), found \(current.description)", line: current.line)
    }

    func isAt(sign: String) -> Bool { current.kind == .sign(sign) }

    func isAt(name: String) -> Bool { current.kind == .name(name) }

    /// Moves on if the current word is this sign.
    mutating func skip(sign: String) -> Bool {
        guard isAt(sign: sign) else { return false }
        advance()
        return true
    }

    /// Moves on if the current word is this name.
    mutating func skip(name: String) -> Bool {
        guard isAt(name: name) else { return false }
        advance()
        return true
    }

    mutating func expect(sign: String) throws(JinjaError) {
        guard skip(sign: sign) else { throw unexpected("'\(sign)'") }
    }

    mutating func expect(name: String) throws(JinjaError) {
        guard skip(name: name) else { throw unexpected("'\(name)'") }
    }

    mutating func identifier() throws(JinjaError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected("a name") }
        advance()
        return name
    }

    private mutating func expect(_ kind: JinjaToken.Kind, _ words: String) throws(JinjaError) {
        guard current.kind == kind else { throw unexpected(words) }
        advance()
    }

    // MARK: Blocks

    /// The parts up to a block that begins with one of `ends`, which is entered but for its name.
    private mutating func statements(until ends: [String]) throws(JinjaError) -> [JinjaStatement] {
        level += 1
        defer { level -= 1 }
        guard level <= limits.depth else { throw tooDeep }
        var body: [JinjaStatement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .end:
                guard ends.isEmpty else { throw unexpected("'\(ends[0])'") }
                return body
            case .data(let text):
                advance()
                body.append(JinjaStatement(form: .text(TracedText(text)), line: line))
            case .variableBegin:
                advance()
                let expression = try tuple()
                try expect(.variableEnd, "the end of the tag")
                body.append(JinjaStatement(form: .print(expression), line: line))
            case .blockBegin:
                advance()
                guard case .name(let name) = current.kind else { throw unexpected("a tag's name") }
                if ends.contains(name) { return body }
                advance()
                if let form = try block(name, line) { body.append(JinjaStatement(form: form, line: line)) }
            default: throw unexpected("text or a tag")
            }
        }
    }

    var tooDeep: JinjaError {
        JinjaError(kind: .limit, reason: "more than \(limits.depth) levels in one another", line: current.line)
    }

    private mutating func endTag() throws(JinjaError) { try expect(.blockEnd, "the end of the tag") }

    /// The body of a block that ends with the tag `name`, whose end is read too.
    private mutating func body(until name: String) throws(JinjaError) -> [JinjaStatement] {
        try endTag()
        let body = try statements(until: [name])
        advance()
        return body
    }

    /// The block `name`; its name is read already. Nil: it says nothing.
    private mutating func block(_ name: String, _ line: Int) throws(JinjaError) -> JinjaStatement.Form? {
        switch name {
        case "if": return try ifBlock()
        case "for": return try forBlock()
        case "set": return try setBlock()
        case "macro": return try macroBlock()
        case "call":
            let parameters = isAt(sign: "(") ? try signature() : []
            let call = try expression()
            guard case .call = call.form else { throw .syntax("expected a call", line: line) }
            let body = try body(until: "endcall")
            try endTag()
            return .callBlock(call, parameters: parameters, body: body)
        case "filter":
            let filters = try filters(first: true)
            let body = try body(until: "endfilter")
            try endTag()
            return .filterBlock(filters: filters, body: body)
        case "with":
            var names: [(name: String, value: JinjaExpression)] = []
            while current.kind != .blockEnd {
                if !names.isEmpty { try expect(sign: ",") }
                let name = try identifier()
                try expect(sign: "=")
                names.append((name, try expression()))
            }
            let body = try body(until: "endwith")
            try endTag()
            return .with(names, body: body)
        case "generation":
            let body = try body(until: "endgeneration")
            try endTag()
            return .with([], body: body)
        case "break", "continue":
            try endTag()
            return name == "break" ? .break : .continue
        case "include", "import", "from", "extends", "block":
            throw .syntax("the tag '\(name)' is not supported: a chat template stands alone", line: line)
        default: throw .syntax("unknown tag '\(name.prefix(40))'", line: line)
        }
    }

    private mutating func ifBlock() throws(JinjaError) -> JinjaStatement.Form {
        var branches: [(condition: JinjaExpression?, body: [JinjaStatement])] = []
        var condition: JinjaExpression? = try tuple(allowsCondition: false)
        while true {
            try endTag()
            let ends = condition == nil ? ["endif"] : ["elif", "else", "endif"]
            branches.append((condition, try statements(until: ends)))
            if skip(name: "elif") {
                condition = try tuple(allowsCondition: false)
            } else if skip(name: "else") {
                condition = nil
            } else {
                advance()
                try endTag()
                return .branches(branches)
            }
        }
    }

    private mutating func forBlock() throws(JinjaError) -> JinjaStatement.Form {
        let target = try loopTarget()
        try expect(name: "in")
        let over = try tuple(allowsCondition: false)
        let condition = skip(name: "if") ? try expression() : nil
        if isAt(name: "recursive") { throw .syntax("recursive loops are not supported", line: current.line) }
        try endTag()
        let body = try statements(until: ["endfor", "else"])
        var otherwise: [JinjaStatement] = []
        if skip(name: "else") {
            try endTag()
            otherwise = try statements(until: ["endfor"])
        }
        advance()
        try endTag()
        return .loop(target: target, over: over, where: condition, body: body, otherwise: otherwise)
    }

    private mutating func loopTarget() throws(JinjaError) -> JinjaTarget {
        let isParenthesized = skip(sign: "(")
        var names = [try identifier()]
        var isTuple = false
        while skip(sign: ",") {
            isTuple = true
            guard case .name(let name) = current.kind, name != "in" else { break }
            names.append(try identifier())
        }
        if isParenthesized { try expect(sign: ")") }
        if let bad = names.first(where: { ["true", "false", "none", "loop"].contains($0.lowercased()) }) {
            throw .syntax("cannot assign to '\(bad)'", line: current.line)
        }
        return isTuple ? .names(names) : .name(names[0])
    }

    private mutating func setBlock() throws(JinjaError) -> JinjaStatement.Form {
        let target: JinjaTarget
        if case .name(let name) = current.kind, following.kind == .sign(".") {
            advance()
            advance()
            target = .attribute(namespace: name, name: try identifier())
        } else {
            target = try loopTarget()
        }
        if skip(sign: "=") {
            let value = try tuple()
            try endTag()
            return .set(target, value)
        }
        let filters = isAt(sign: "|") ? try filters(first: false) : []
        let body = try body(until: "endset")
        try endTag()
        return .capture(target, filters: filters, body: body)
    }

    /// Filters in a row; the first without its bar if `first`.
    private mutating func filters(
        first: Bool
    ) throws(JinjaError) -> [(name: String, arguments: JinjaArguments)] {
        var filters: [(name: String, arguments: JinjaArguments)] = []
        if first { filters.append(try filterCall()) }
        while skip(sign: "|") { filters.append(try filterCall()) }
        return filters
    }

    private mutating func macroBlock() throws(JinjaError) -> JinjaStatement.Form {
        let name = try identifier()
        let parameters = try signature()
        let body = try body(until: "endmacro")
        // A macro may be named again at its end.
        if case .name = current.kind { advance() }
        try endTag()
        return .macro(name: name, parameters: parameters, body: body)
    }

    private mutating func signature() throws(JinjaError) -> [JinjaParameter] {
        try expect(sign: "(")
        var parameters: [JinjaParameter] = []
        while !isAt(sign: ")") {
            if !parameters.isEmpty { try expect(sign: ",") }
            var parameter = JinjaParameter(name: try identifier())
            if skip(sign: "=") {
                parameter.standard = try expression()
            } else if parameters.last?.standard != nil {
                throw .syntax("a parameter without a default after one with it", line: current.line)
            }
            parameters.append(parameter)
        }
        try expect(sign: ")")
        return parameters
    }
}
