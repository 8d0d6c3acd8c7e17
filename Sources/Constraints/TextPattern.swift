// SPDX-License-Identifier: Apache-2.0

/// Finds a regular expression in texts. Matches are found from left to right, none overlap, each is the longest at its
/// place, empty ones do not count. Time is bounded, whatever expression and text.
public struct TextPattern: Sendable {
    /// Which match is wanted.
    public enum Occurrence: Sendable {
        /// The first one.
        case first
        /// The last one.
        case last
    }

    /// Bytes that a search steps over at most, those it looks at again counted again.
    private static let stepLimit = 1 << 24
    /// What the recognizer may come to take before it forgets what it has seen.
    private static let memoryLimit = 16 << 20

    private let automaton: Automaton

    /// A pattern in the notation of ``ConstraintSource/regex(_:)``; anchors stand for the ends of the match itself.
    ///
    /// - Throws: ``ConstraintError``.
    public init(_ expression: String) throws(ConstraintError) {
        automaton = try Automaton(try Grammar(.regex(expression)))
    }

    /// The place of a match among the UTF-8 bytes of `text`; nil where there is none.
    ///
    /// - Throws: ``ConstraintError/tooAmbiguous`` where the search would take too long.
    public func match(_ occurrence: Occurrence, in text: String) throws(ConstraintError) -> Range<Int>? {
        let bytes = Array(text.utf8)
        var recognizer = Recognizer(automaton)
        var origin = try recognizer.start()
        var budget = Self.stepLimit
        var found: Range<Int>?
        var place = 0
        while place < bytes.count {
            var state = origin
            var end: Int?
            var next = place
            while next < bytes.count, recognizer.goesOn(state) {
                recognizer.beginToken()
                state = try recognizer.step(state, bytes[next])
                next += 1
                if recognizer.accepts(state) { end = next }
                budget -= 1
                guard budget > 0 else { throw .tooAmbiguous }
            }
            if let end {
                found = place..<end
                if occurrence == .first { return found }
                place = end
            } else {
                // A match begins with a whole character.
                repeat { place += 1 } while place < bytes.count && bytes[place] & 0xC0 == 0x80
            }
            if recognizer.byteCount > Self.memoryLimit {
                recognizer = Recognizer(automaton)
                origin = try recognizer.start()
            }
        }
        return found
    }
}
