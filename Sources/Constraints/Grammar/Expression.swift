// SPDX-License-Identifier: Apache-2.0

/// A set of texts, in the one form that regular expressions, grammars and schemas become.
package indirect enum Expression: Sendable, Equatable {
    /// Exactly this text, whole characters of UTF-8; of no bytes, the empty text.
    case literal([UInt8])
    /// One scalar of the set.
    case scalars(ScalarSet)
    /// One after the other; of none, the empty text.
    case sequence([Expression])
    /// Any of them; of none, no text at all.
    case choice([Expression])
    /// At least `min` and at most `max` (nil: any number) times.
    case repeated(Expression, min: Int, max: Int?)
    /// Whatever the rule of this index says.
    case rule(Int)

    /// The empty text.
    package static let empty = Expression.literal([])
    /// No text.
    package static let nothing = Expression.choice([])

    /// Exactly `text`.
    package static func text(_ text: String) -> Expression { .literal(Array(text.utf8)) }

    /// This or nothing.
    package static func optional(_ expression: Expression) -> Expression { .repeated(expression, min: 0, max: 1) }

    /// Any number of times.
    package static func star(_ expression: Expression) -> Expression { .repeated(expression, min: 0, max: nil) }

    /// Exactly `count` times.
    package static func times(_ count: Int, _ expression: Expression) -> Expression {
        .repeated(expression, min: count, max: count)
    }
}

/// Rules that may refer to one another.
package struct Grammar: Sendable {
    /// A rule.
    package struct Rule: Sendable {
        /// Its name, for error texts.
        package var name: String
        /// What it stands for.
        package var expression: Expression
    }

    /// The rules, by index.
    package private(set) var rules: [Rule] = []
    /// The rule that the whole text follows.
    package var root = 0

    /// No rules.
    package init() {}

    /// The grammar of one expression that names no rule.
    package init(_ expression: Expression) {
        rules = [Rule(name: "root", expression: expression)]
    }

    /// Adds a rule and returns its index.
    ///
    /// - Throws: ``ConstraintError/tooLarge(what:limit:)``.
    package mutating func add(_ name: String, _ expression: Expression = .nothing) throws(ConstraintError) -> Int {
        guard rules.count < ConstraintLimits.rules else {
            throw .tooLarge(what: "rules", limit: ConstraintLimits.rules)
        }
        rules.append(Rule(name: name, expression: expression))
        return rules.count - 1
    }

    /// Says what a rule stands for.
    package mutating func define(_ rule: Int, _ expression: Expression) { rules[rule].expression = expression }
}
