// SPDX-License-Identifier: Apache-2.0

/// One rendering of a template: a walk over its tree. Nothing outside can be reached from it, and its steps, its depth
/// and the size of its texts are bounded. One thread's; used once.
final class JinjaInterpreter {
    let limits: JinjaLimits
    let budget: JinjaBudget
    /// The time that `strftime_now` writes.
    let now: WallTime
    /// The line that is being evaluated.
    var line = 1
    private var depth = 0
    /// What may hold itself, to be taken apart at the end.
    private var scopes: [JinjaScope] = []
    private var namespaces: [JinjaNamespace] = []

    init(limits: JinjaLimits, steps: Int, now: WallTime) {
        self.limits = limits
        budget = JinjaBudget(steps: steps)
        self.now = now
    }

    /// The text that `template` makes of `variables`.
    func render(_ template: [JinjaStatement], _ variables: [String: JinjaValue]) throws(JinjaError) -> TracedText {
        defer {
            for scope in scopes { scope.values = [:] }
            for namespace in namespaces { namespace.attributes = [:] }
        }
        let root = makeScope(inside: nil)
        root.values = variables
        var output = TracedText.empty
        do throws(JinjaError) {
            guard try run(template, root, &output) == .on else {
                throw .evaluation("break or continue outside of a loop")
            }
        } catch {
            var error = error
            error.line = error.line ?? line
            throw error
        }
        return output
    }

    func makeNamespace() -> JinjaNamespace {
        let namespace = JinjaNamespace()
        namespaces.append(namespace)
        return namespace
    }

    private func makeScope(inside parent: JinjaScope?) -> JinjaScope { JinjaScope(parent: parent) }

    /// Runs `body` one level deeper.
    func descend<Result>(_ body: () throws(JinjaError) -> Result) throws(JinjaError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 2 * limits.depth else { throw .limit("more than \(2 * limits.depth) calls in one another") }
        return try body()
    }

    // MARK: Statements

    private enum Flow { case on, leavesLoop, nextRound }

    private func run(
        _ body: [JinjaStatement], _ scope: JinjaScope, _ output: inout TracedText
    ) throws(JinjaError) -> Flow {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 2 * limits.depth else { throw .limit("more than \(2 * limits.depth) calls in one another") }
        for statement in body {
            line = statement.line
            try budget.charge()
            let flow = try run(statement, scope, &output)
            guard flow == .on else { return flow }
        }
        return .on
    }

    private func run(
        _ statement: JinjaStatement, _ scope: JinjaScope, _ output: inout TracedText
    ) throws(JinjaError) -> Flow {
        switch statement.form {
        case .text(let text): try write(text, &output)
        case .print(let expression): try write(try text(try evaluate(expression, scope)), &output)
        case .branches(let branches):
            for branch in branches {
                if let condition = branch.condition, try !evaluate(condition, scope).isTrue { continue }
                return try run(branch.body, scope, &output)
            }
        case .loop(let target, let over, let condition, let body, let otherwise):
            return try runLoop(target, over, condition, body, otherwise, scope, &output)
        case .set(let target, let expression): try assign(try evaluate(expression, scope), to: target, scope)
        case .capture(let target, let filters, let body):
            try assign(try capture(body, filters, makeScope(inside: scope)), to: target, scope)
        case .macro(let name, let parameters, let body):
            scopes.append(scope)
            scope.values[name] = .callable(
                .macro(JinjaMacro(name: name, parameters: parameters, body: body, scope: scope)))
        case .callBlock(let call, let parameters, let body):
            scopes.append(scope)
            let caller = JinjaMacro(name: "caller", parameters: parameters, body: body, scope: scope)
            try write(try text(try callWith(caller, call, scope)), &output)
        case .filterBlock(let filters, let body):
            try write(try text(try capture(body, filters, makeScope(inside: scope))), &output)
        case .with(let names, let body):
            let inner = makeScope(inside: scope)
            for name in names { inner.values[name.name] = try evaluate(name.value, scope) }
            return try run(body, inner, &output)
        case .break: return .leavesLoop
        case .continue: return .nextRound
        }
        return .on
    }

    private func write(_ text: TracedText, _ output: inout TracedText) throws(JinjaError) {
        try budget.charge(text.bytes.count / JinjaLimits.bytesPerStep)
        guard output.bytes.count + text.bytes.count <= limits.textBytes else { throw textTooLong }
        output.append(text)
    }

