// SPDX-License-Identifier: Apache-2.0

import Constraints
import StrictJSON
import Testing

@Suite("Masks")
struct MaskTests {
    static let sources: [ConstraintSource] = {
        func schema(_ text: String) -> ConstraintSource {
            .jsonSchema((try? JSONParser.parse(text.utf8)) ?? .null)
        }
        return [
            .jsonObject, .choice(["true", "truth", "a", "abab", "日本", "日本語"]), .regex("(ab|a)*b?[^a]{3,}"),
            .regex("[ab]*a[ab]{12}"), .regex("(a|aa){3,40}"), .regex("(?:(?:ab{0,20}){0,20}c){0,70}"), .regex(".*é.*"),
            .regex("(a?b?){0,90}"),
            .gbnf("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"\""),
            .gbnf("root ::= expr\nexpr ::= term (\"-\" term)*\nterm ::= [0-9]+ | \"[\" expr \"]\" | \"{\" expr \"}\""),
            .gbnf("root ::= item{2,500}\nitem ::= \"a\" | \"[\" root \"]\" | [^a-z]"),
            schema("{\"type\":\"string\",\"minLength\":3,\"maxLength\":300}"),
            schema("{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"number\"]},\"maxItems\":200}"),
            schema(
                "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":90},\"a\":{\"$ref\":\"#\"},"
                    + "\"value\":{\"enum\":[\"a\",\"ab\",null]}},\"required\":[\"name\"],\"additionalProperties\":true}"
            ),
            schema("{\"type\":\"string\",\"pattern\":\"a{2,200}b|[^c]+d\"}"),
            schema(
                "{\"anyOf\":[{\"type\":\"string\",\"format\":\"date-time\"},{\"type\":\"number\",\"minimum\":-2.5}]}"),
        ]
    }()

    @Test("hold just the tokens whose bytes are allowed one after the other", arguments: sources)
    func masks(_ source: ConstraintSource) throws {
        let trie = Vocabularies.mixed
        let constraint = try TokenConstraint(source, trie)
        let bytewise = try TokenConstraint(source, Vocabularies.bytes)
        for seed in 0..<6 {
            var numbers = SeededNumbers(UInt64(seed))
            var follower = ConstraintFollower(constraint)
            var single = ConstraintFollower(bytewise)
            for _ in 0..<50 {
                let mask = try follower.allowedTokens()
                #expect(follower.mayEnd == single.mayEnd)
                var allowed: [Int32] = []
                for id in 0..<Int32(trie.vocabularySize) {
                    let isAllowed = try isAllowed(trie.piece(id), from: single)
                    #expect(mask.contains(id) == isAllowed, "token \(id) \(trie.piece(id)), seed \(seed)")
                    if isAllowed { allowed.append(id) }
                }
                #expect(mask.ids == allowed)
                #expect(mask.isEmpty == follower.mustEnd)
                guard let id = allowed.randomElement(using: &numbers) else { break }
                follower.accept(id)
                for byte in trie.piece(id) { single.accept(Int32(byte)) }
            }
        }
    }

    private func isAllowed(_ piece: [UInt8], from start: ConstraintFollower) throws -> Bool {
        guard !piece.isEmpty else { return false }
        var follower = start
        for byte in piece {
            guard try follower.allowedTokens().contains(Int32(byte)) else { return false }
            follower.accept(Int32(byte))
        }
        return true
    }

    @Test("of a copy do not change with the original")
    func copies() throws {
        let constraint = try TokenConstraint(.regex("a(b|c)d"), Vocabularies.bytes)
        var first = ConstraintFollower(constraint)
        first.accept(0x61)
        let copy = first
        let before = try copy.allowedTokens()
        first.accept(0x62)
        #expect(try copy.allowedTokens() == before)
        #expect(try first.allowedTokens().ids == [0x64])
        first.accept(0x7A)
        #expect(try first.allowedTokens().isEmpty)
        #expect(!first.mayEnd)
    }

    @Test("leave the space out that a tokenizer puts before a text")
    func dropsSpace() throws {
        let trie = TokenTrie(pieces: [" ", "a", " a", " b", "b", "  a", " a b", "b c"].map { Array($0.utf8) })
        let constraint = try TokenConstraint(.regex("a( b)?| ?a"), trie)
        var follower = ConstraintFollower(constraint, dropsSpace: true)
        #expect(try follower.allowedTokens().ids == [0, 1, 2, 5, 6])
        follower.accept(2)
        #expect(try follower.allowedTokens().ids == [0, 3])
        #expect(follower.mayEnd)
        follower.accept(3)
        #expect(follower.mustEnd)
        var plain = ConstraintFollower(constraint)
        #expect(try plain.allowedTokens().ids == [0, 1, 2])
        plain.accept(0)
        #expect(try plain.allowedTokens().ids == [1])
    }

    @Test("stay right when what was kept is forgotten")
    func forgets() throws {
        // Each character more is another state: what is kept passes its limit many times.
        let constraint = try TokenConstraint(.regex("(a|b|ab|ba){0,100000}"), Vocabularies.mixed)
        let fresh = try TokenConstraint(.regex("(a|b|ab|ba){0,100000}"), Vocabularies.mixed)
        var (early, late) = (ConstraintFollower(constraint), ConstraintFollower(constraint))
        early.accept(0x61)
        for _ in 0..<1500 { late.accept(0x62) }
        var other = ConstraintFollower(fresh)
        other.accept(0x61)
        #expect(try early.allowedTokens() == other.allowedTokens())
        #expect(try late.allowedTokens().contains(0x61))
        #expect(late.mayEnd)
    }
}
