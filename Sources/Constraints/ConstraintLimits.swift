// SPDX-License-Identifier: Apache-2.0

/// What a constraint may be at most. All are checked before anything of the size is built, so that no text, however
/// short, makes a compilation or a token take long.
public enum ConstraintLimits {
    /// UTF-8 bytes of a regular expression, a grammar, or a schema as JSON.
    public static let textBytes = 262_144
    /// Groups within groups in a regular expression or a grammar.
    public static let groupDepth = 64
    /// Rules of a grammar; a schema has at least one for each of its parts.
    public static let rules = 16_384
    /// States of the automaton that it becomes.
    public static let states = 32_768
    /// The highest count of a repetition, of characters of a string, and of elements of an array.
    public static let repetitions = 1_000_000
    /// The same for something that can be empty.
    public static let emptyRepetitions = 256
    /// Rules within rules while a text is followed; beyond it a text cannot go deeper.
    public static let depth = 1024
    /// Ways in which a text can go on from one state, as positions in rules that may be returned to.
    public static let readings = 4096
    /// Elementary steps to find what may follow one token.
    public static let stepsPerToken = 4_000_000
    /// Bytes, about, that one constraint may take while it is followed.
    public static let memoryBytes = 33_554_432
    /// Bytes, about, beyond which it forgets what it found.
    public static let cacheBytes = 8_388_608

    /// The keywords of JSON Schema that are honoured.
    public static var schemaKeywords: [String] { SchemaKeywords.honoured.sorted() }
    /// The values of `format` that are.
    public static var schemaFormats: [String] { SchemaFormats.names }
}
