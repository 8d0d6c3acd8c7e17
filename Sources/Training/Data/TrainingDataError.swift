// SPDX-License-Identifier: Apache-2.0

public import Checkpoints
public import StrictJSON

/// Why training data cannot be used: which file, where in it, what was expected and what was found.
public enum TrainingDataError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file cannot be opened, read or written.
    case file(CheckpointError)
    /// A data file is empty, or is not a file.
    case notData(path: String, found: String)
    /// A line is not UTF-8.
    case notUTF8(file: String, line: Int)
    /// A line of a JSONL file is not acceptable JSON.
    case badJSON(file: String, line: Int, JSONError)
    /// A line of a JSONL file is JSON of another kind.
    case badExample(file: String, line: Int, expected: String, found: String)
    /// Where the completion starts cannot be told: the tokens do not spell the text byte for byte.
    case completionNotFound(file: String, line: Int)
    /// The vocabulary has no token that ends a text.
    case noEndToken
    /// A file holds no document that can be learned from.
    case noDocuments(path: String, split: String)
    /// A cache of token ids is damaged or not what it says.
    case badCache(file: String, what: String, expected: String, found: String)

    /// The error in words.
    public var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .notData(let path, let found): "\(path): expected a data file, found \(found)"
        case .notUTF8(let file, let line): "\(file), line \(line): not UTF-8"
        case .badJSON(let file, let line, let error): "\(file), line \(line): \(error)"
        case .badExample(let file, let line, let expected, let found):
            "\(file), line \(line): expected \(expected), found \(found)"
        case .completionNotFound(let file, let line):
            "\(file), line \(line): the vocabulary does not keep the text byte for byte, so that it cannot be told "
                + "where the completion starts"
        case .noEndToken: "the vocabulary has no token that ends a text (eos_token)"
        case .noDocuments(let path, let split): "\(path): no document to learn from in its part for \(split)"
        case .badCache(let file, let what, let expected, let found):
            "\(file): \(what): expected \(expected), found \(found)"
        }
    }
}
