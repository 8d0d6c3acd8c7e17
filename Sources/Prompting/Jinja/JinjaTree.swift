// SPDX-License-Identifier: Apache-2.0

/// An expression of a template.
struct JinjaExpression: Sendable {
    indirect enum Form: Sendable {
        case constant(JinjaValue)
        case name(String)
        case list([JinjaExpression])
        case tuple([JinjaExpression])
        case dictionary([(key: JinjaExpression, value: JinjaExpression)])
        case attribute(JinjaExpression, String)
        case item(JinjaExpression, JinjaExpression)
        case slice(JinjaExpression, start: JinjaExpression?, stop: JinjaExpression?, step: JinjaExpression?)
        case call(JinjaExpression, JinjaArguments)
        case filter(JinjaExpression, String, JinjaArguments)
        case test(JinjaExpression, String, JinjaArguments)
        case not(JinjaExpression)
        case and(JinjaExpression, JinjaExpression)
        case or(JinjaExpression, JinjaExpression)
        case sign(JinjaExpression, isMinus: Bool)
        case arithmetic(JinjaExpression, String, JinjaExpression)
        case join([JinjaExpression])
        case compare(JinjaExpression, [(sign: String, operand: JinjaExpression)])
        case condition(JinjaExpression, then: JinjaExpression, otherwise: JinjaExpression?)
    }

    let form: Form
    let line: Int
    /// Levels of expressions in this one.
    let depth: Int
}

/// What a call is given.
struct JinjaArguments: Sendable {
    var positional: [JinjaExpression] = []
    var named: [(name: String, value: JinjaExpression)] = []

    static let none = JinjaArguments()

    var depth: Int { max(positional.lazy.map(\.depth).max() ?? 0, named.lazy.map(\.value.depth).max() ?? 0) }
}

/// A parameter of a macro.
struct JinjaParameter: Sendable {
    var name: String
    var standard: JinjaExpression?
}

/// Where `set` and `for` put a value.
enum JinjaTarget: Sendable {
    case name(String)
    case names([String])
    case attribute(namespace: String, name: String)
}

/// A part of a template.
struct JinjaStatement: Sendable {
    indirect enum Form: Sendable {
        case text(TracedText)
        case print(JinjaExpression)
        /// The first branch whose condition holds; the last may have none.
        case branches([(condition: JinjaExpression?, body: [JinjaStatement])])
        case loop(
            target: JinjaTarget, over: JinjaExpression, where: JinjaExpression?, body: [JinjaStatement],
            otherwise: [JinjaStatement])
        case set(JinjaTarget, JinjaExpression)
        /// A set block: the text of the body, filtered.
        case capture(JinjaTarget, filters: [(name: String, arguments: JinjaArguments)], body: [JinjaStatement])
        case macro(name: String, parameters: [JinjaParameter], body: [JinjaStatement])
        case callBlock(JinjaExpression, parameters: [JinjaParameter], body: [JinjaStatement])
        case filterBlock(filters: [(name: String, arguments: JinjaArguments)], body: [JinjaStatement])
        /// Names that are known in the body alone.
        case with([(name: String, value: JinjaExpression)], body: [JinjaStatement])
        case `break`
        case `continue`
    }

    let form: Form
    let line: Int
}
