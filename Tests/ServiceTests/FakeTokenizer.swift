// SPDX-License-Identifier: Apache-2.0

import Tokenizers

/// One id per byte, a few control tokens, and two whole words.
struct FakeTokenizer: Tokenizer {
    static let bos: Int32 = 256
    static let eos: Int32 = 257
    static let start: Int32 = 258
    static let end: Int32 = 259
    /// Another id for the text "a".
    static let secondA: Int32 = 260
    static let hello: Int32 = 261

    private static let pieces: [Int32: String] = [
        bos: "<s>", eos: "</s>", start: "<|im_start|>", end: "<|im_end|>", secondA: "a", hello: "Hello",
    ]

    var chatTemplate: String?
    var addsBOS = true
    var stripsLeadingSpace = false

    let vocabularySize = 262
    let kindName = "bytes"
    let bosID: Int32? = bos
    let eosID: Int32? = eos
    let endIDs: Set<Int32> = [eos, end]

    func encode(_ text: String, addSpecial: Bool, parseSpecialIn trusted: [Range<Int>]) -> [Int32] {
        let bytes = Array(text.utf8)
        var ids: [Int32] = addSpecial && addsBOS ? [Self.bos] : []
        var position = 0
        while position < bytes.count {
            let control = (Self.bos...Self.end).first { id in
                let piece = Array((Self.pieces[id] ?? "").utf8)
                return bytes[position...].starts(with: piece)
                    && trusted.contains { $0.lowerBound <= position && position + piece.count <= $0.upperBound }
            }
            if let control {
                ids.append(control)
                position += (Self.pieces[control] ?? "").utf8.count
            } else {
                ids.append(Int32(bytes[position]))
                position += 1
            }
        }
        return ids
    }

    func bytes(of id: Int32) -> [UInt8] {
        if (0..<256).contains(id) { return [UInt8(id)] }
        return isControl(id) ? [] : Array((Self.pieces[id] ?? "").utf8)
    }

    func piece(of id: Int32) -> String? {
        (0..<256).contains(id) ? "<\(id)>" : Self.pieces[id]
    }

    func id(ofPiece piece: String) -> Int32? { Self.pieces.first { $0.value == piece }?.key }

    func isControl(_ id: Int32) -> Bool { (Self.bos...Self.end).contains(id) }
}
