// SPDX-License-Identifier: Apache-2.0

public import StrictJSON

/// Why a checkpoint cannot be opened or written: what, where, what was expected and what was found.
///
/// `file` is a file's name without its folder, or a path where the file itself is in question.
public enum CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The operating system refused an operation on a path; `code` is its error number.
    case system(path: String, operation: String, code: Int32, reason: String)
    /// The path is neither a checkpoint file nor a folder that holds one.
    case notACheckpoint(path: String, found: String)
    /// A format that is recognised and refused for a reason; `advice` says what to do instead.
    case refused(file: String, format: String, advice: String)
    /// Bytes that do not follow the format. `byteOffset` counts from the start of the file.
    case malformed(file: String, byteOffset: Int?, what: String, expected: String, found: String)
    /// A file that comes with the checkpoint is not acceptable JSON.
    case badJSON(file: String, JSONError)
    /// A valid value that this program cannot honour.
    case unsupported(file: String, what: String, found: String, supported: String)
    /// A key of the configuration or metadata is absent.
    case missingKey(file: String, key: String)
    /// A key of the configuration or metadata has an unacceptable value.
    case badValue(file: String, key: String, expected: String, found: String)
    /// A tensor that the configuration asks for is absent.
    case missingTensor(file: String, name: String, shape: [Int])
    /// A tensor has an unacceptable shape, type or name.
    case badTensor(file: String, name: String, expected: String, found: String)
    /// The vocabulary does not fit the model or itself.
    case badVocabulary(file: String, what: String, expected: String, found: String)

    /// The error in words.
    public var description: String {
        switch self {
        case .system(let path, let operation, let code, let reason):
            "\(path): cannot \(operation): \(reason) (errno \(code))"
        case .notACheckpoint(let path, let found):
            "\(path): not a checkpoint (GGUF, safetensors folder or llama2.c): \(found)"
        case .refused(let file, let format, let advice):
            "\(file): \(format) is not read; \(advice)"
        case .malformed(let file, let byteOffset, let what, let expected, let found):
            "\(file)\(byteOffset.map { " at byte \($0)" } ?? ""): \(what): expected \(expected), found \(found)"
        case .badJSON(let file, let error):
            "\(file): \(error.description)"
        case .unsupported(let file, let what, let found, let supported):
            "\(file): \(what) \(found) is not supported; supported: \(supported)"
        case .missingKey(let file, let key):
            "\(file): key \(key) is missing"
        case .badValue(let file, let key, let expected, let found):
            "\(file): \(key): expected \(expected), found \(found)"
        case .missingTensor(let file, let name, let shape):
            "\(file): tensor \(name) of shape \(shape) is missing"
        case .badTensor(let file, let name, let expected, let found):
            "\(file): tensor \(name): expected \(expected), found \(found)"
        case .badVocabulary(let file, let what, let expected, let found):
            "\(file): vocabulary: \(what): expected \(expected), found \(found)"
        }
    }
}

extension String {
    /// The text in quotes, with control characters escaped and cut to 64 characters, fit for an error message.
    var quoted: String {
        var text = "\""
        for scalar in unicodeScalars.prefix(64) {
            text += scalar.value < 0x20 || scalar.value == 0x7F ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return text + (unicodeScalars.dropFirst(64).isEmpty ? "\"" : "…\"")
    }
}
