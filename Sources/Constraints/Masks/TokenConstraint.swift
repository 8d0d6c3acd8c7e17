// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a text may be, for one vocabulary.
///
/// Concurrency: any thread. What was found for one text is kept for all others.
public final class TokenConstraint: Sendable {
    private let maker: Mutex<MaskMaker>
    /// The vocabulary.
    public let trie: TokenTrie

    /// The constraint of a grammar.
    ///
    /// - Throws: ``ConstraintError`` if it is too large, left-recursive or matches nothing.
    package init(_ grammar: Grammar, _ trie: TokenTrie) throws(ConstraintError) {
        self.trie = trie
        maker = Mutex(MaskMaker(try Automaton(grammar), trie))
    }

    fileprivate func start() throws(ConstraintError) -> Int {
        try maker.withLock { maker throws(ConstraintError) in try maker.start() }
    }

    fileprivate func advance(_ name: Int, _ bytes: ArraySlice<UInt8>) throws(ConstraintError) -> Int {
        try maker.withLock { maker throws(ConstraintError) in try maker.advance(name, bytes) }
    }

    fileprivate func release(_ name: Int) { maker.withLock { $0.release(name) } }

    fileprivate func mask(_ name: Int, dropsSpace: Bool) throws(ConstraintError) -> TokenSet {
        try maker.withLock { maker throws(ConstraintError) in try maker.mask(name, dropsSpace: dropsSpace) }
    }

    fileprivate func ends(_ name: Int) -> (mayEnd: Bool, mustEnd: Bool) {
        maker.withLock { maker in
            let state = maker.state(name)
            let accepts = maker.recognizer.accepts(state)
            return (accepts, accepts && !maker.recognizer.goesOn(state))
        }
    }
}

/// A place in a constraint. Immutable, so that copies of a text's state may share it.
private final class ConstraintPlace: Sendable {
    let constraint: TokenConstraint
    let name: Int

    init(_ constraint: TokenConstraint, _ name: Int) {
        self.constraint = constraint
        self.name = name
    }

    deinit { constraint.release(name) }
}

/// Follows one text along a constraint.
///
/// Concurrency: a value; each text has its own. One thread at a time.
public struct ConstraintFollower: Sendable {
    private let constraint: TokenConstraint
    /// Nil before the first look at it, and once it could not be followed.
    private var place: ConstraintPlace?
    private var error: ConstraintError?
    private var dropsSpace: Bool

    /// A follower at the start of a text.
    ///
    /// - Parameter dropsSpace: whether one space at the start of the first token is no part of the text.
    public init(_ constraint: TokenConstraint, dropsSpace: Bool = false) {
        self.constraint = constraint
        self.dropsSpace = dropsSpace
        do throws(ConstraintError) {
            place = ConstraintPlace(constraint, try constraint.start())
        } catch {
            self.error = error
        }
    }

    /// The tokens whose bytes may follow.
    ///
    /// - Throws: ``ConstraintError/tooAmbiguous``.
    public func allowedTokens() throws(ConstraintError) -> TokenSet {
        guard let place else { throw error ?? .tooAmbiguous }
        return try constraint.mask(place.name, dropsSpace: dropsSpace)
    }

    /// Takes a token of the text. After one that was not allowed nothing is.
    public mutating func accept(_ id: Int32) {
        guard let place else { return }
        var bytes = constraint.trie.piece(id)[...]
        guard !bytes.isEmpty else { return }
        if dropsSpace, bytes.first == UInt8(ascii: " ") { bytes = bytes.dropFirst() }
        dropsSpace = false
        do throws(ConstraintError) {
            self.place = ConstraintPlace(constraint, try constraint.advance(place.name, bytes))
        } catch {
            self.place = nil
            self.error = error
        }
    }

    /// Whether the text may end here.
    public var mayEnd: Bool { place.map { constraint.ends($0.name).mayEnd } ?? false }

    /// Whether the text is whole and nothing can follow.
    public var mustEnd: Bool { place.map { constraint.ends($0.name).mustEnd } ?? false }
}
