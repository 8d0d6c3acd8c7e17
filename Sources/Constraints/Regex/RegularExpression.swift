// SPDX-License-Identifier: Apache-2.0

/// A regular expression without what a finite automaton cannot do.
///
/// Literals, `.`, classes, `\d \w \s` and their opposites (ASCII), groups, `|`, `* + ? {m,n}` also lazy, escapes
/// `\t \n \r \f \v \0 \xHH \uHHHH \u{H}`, anchors `^ $` around a whole alternative. As Python's `re` with `ASCII` reads
/// it; refused by name: backreferences, lookaround, word boundaries, flags, possessive repetitions.
package struct RegularExpression: Sendable {
    /// One of the alternatives at the top.
    private struct Branch {
        var expression: Expression
        var isAnchoredAtStart = false
        var isAnchoredAtEnd = false
    }

    private let branches: [Branch]

    /// Reads `text`.
    ///
    /// - Throws: ``ConstraintError``.
    package init(_ text: String) throws(ConstraintError) {
        var parser = try RegularExpressionParser(text)
        var branches: [Branch] = []
        repeat {
            var branch = Branch(expression: .empty)
            branch.isAnchoredAtStart = parser.takeAnchors(["^", "\\A"])
            branch.expression = try parser.branch(isTop: true)
            branch.isAnchoredAtEnd = parser.takeAnchors(["$", "\\Z", "\\z"])
            branches.append(branch)
        } while parser.reader.take("|")
        guard parser.reader.isAtEnd else {
            throw parser.reader.malformed(
                parser.reader.peek() == ")" ? "nothing opens this parenthesis" : "an anchor is not at the end")
        }
        self.branches = branches
    }

    /// Whether an alternative begins or ends at an anchor.
    package var isAnchored: Bool { branches.contains { $0.isAnchoredAtStart || $0.isAnchoredAtEnd } }

    /// The texts that it matches from start to end.
    package var wholeMatch: Expression { .choice(branches.map(\.expression)) }

    /// The texts in which it matches somewhere, `any` being any scalar of a text.
    package func search(any: Expression) -> Expression {
        .choice(
            branches.map { branch in
                .sequence(
                    (branch.isAnchoredAtStart ? [] : [.star(any)]) + [branch.expression]
                        + (branch.isAnchoredAtEnd ? [] : [.star(any)]))
            })
    }
}

/// The classes of characters that have names.
enum CharacterClass {
    static let digit = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = ScalarSet([0x09...0x0D, 0x20...0x20])
    static let dot = ScalarSet([0x0A...0x0A]).inverted

    /// The class that a letter after a backslash names.
    static func named(_ letter: Unicode.Scalar) -> ScalarSet? {
        switch letter {
        case "d": digit
        case "D": digit.inverted
        case "w": word
        case "W": word.inverted
        case "s": space
        case "S": space.inverted
        default: nil
        }
    }
}

/// Reads regular expressions by recursive descent.
struct RegularExpressionParser {
    var reader: ScalarReader
    private var depth = 0

    init(_ text: String) throws(ConstraintError) {
        reader = try ScalarReader(text)
    }

    /// Takes any of these anchors as often as they stand here.
    mutating func takeAnchors(_ anchors: [String]) -> Bool {
        var found = false
        while anchors.contains(where: { reader.take($0) }) { found = true }
        return found
    }

