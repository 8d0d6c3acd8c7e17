// SPDX-License-Identifier: Apache-2.0

/// Why a constraint cannot be used.
public enum ConstraintError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A text is not of its language; `offset` counts Unicode scalars from its start.
    case malformed(reason: String, offset: Int)
    /// A part of a JSON schema cannot be honoured; `path` leads there from the schema's root.
    case schema(path: [String], reason: String)
    /// More of something than ``ConstraintLimits`` allows.
    case tooLarge(what: String, limit: Int)
    /// A rule comes back to itself before it has taken a character.
    case leftRecursion(rule: String)
    /// A counted repetition of something that can be empty, beyond ``ConstraintLimits/emptyRepetitions``.
    case emptyRepetition(limit: Int)
    /// No text satisfies it.
    case matchesNothing
    /// While it is followed, more readings of the text stay open than ``ConstraintLimits`` allows.
    case tooAmbiguous

    /// The reason in words.
    public var description: String {
        switch self {
        case .malformed(let reason, let offset): "\(reason) at character \(offset)"
        case .schema(let path, let reason): path.isEmpty ? reason : "\(reason), at \(path.joined(separator: "."))"
        case .tooLarge(let what, let limit): "more than \(limit) \(what)"
        case .leftRecursion(let rule): "\(rule) is left-recursive: it comes back to itself before a character is taken"
        case .emptyRepetition(let limit):
            "what may be empty is repeated up to more than \(limit) times; leave the upper bound out"
        case .matchesNothing: "no text satisfies it"
        case .tooAmbiguous: "too many readings of the text stay open: the constraint is too ambiguous to follow"
        }
    }
}