    var textTooLong: JinjaError { .limit("a text of more than \(limits.textBytes) bytes") }

    private func capture(
        _ body: [JinjaStatement], _ filters: [(name: String, arguments: JinjaArguments)], _ scope: JinjaScope
    ) throws(JinjaError) -> JinjaValue {
        var text = TracedText.empty
        _ = try run(body, scope, &text)
        var value = JinjaValue.string(text)
        for filter in filters {
            value = try apply(filter.name, value, try values(filter.arguments, scope))
        }
        return value
    }

    private func runLoop(
        _ target: JinjaTarget, _ over: JinjaExpression, _ condition: JinjaExpression?, _ body: [JinjaStatement],
        _ otherwise: [JinjaStatement], _ scope: JinjaScope, _ output: inout TracedText
    ) throws(JinjaError) -> Flow {
        var elements = try self.elements(try evaluate(over, scope))
        if let condition {
            var kept: [JinjaValue] = []
            for element in elements {
                try budget.charge(JinjaLimits.stepsPerScope)
                let inner = makeScope(inside: scope)
                try assign(element, to: target, inner)
                if try evaluate(condition, inner).isTrue { kept.append(element) }
            }
            elements = kept
        }
        var outer = 0
        if case .loop(let loop)? = scope["loop"] { outer = loop.depth }
        let loop = JinjaLoop(elements, depth: outer + 1)
        for (index, element) in elements.enumerated() {
            try budget.charge(JinjaLimits.stepsPerScope)
            loop.index = index
            let inner = makeScope(inside: scope)
            inner.values["loop"] = .loop(loop)
            try assign(element, to: target, inner)
            if try run(body, inner, &output) == .leavesLoop { break }
        }
        return elements.isEmpty ? try run(otherwise, scope, &output) : .on
    }

    private func assign(_ value: JinjaValue, to target: JinjaTarget, _ scope: JinjaScope) throws(JinjaError) {
        switch target {
        case .name(let name): scope.values[name] = value
        case .names(let names):
            let elements = try self.elements(value)
            guard elements.count == names.count else {
                throw .evaluation("\(elements.count) values for \(names.count) names")
            }
            for (name, element) in zip(names, elements) { scope.values[name] = element }
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace)? = scope[name] else {
                throw .evaluation("cannot assign attribute on non-namespace object '\(name)'")
            }
            namespace.attributes[attribute] = value
        }
    }

    // MARK: Macros

    /// The text that a macro writes.
    func call(_ macro: JinjaMacro, _ arguments: JinjaValues) throws(JinjaError) -> JinjaValue {
        try budget.charge(JinjaLimits.stepsPerScope)
        let scope = makeScope(inside: macro.scope)
        guard arguments.positional.count <= macro.parameters.count else {
            throw .evaluation(
                "macro '\(macro.name)' takes not more than \(macro.parameters.count) argument(s)")
        }
        for (parameter, value) in zip(macro.parameters, arguments.positional) { scope.values[parameter.name] = value }
        for (name, value) in arguments.named {
            let isKnown = macro.parameters.contains { $0.name == name } || name == "caller"
            guard isKnown, scope.values[name] == nil else {
                throw .evaluation("macro '\(macro.name)' takes no keyword argument '\(name)'")
            }
            scope.values[name] = value
        }
        for parameter in macro.parameters where scope.values[parameter.name] == nil {
            if let standard = parameter.standard {
                scope.values[parameter.name] = try evaluate(standard, scope)
            } else {
                scope.values[parameter.name] = .undefined("parameter '\(parameter.name)' was not provided")
            }
        }
        var text = TracedText.empty
        guard try run(macro.body, scope, &text) == .on else {
            throw .evaluation("break or continue outside of a loop")
        }
        return .string(text)
    }

    private func callWith(
        _ caller: JinjaMacro, _ call: JinjaExpression, _ scope: JinjaScope
    ) throws(JinjaError) -> JinjaValue {
        guard case .call(let callee, let arguments) = call.form else { throw .evaluation("expected a call") }
        var values = try values(arguments, scope)
        values.named.append(("caller", .callable(.macro(caller))))
        return try self.call(try evaluate(callee, scope), values)
    }
}
