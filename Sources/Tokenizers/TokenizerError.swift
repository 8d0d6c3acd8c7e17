// SPDX-License-Identifier: Apache-2.0

/// Why a vocabulary cannot be made into a tokenizer: what, where, expected and found.
public enum TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The vocabulary's model is of a kind that is not implemented.
    case unsupportedModel(found: String, known: [String])
    /// `tokenizer.ggml.pre` names a pre-tokenizer that is not implemented.
    case unknownPreTokenizer(name: String, known: [String])
    /// `tokenizer.json` splits words by a regular expression that is not one of the known ones.
    case unknownPattern(String)
    /// A component or option of `tokenizer.json` is not implemented.
    case unsupported(path: String, found: String, expected: String)
    /// A value of `tokenizer.json` or of a configuration file has the wrong type or range.
    case malformed(path: String, found: String, expected: String)
    /// The vocabulary has no pieces.
    case emptyVocabulary
    /// The vocabulary has more ids than the model has rows, or than any vocabulary may have.
    case vocabularyTooLarge(count: Int, limit: Int)
    /// A list has not one entry per piece.
    case countMismatch(list: String, found: Int, expected: Int)
    /// A token has an id outside the vocabulary.
    case idOutOfRange(piece: String, id: Int64, limit: Int)
    /// Two pieces claim the same id, or one piece claims two.
    case conflictingIDs(id: Int64, pieces: [String])
    /// A piece is longer than any piece may be.
    case pieceTooLong(id: Int, byteCount: Int, limit: Int)
    /// A merge is not two pieces.
    case malformedMerge(index: Int, text: String)
    /// A merge names, or makes, a piece that the vocabulary does not have.
    case unknownPieceInMerge(index: Int, piece: String)
    /// A byte token is not spelt `<0xNN>`.
    case malformedByteToken(id: Int, piece: String)
    /// Two tokens stand for the same byte.
    case duplicateByteToken(byte: UInt8, ids: [Int])
    /// A score is not a number.
    case scoreNotANumber(id: Int)

    /// The error in words.
    public var description: String {
        switch self {
        case .unsupportedModel(let found, let known):
            "tokenizer model \(quoted(found)) is not supported; known: \(known.joined(separator: ", "))"
        case .unknownPreTokenizer(let name, let known):
            "pre-tokenizer \(quoted(name)) is not known; known: \(known.joined(separator: ", "))"
        case .unknownPattern(let pattern):
            "pre-tokenizer pattern \(quoted(pattern)) is not known"
        case .unsupported(let path, let found, let expected):
            "\(path): \(clipped(found)) is not supported, expected \(expected)"
        case .malformed(let path, let found, let expected):
            "\(path): expected \(expected), found \(clipped(found))"
        case .emptyVocabulary:
            "the vocabulary has no pieces"
        case .vocabularyTooLarge(let count, let limit):
            "the vocabulary has \(count) ids, the limit is \(limit)"
        case .countMismatch(let list, let found, let expected):
            "\(list): expected \(expected) entries, one per piece, found \(found)"
        case .idOutOfRange(let piece, let id, let limit):
            "token \(quoted(piece)) has id \(id), expected 0..<\(limit)"
        case .conflictingIDs(let id, let pieces):
            "id \(id) is claimed in conflict by \(pieces.map(quoted).joined(separator: " and "))"
        case .pieceTooLong(let id, let byteCount, let limit):
            "piece \(id) has \(byteCount) bytes, the limit is \(limit)"
        case .malformedMerge(let index, let text):
            "merge \(index) is not two pieces: \(quoted(text))"
        case .unknownPieceInMerge(let index, let piece):
            "merge \(index) needs the piece \(quoted(piece)), which the vocabulary does not have"
        case .malformedByteToken(let id, let piece):
            "byte token \(id) is spelt \(quoted(piece)), expected <0xNN>"
        case .duplicateByteToken(let byte, let ids):
            "byte \(byte) has several tokens: \(ids.map(String.init).joined(separator: ", "))"
        case .scoreNotANumber(let id):
            "the score of piece \(id) is not a number"
        }
    }
}

/// The first characters of a text from a file, for an error message.
private func clipped(_ text: String) -> String {
    text.unicodeScalars.count > 256 ? String(text.unicodeScalars.prefix(256)) + "…" : text
}

private func quoted(_ text: String) -> String { "\"\(clipped(text))\"" }
