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

    /// Ends generations at EOS, at `others`, and at tokens with known spellings of ends of turns.
    ///
    /// - Parameter trustsSpelling: a token so spelt is a control token even where the file has it as ordinary text,
    ///   which converters to GGUF have often got wrong. A user-defined token becomes one in any case.
    mutating func settleEnds(others: [Int32], trustsSpelling: Bool) {
        for spelling in Self.endSpellings {
            guard let id = pieces.find(spelling) else { continue }
            switch kinds[Int(id)] {
            case .control: break
            case .userDefined: kinds[Int(id)] = .control
            case .normal,
                .unused where trustsSpelling && !Self.plainSpellings.contains(spelling):
                kinds[Int(id)] = .control
            default: continue
            }
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

    /// Those that may be ordinary text as well, such as the end tag of a struck-out passage.
    private static let plainSpellings: Set<String> = ["[EOS]", "[EOT]", "<EOT>", "</s>"]
}

extension Vocabulary {
    /// The tokens that are matched whole, by their kinds.
    var addedTokens: [AddedToken] {
        kinds.indices.compactMap { id in
            switch kinds[id] {
            case .control, .unknown: AddedToken(id: Int32(id), content: Array(pieces[id]), isControl: true)
            case .userDefined: AddedToken(id: Int32(id), content: Array(pieces[id]), isControl: false)
            case .normal, .unused, .byte: nil
            }
        }
    }

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
