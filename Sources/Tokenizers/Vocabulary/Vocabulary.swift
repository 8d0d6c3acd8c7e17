// SPDX-License-Identifier: Apache-2.0

import Checkpoints

/// What all tokenizers know of their tokens.
struct Vocabulary: Sendable {
    /// The pieces as stored, findable by spelling. Ids past its end are unused rows of the model.
    var pieces: PieceTable
    /// One kind per piece.
    var kinds: [TokenKind]
    /// V.
    var size: Int
    var bosID: Int32?
    var eosID: Int32?
    var unknownID: Int32?
    var endIDs: Set<Int32> = []
    /// What encoding with special tokens puts before a text.
    var prefix: [Int32] = []
    /// What encoding with special tokens puts after a text.
    var suffix: [Int32] = []
    var chatTemplate: String?

    /// The kind of `id`; nil if it is out of range or has no piece.
    func kind(of id: Int32) -> TokenKind? {
        id >= 0 && Int(id) < kinds.count ? kinds[Int(id)] : nil
    }

    func piece(of id: Int32) -> String? {
        guard kind(of: id) != nil, !pieces[Int(id)].isEmpty else { return nil }
        return String(decoding: pieces[Int(id)], as: UTF8.self)
    }

    func isControl(_ id: Int32) -> Bool {
        let kind = kind(of: id)
        return kind == .control || kind == .unknown
    }

    /// Makes control tokens of the known spellings of end-of-turn tokens, and ends generations at them, at EOS and at
    /// `others`.
    mutating func settleEnds(others: [Int32]) {
        for spelling in Self.endSpellings {
            guard let id = pieces.find(spelling) else { continue }
            kinds[Int(id)] = .control
            endIDs.insert(id)
        }
        if let eosID { endIDs.insert(eosID) }
        endIDs.formUnion(others)
    }

    /// Spellings under which models end a turn, a message or a text.
    ///
    /// Source: llama.cpp, `src/llama-vocab.cpp`, and the model cards of the families.
    private static let endSpellings = [
        "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>", "<|eos|>",
        "<end_of_turn>", "<end_of_utterance>", "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>", "<EOT>", "_<EOT>",
        "[EOS]", "[EOT]", "</s>",
    ]
}

extension Vocabulary {
    /// V for `count` ids of a vocabulary and, if known, the rows of its model.
    ///
    /// - Throws: ``TokenizerError/vocabularyTooLarge(count:limit:)``, ``TokenizerError/emptyVocabulary``.
    static func size(count: Int, modelSize: Int?) throws(TokenizerError) -> Int {
        guard count > 0 else { throw .emptyVocabulary }
        let limit = min(modelSize ?? VocabularyLimits.pieces, VocabularyLimits.pieces)
        guard count <= limit else { throw .vocabularyTooLarge(count: count, limit: limit) }
        return modelSize == nil ? count : limit
    }
}
