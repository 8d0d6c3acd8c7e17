// SPDX-License-Identifier: Apache-2.0

public import StrictJSON

/// What a request says of the text to generate.
public enum ConstraintSource: Sendable, Equatable {
    /// One of these texts.
    case choice([String])
    /// What a regular expression matches from start to end.
    case regex(String)
    /// Any JSON object.
    case jsonObject
    /// A JSON text that is valid against this schema.
    case jsonSchema(JSON)
    /// What a grammar in llama.cpp's notation generates from its rule `root`.
    case gbnf(String)
}

extension TokenConstraint {
    /// The constraint of a source for one vocabulary.
    ///
    /// - Throws: ``ConstraintError``.
    public convenience init(_ source: ConstraintSource, _ trie: TokenTrie) throws(ConstraintError) {
        try self.init(try Grammar(source), trie)
    }
}

extension Grammar {
    /// The grammar of a source.
    ///
    /// - Throws: ``ConstraintError``.
    package init(_ source: ConstraintSource) throws(ConstraintError) {
        switch source {
        case .choice(let texts): self.init(.choice(texts.map { .text($0) }))
        case .regex(let text): self.init(try RegularExpression(text).wholeMatch)
        case .jsonObject:
            var rules = JSONRules()
            self = try rules.finished(try rules.object())
        case .jsonSchema(let schema): self = try SchemaCompiler.compile(schema)
        case .gbnf(let text): self = try GBNFParser.parse(text)
        }
    }
}
