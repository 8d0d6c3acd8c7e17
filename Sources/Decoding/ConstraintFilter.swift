// SPDX-License-Identifier: Apache-2.0

public import Constraints

/// What the text of a request may be.
public struct ConstraintParameters: Sendable, Equatable {
    /// What it may be.
    public let constraint: TokenConstraint
    /// Ids that end the text: they may be drawn where it is whole.
    public let endIDs: Set<Int32>
    /// The request's name of it, for error texts.
    public let name: String

    /// Parameters of the given parts.
    public init(_ constraint: TokenConstraint, endIDs: Set<Int32>, name: String) {
        self.constraint = constraint
        self.endIDs = endIDs
        self.name = name
    }

    /// Whether both are of the same constraint, not only of an equal one.
    public static func == (left: ConstraintParameters, right: ConstraintParameters) -> Bool {
        left.constraint === right.constraint && left.endIDs == right.endIDs && left.name == right.name
    }
}

/// Keeps the tokens that one text may go on with. Acts before every stage.
struct ConstraintFilter: Sendable {
    private let parameters: ConstraintParameters
    private var follower: ConstraintFollower

    /// - Parameter dropsSpace: whether one space at the start of the first token is no part of the text.
    init(_ parameters: ConstraintParameters, dropsSpace: Bool) {
        self.parameters = parameters
        follower = ConstraintFollower(parameters.constraint, dropsSpace: dropsSpace)
    }

    /// Removes what must not follow. Returns whether only ends of the text are left.
    func apply(to candidates: inout CandidateSet, position: Int) throws(DecodingError) -> Bool {
        var tokens: TokenSet
        do throws(ConstraintError) {
            tokens = try follower.allowedTokens()
        } catch {
            throw .constraintTooAmbiguous(name: parameters.name, position: position)
        }
        let isOver = tokens.isEmpty
        if follower.mayEnd {
            for id in parameters.endIDs where id >= 0 && Int(id) < parameters.constraint.trie.vocabularySize {
                tokens.insert(id)
            }
        }
        candidates.keep(tokens)
        guard candidates.count > 0 else {
            throw .constraintDeadEnd(name: parameters.name, position: position)
        }
        return isOver
    }

    /// Takes a token of the text.
    mutating func accept(_ id: Int32) { follower.accept(id) }

    /// Whether the text is whole and nothing can follow.
    var mustEnd: Bool { follower.mustEnd }
}
