// SPDX-License-Identifier: Apache-2.0

/// Reads grammars in llama.cpp's notation, GBNF.
///
/// Rules `name ::= alternatives`, each on lines of its own; literals "…", classes [a-z] and [^…], `.` for any
/// character, rule names, groups, `* + ? {m} {m,} {m,n}`, comments from `#` on. The whole text follows `root`.
///
/// Source: llama.cpp `grammars/README.md`, `src/llama-grammar.cpp`. Left recursion is refused as there; references to
/// tokens (`<[1]>`, `<name>`) are, too.
struct GBNFParser {
    private var reader: ScalarReader
    private var grammar = Grammar()
    private var rules: [String: Int] = [:]
    /// Where rules without a definition so far were first named.
    private var undefined: [String: Int] = [:]
    private var defined: Set<String> = []
    private var depth = 0

    private init(_ text: String) throws(ConstraintError) {
        reader = try ScalarReader(text)
    }

    /// The grammar of `text`.
    ///
    /// - Throws: ``ConstraintError``.
    static func parse(_ text: String) throws(ConstraintError) -> Grammar {
        var parser = try GBNFParser(text)
        parser.skipSpace(overLines: true)
        while !parser.reader.isAtEnd { try parser.rule() }
        if let (name, offset) = parser.undefined.min(by: { $0.value < $1.value }) {
            throw parser.reader.malformed("the rule \(name) is not defined", at: offset)
        }
        guard let root = parser.rules["root"] else { throw parser.reader.malformed("the rule root is not defined") }
        parser.grammar.root = root
        return parser.grammar
    }

    // MARK: Rules

    private mutating func rule() throws(ConstraintError) {
        let start = reader.position
        let name = try ruleName()
        skipSpace(overLines: false)
        guard reader.take("::=") else { throw reader.malformed("::= is expected") }
        guard defined.insert(name).inserted else {
            throw reader.malformed("the rule \(name) is defined twice", at: start)
        }
        let index = try index(of: name, at: start)
        undefined[name] = nil
        skipSpace(overLines: true)
        grammar.define(index, try alternatives(inGroup: false))
        guard reader.isAtEnd || isLineEnd(reader.peek()) else {
            throw reader.malformed("the end of the rule is expected")
        }
        skipSpace(overLines: true)
    }

    private mutating func index(of name: String, at offset: Int) throws(ConstraintError) -> Int {
        if let known = rules[name] { return known }
        let index = try grammar.add(name)
        rules[name] = index
        if !defined.contains(name) { undefined[name] = offset }
        return index
    }

    private func isNamePart(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map { CharacterClass.word.contains($0) || $0 == "-" } ?? false
    }

    private mutating func ruleName() throws(ConstraintError) -> String {
        var name = ""
        while let scalar = reader.peek(), isNamePart(scalar) {
            name.unicodeScalars.append(scalar)
            reader.position += 1
        }
        guard !name.isEmpty else { throw reader.malformed("the name of a rule is expected") }
        guard name.utf8.count <= 256 else { throw .tooLarge(what: "bytes in the name of a rule", limit: 256) }
        return name
    }

    private func isLineEnd(_ scalar: Unicode.Scalar?) -> Bool { scalar == "\n" || scalar == "\r" }

    private mutating func skipSpace(overLines: Bool) {
        while let scalar = reader.peek() {
            if scalar == "#" {
                while let scalar = reader.peek(), !isLineEnd(scalar) { reader.position += 1 }
            } else if scalar == " " || scalar == "\t" || (overLines && isLineEnd(scalar)) {
                reader.position += 1
            } else {
                return
            }
        }
    }

    // MARK: What rules stand for

    private mutating func alternatives(inGroup: Bool) throws(ConstraintError) -> Expression {
        var parts = [try sequence(inGroup: inGroup)]
        while reader.take("|") {
            skipSpace(overLines: true)
            parts.append(try sequence(inGroup: inGroup))
        }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func sequence(inGroup: Bool) throws(ConstraintError) -> Expression {
        var parts: [Expression] = []
        while let scalar = reader.peek(), scalar != "|", scalar != ")", !isLineEnd(scalar) {
            var part = try atom()
            skipSpace(overLines: inGroup)
            if let (min, max) = try quantifier() {
                part = .repeated(part, min: min, max: max)
                skipSpace(overLines: inGroup)
                let next = reader.position
                if try quantifier() != nil {
                    throw reader.malformed("a repetition of a repetition needs a group", at: next)
                }
            }
            parts.append(part)
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func quantifier() throws(ConstraintError) -> (min: Int, max: Int?)? {
        if reader.take("*") { return (0, nil) }
        if reader.take("+") { return (1, nil) }
        if reader.take("?") { return (0, 1) }
        let start = reader.position
        guard reader.peek() == "{" else { return nil }
        guard let counts = try reader.counts() else {
            throw reader.malformed("{m}, {m,} or {m,n} is expected", at: start)
        }
        return counts
    }

    private mutating func atom() throws(ConstraintError) -> Expression {
        let start = reader.position
        switch reader.peek() {
        case "\"":
            reader.position += 1
            return try literal(from: start)
        case "[":
            reader.position += 1
            return .scalars(try characterClass(from: start))
        case ".":
            reader.position += 1
            return .scalars(.all)
        case "(":
            reader.position += 1
            depth += 1
            defer { depth -= 1 }
            guard depth <= ConstraintLimits.groupDepth else {
                throw .tooLarge(what: "groups within groups", limit: ConstraintLimits.groupDepth)
            }
            skipSpace(overLines: true)
            let inner = try alternatives(inGroup: true)
            guard reader.take(")") else { throw reader.malformed("nothing closes this parenthesis", at: start) }
            return inner
        case "<", "!": throw reader.malformed("references to tokens are not supported")
        case let scalar where isNamePart(scalar): return .rule(try index(of: try ruleName(), at: start))
        default: throw reader.malformed("a literal, a class, a group or the name of a rule is expected")
        }
    }

    private mutating func literal(from start: Int) throws(ConstraintError) -> Expression {
        var text = ""
        while let scalar = reader.next() {
            if scalar == "\"" { return .text(text) }
            text.unicodeScalars.append(scalar == "\\" ? try escape() : scalar)
        }
        throw reader.malformed("nothing closes this quotation", at: start)
    }

    private mutating func characterClass(from start: Int) throws(ConstraintError) -> ScalarSet {
        let isInverted = reader.take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while let scalar = reader.next() {
            if scalar == "]" {
                let set = ScalarSet(ranges)
                return isInverted ? set.inverted : set
            }
            let low = scalar == "\\" ? try escape() : scalar
            var high = low
            if reader.peek() == "-", let after = reader.peek(1), after != "]" {
                reader.position += 2
                high = after == "\\" ? try escape() : after
            }
            guard low.value <= high.value else { throw reader.malformed("the range is empty") }
            ranges.append(low.value...high.value)
        }
        throw reader.malformed("nothing closes this bracket", at: start)
    }

    private mutating func escape() throws(ConstraintError) -> Unicode.Scalar {
        switch reader.next() {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "x": return try reader.scalar(reader.hexadecimal(2))
        case "u": return try reader.scalar(reader.hexadecimal(4))
        case "U": return try reader.scalar(reader.hexadecimal(8))
        case let scalar? where "\"\\[]-^".unicodeScalars.contains(scalar): return scalar
        default: throw reader.malformed("no such escape", at: reader.position - 1)
        }
    }
}
