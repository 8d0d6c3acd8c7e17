// SPDX-License-Identifier: Apache-2.0

import StrictJSON

extension Checkpoint {
    /// Checks that the vocabulary's ids are rows of the embedding; the embedding may be padded beyond them.
    func validateVocabulary() throws(CheckpointError) {
        guard let config, let tokenizer else { return }
        let largest: Int
        switch tokenizer {
        case .gguf(let vocabulary): largest = vocabulary.pieces.count - 1
        case .llama2c(let pieces, _): largest = pieces.count - 1
        case .huggingFace(let json, _, _, _): largest = try Self.largestID(json)
        }
        guard largest < config.vocabularySize else {
            throw .badVocabulary(
                file: "vocabulary", what: "largest id",
                expected: "at most \(config.vocabularySize - 1), the last row of token_embd.weight",
                found: "\(largest)")
        }
    }

    private static func largestID(_ tokenizer: JSON) throws(CheckpointError) -> Int {
        let file = "tokenizer.json"
        var largest = -1
        func take(_ value: JSON?, _ key: @autoclosure () -> String) throws(CheckpointError) {
            guard let value, let id = value.integerValue, id >= 0, id <= Int64(Int32.max) else {
                throw .badValue(
                    file: file, key: key(), expected: "0 to \(Int32.max)",
                    found: value.map { $0.integerValue.map(String.init) ?? $0.typeName } ?? "nothing")
            }
            largest = max(largest, Int(id))
        }
        switch tokenizer["model"]?["vocab"] {
        case .object(let vocabulary):
            for (piece, id) in vocabulary.members { try take(id, "model.vocab.\(piece.quoted)") }
        case .array(let pieces): largest = pieces.count - 1
        case let other:
            throw .badValue(
                file: file, key: "model.vocab", expected: "an object or array", found: other?.typeName ?? "nothing")
        }
        for (index, token) in (tokenizer["added_tokens"]?.arrayValue ?? []).enumerated() {
            try take(token["id"], "added_tokens[\(index)].id")
        }
        return largest
    }
}