    /// Reads up to `|`, `)`, the end, or at the top an anchor.
    mutating func branch(isTop: Bool) throws(ConstraintError) -> Expression {
        var parts: [Expression] = []
        while let scalar = reader.peek(), scalar != "|", scalar != ")" {
            if scalar == "^" || scalar == "$" || (scalar == "\\" && isAnchorLetter(reader.peek(1))) {
                if isTop { break }
                throw reader.malformed("an anchor is understood only around a whole alternative")
            }
            let start = reader.position
            let atom = try atom()
            parts.append(try quantified(atom, from: start))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private func isAnchorLetter(_ letter: Unicode.Scalar?) -> Bool {
        letter == "A" || letter == "Z" || letter == "z"
    }

    private mutating func alternatives() throws(ConstraintError) -> Expression {
        var parts = [try branch(isTop: false)]
        while reader.take("|") { parts.append(try branch(isTop: false)) }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func quantified(_ atom: Expression, from start: Int) throws(ConstraintError) -> Expression {
        guard let (min, max) = try quantifier() else { return atom }
        if reader.peek() == "+" { throw reader.malformed("possessive repetitions are not supported") }
        // Whether as much or as little as possible is taken makes no difference to what matches.
        _ = reader.take("?")
        let next = reader.position
        if try quantifier() != nil { throw reader.malformed("a repetition of a repetition needs a group", at: next) }
        return .repeated(atom, min: min, max: max)
    }

    private mutating func quantifier() throws(ConstraintError) -> (min: Int, max: Int?)? {
        if reader.take("*") { return (0, nil) }
        if reader.take("+") { return (1, nil) }
        if reader.take("?") { return (0, 1) }
        return try reader.counts()
    }

    private mutating func atom() throws(ConstraintError) -> Expression {
        let start = reader.position
        switch reader.next() {
        case "(": return try group(from: start)
        case "[": return .scalars(try characterClass(from: start))
        case ".": return .scalars(CharacterClass.dot)
        case "\\":
            if let letter = reader.peek(), let named = CharacterClass.named(letter) {
                reader.position += 1
                return .scalars(named)
            }
            return .text(String(try escape(from: start, inClass: false)))
        case "*", "+", "?": throw reader.malformed("there is nothing to repeat", at: start)
        case "{":
            reader.position = start
            if try reader.counts() != nil { throw reader.malformed("there is nothing to repeat", at: start) }
            reader.position = start + 1
            return .text("{")
        case let scalar?: return .text(String(scalar))
        case nil: throw reader.malformed("more is expected")
        }
    }

    private mutating func group(from start: Int) throws(ConstraintError) -> Expression {
        depth += 1
        defer { depth -= 1 }
        guard depth <= ConstraintLimits.groupDepth else {
            throw .tooLarge(what: "groups within groups", limit: ConstraintLimits.groupDepth)
        }
        if reader.take("?") {
            if reader.take("P<") || (reader.peek() == "<" && reader.peek(1) != "=" && reader.peek(1) != "!") {
                _ = reader.take("<")
                while let scalar = reader.next(), scalar != ">" {
                    guard CharacterClass.word.contains(scalar) else {
                        throw reader.malformed("a name of a group holds letters, digits and _ only", at: start)
                    }
                }
            } else if !reader.take(":") {
                throw reader.malformed("lookaround, flags and conditions are not supported", at: start)
            }
        }
        let inner = try alternatives()
        guard reader.take(")") else { throw reader.malformed("nothing closes this parenthesis", at: start) }
        return inner
    }

    // MARK: Classes

    private mutating func characterClass(from start: Int) throws(ConstraintError) -> ScalarSet {
        let isInverted = reader.take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while true {
            let place = reader.position
            guard let scalar = reader.next() else { throw reader.malformed("nothing closes this bracket", at: start) }
            if scalar == "]", !isFirst { break }
            isFirst = false
            guard let low = try classMember(scalar, from: place, into: &ranges) else { continue }
            guard reader.peek() == "-", let after = reader.peek(1), after != "]" else {
                ranges.append(low.value...low.value)
                continue
            }
            reader.position += 2
            guard let high = try classMember(after, from: reader.position - 1, into: &ranges) else {
                throw reader.malformed("a class cannot end a range", at: place)
            }
            guard low.value <= high.value else { throw reader.malformed("the range is empty", at: place) }
            ranges.append(low.value...high.value)
        }
        let set = ScalarSet(ranges)
        return isInverted ? set.inverted : set
    }

    /// The scalar of a member; nil if it was a named class, which is then in `ranges`.
    private mutating func classMember(
        _ scalar: Unicode.Scalar, from start: Int, into ranges: inout [ClosedRange<UInt32>]
    ) throws(ConstraintError) -> Unicode.Scalar? {
        guard scalar == "\\" else { return scalar }
        if let letter = reader.peek(), let named = CharacterClass.named(letter) {
            reader.position += 1
            ranges += named.ranges
            guard reader.peek() != "-" || reader.peek(1) == "]" else {
                throw reader.malformed("a class cannot begin a range", at: start)
            }
            return nil
        }
        return try escape(from: start, inClass: true)
    }

    /// The scalar that an escape stands for; the backslash was taken.
    private mutating func escape(from start: Int, inClass: Bool) throws(ConstraintError) -> Unicode.Scalar {
        guard let letter = reader.next() else { throw reader.malformed("more is expected after the backslash") }
        switch letter {
        case "t": return "\t"
        case "n": return "\n"
        case "r": return "\r"
        case "f": return "\u{0C}"
        case "v": return "\u{0B}"
        case "b" where inClass: return "\u{08}"
        case "0" where !(reader.peek().map { ("0"..."9").contains($0) } ?? false): return "\0"
        case "x": return try reader.scalar(reader.hexadecimal(2))
        case "u": return try unicodeEscape()
        case "b", "B": throw reader.malformed("word boundaries are not supported", at: start)
        case "0"..."9": throw reader.malformed("backreferences and octal numbers are not supported", at: start)
        case "p", "P": throw reader.malformed("classes by Unicode property are not supported", at: start)
        case "a"..."z", "A"..."Z": throw reader.malformed("no such escape: \\\(letter)", at: start)
        default: return letter
        }
    }

    private mutating func unicodeEscape() throws(ConstraintError) -> Unicode.Scalar {
        if reader.take("{") {
            var value: UInt32 = 0
            while let digit = reader.peek().flatMap({ UInt32(String($0), radix: 16) }), value <= 0x10FFFF {
                value = value << 4 | digit
                reader.position += 1
            }
            guard reader.take("}") else { throw reader.malformed("a closing brace is expected") }
            return try reader.scalar(value)
        }
        let first = try reader.hexadecimal(4)
        guard (0xD800...0xDBFF).contains(first), reader.take("\\u") else { return try reader.scalar(first) }
        let second = try reader.hexadecimal(4)
        guard (0xDC00...0xDFFF).contains(second) else { throw reader.malformed("half of a surrogate pair") }
        return try reader.scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    }
}
