// SPDX-License-Identifier: Apache-2.0

import Tokenizers

/// A tokenizer whose ids are bytes, save that control tokens count from 256 and runs of letters "ab" are one id: enough
/// to see where texts are cut and which control tokens are read.
struct SpellingTokenizer: Tokenizer {
    var controls: [String]
    var addsBOS = false
    var bosID: Int32?
    var eosID: Int32?
    var chatTemplate: String?

    var vocabularySize: Int { 257 + controls.count }
    var kindName: String { "bytes" }
    var endIDs: Set<Int32> { eosID.map { [$0] } ?? [] }
    var stripsLeadingSpace: Bool { false }

    func encode(_ text: String, addSpecial: Bool, parseSpecialIn trusted: [Range<Int>]) -> [Int32] {
        var ids: [Int32] = addSpecial && addsBOS ? bosID.map { [$0] } ?? [] : []
        var rest = Array(text.utf8)[...]
        while let first = rest.first {
            if let (index, control) = match(rest),
                trusted.contains(where: {
                    $0.contains(rest.startIndex) && rest.startIndex + control.utf8.count <= $0.upperBound
                })
            {
                ids.append(Int32(257 + index))
                rest = rest.dropFirst(control.utf8.count)
            } else {
                ids.append(Int32(first))
                rest = rest.dropFirst()
            }
        }
        return ids
    }

    private func match(_ bytes: ArraySlice<UInt8>) -> (offset: Int, element: String)? {
        controls.enumerated().filter { bytes.starts(with: $0.element.utf8) }
            .max { $0.element.utf8.count < $1.element.utf8.count }
    }

    func bytes(of id: Int32) -> [UInt8] {
        id < 256 ? [UInt8(truncatingIfNeeded: id)] : []
    }

    func piece(of id: Int32) -> String? {
        let index = Int(id) - 257
        return controls.indices.contains(index) ? controls[index] : nil
    }

    func id(ofPiece piece: String) -> Int32? { controls.firstIndex(of: piece).map { Int32(257 + $0) } }

    func isControl(_ id: Int32) -> Bool { id > 256 }
}
