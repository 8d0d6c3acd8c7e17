// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import StrictJSON

/// The tokens of a `tokenizer.json`: the vocabulary of its model and those added to it.
struct HuggingFaceTokens {
    private(set) var vocabulary: Vocabulary
    private(set) var added: [AddedToken] = []

    /// - Throws: ``TokenizerError``, among others if two tokens have one id or one token two.
    init(_ root: JSONNode, model: JSONNode, modelSize: Int?) throws(TokenizerError) {
        let vocab = try model.required("vocab")
        let members = try vocab.object()
        let addedNodes = try root["added_tokens"]?.array() ?? []
        let limit = min(modelSize ?? VocabularyLimits.pieces, VocabularyLimits.pieces)
        guard members.count + addedNodes.count <= 2 * VocabularyLimits.pieces else {
            throw .vocabularyTooLarge(count: members.count + addedNodes.count, limit: VocabularyLimits.pieces)
        }

        var spellings: [String?] = []
        var kinds: [TokenKind] = []
        func place(_ piece: String, _ id: Int32, _ kind: TokenKind) throws(TokenizerError) {
            let id = Int(id)
            if id >= spellings.count {
                spellings.append(contentsOf: repeatElement(nil, count: id + 1 - spellings.count))
                kinds.append(contentsOf: repeatElement(.unused, count: id + 1 - kinds.count))
            }
            if let other = spellings[id], !other.utf8.elementsEqual(piece.utf8) {
                throw .conflictingIDs(id: Int64(id), pieces: [other, piece])
            }
            spellings[id] = piece
            kinds[id] = kind
        }
        for (piece, value) in members.members {
            let id = try JSONNode(value: value, path: vocab.path).id(of: piece, limit: limit)
            guard Int(id) >= spellings.count || spellings[Int(id)] == nil else {
                throw .conflictingIDs(id: Int64(id), pieces: [spellings[Int(id)] ?? "", piece])
            }
            try place(piece, id, .normal)
        }
        for node in addedNodes {
            let content = try node.required("content").string()
            guard !content.isEmpty else { continue }
            let id = try node.required("id").id(of: content, limit: limit)
            if let other = members[content]?.integerValue, other != Int64(id) {
                throw .conflictingIDs(id: other, pieces: [content, content])
            }
            let isControl = try node.bool("special", default: false)
            try place(content, id, isControl ? .control : .userDefined)
            added.append(
                AddedToken(
                    id: id, content: Array(content.utf8), isControl: isControl,
                    stripsLeft: try node.bool("lstrip", default: false),
                    stripsRight: try node.bool("rstrip", default: false),
                    isSingleWord: try node.bool("single_word", default: false),
                    isNormalized: try node.bool("normalized", default: !isControl)))
        }

        var table = PieceTable(capacity: spellings.count)
        for spelling in spellings { try table.append((spelling ?? "").utf8) }
        table.index()
        vocabulary = Vocabulary(
            pieces: table, kinds: kinds,
            size: try Vocabulary.size(count: spellings.count, modelSize: modelSize))
    }

    /// Makes byte tokens of the pieces spelt `<0xNN>` with upper-case digits.
    func markBytes(_ vocabulary: inout Vocabulary) {
        let digits = Array("0123456789ABCDEF")
        for high in digits {
            for low in digits {
                guard let id = vocabulary.pieces.find("<0x\(high)\(low)>"), vocabulary.kinds[Int(id)] == .normal
                else { continue }
                vocabulary.kinds[Int(id)] = .byte
            }
        }
    }
}
