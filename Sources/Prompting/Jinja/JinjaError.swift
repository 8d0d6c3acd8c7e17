// SPDX-License-Identifier: Apache-2.0

/// Why a template cannot be read or rendered.
struct JinjaError: Error, Sendable, Equatable {
    /// What kind of fault it is.
    enum Kind: Sendable, Equatable {
        /// The text is no template of the subset that is interpreted.
        case syntax
        /// An expression cannot be evaluated.
        case evaluation
        /// The template itself refuses, with `raise_exception`.
        case raised
        /// A limit is reached.
        case limit
    }

    var kind: Kind
    /// The fault in words.
    var reason: String
    /// The line of the template, from 1; nil while it is not known.
    var line: Int?

    static func syntax(_ reason: String, line: Int) -> JinjaError {
        JinjaError(kind: .syntax, reason: reason, line: line)
    }

    static func evaluation(_ reason: String) -> JinjaError { JinjaError(kind: .evaluation, reason: reason) }

    static func limit(_ reason: String) -> JinjaError { JinjaError(kind: .limit, reason: reason) }
}

/// How large a template may be and how much work it may make. What a template does beyond that is an error, so that no
/// template takes longer than a fraction of a second.
struct JinjaLimits: Sendable {
    /// Of the source.
    var sourceBytes = 1 << 18
    /// Of expressions in expressions and blocks in blocks, and of calls in calls.
    var depth = 96
    /// Of values in values.
    var valueDepth = 64
    /// Of any text, the result's included.
    var textBytes = 32 << 20
    /// Elementary steps, without those that the size of the conversation allows for.
    var steps = 200_000
    /// More of them for each message.
    var stepsPerMessage = 1_000
    /// A step more for as many bytes of content; nil: none.
    var contentBytesPerStep: Int? = 4
    /// As many bytes of text, or a quarter of elements, cost a step.
    static let bytesPerStep = 64
    /// What a round of a loop or a call of a macro costs besides, whose scope is made anew.
    static let stepsPerScope = 7

    /// For templates that come with a request: their work is the same however long the conversation is, so that the worst
    /// of them is refused in a fraction of a second.
    static let ofRequests = JinjaLimits(
        sourceBytes: 1 << 16, textBytes: 2 << 20, steps: 150_000, stepsPerMessage: 0, contentBytesPerStep: nil)
}

/// The steps that are left to a rendering.
final class JinjaBudget {
    private var left: Int

    init(steps: Int) { left = steps }

    /// Takes `steps`, and one.
    func charge(_ steps: Int = 0) throws(JinjaError) {
        left -= 1 + steps
        guard left >= 0 else { throw .limit("the template takes too many steps") }
    }
}
