// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Foundation
import StrictJSON
import Testing
import Tokenizers
import Training

/// Committed goldens.
enum Fixture {
    static let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures/training")

    static func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
    }

    static func json(_ name: String) throws -> JSON {
        try JSONParser.parse([UInt8](try Data(contentsOf: folder.appendingPathComponent(name))), limits: .file)
    }
}

/// A folder that goes when the value does.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("training-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    @discardableResult
    func write(_ name: String, json: JSON) throws -> String {
        var writer = JSONWriter()
        writer.value(json)
        return try write(name, String(decoding: writer.bytes, as: UTF8.self))
    }
}

/// A vocabulary of the golden text.
func makeVocabulary(
    size: Int = 420, rule: WordRule = .gpt2, special: [String] = [], bos: String? = nil
) throws -> TrainedVocabulary {
    var trainer = VocabularyTrainer(try VocabularyOptions(size: size, rule: rule, special: special, bos: bos))
    trainer.add(try Fixture.text("vocabulary-text.txt"))
    return try trainer.train()
}

extension TrainedVocabulary {
    /// The vocabulary as our reader reads it.
    func tokenizer() throws -> any Tokenizer {
        try makeTokenizer(
            from: .huggingFace(
                tokenizer: tokenizerJSON, config: configJSON, generationConfig: nil, chatTemplate: nil),
            vocabularySize: nil)
    }
}
