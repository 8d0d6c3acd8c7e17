// SPDX-License-Identifier: Apache-2.0

/// Text to token ids and back. Implementations are immutable: any thread may call.
public protocol Tokenizer: Sendable {
    /// V: ids are in `0..<vocabularySize`.
    var vocabularySize: Int { get }
    /// What kind of vocabulary this is, for display: "byte-level BPE (llama-bpe)", "SentencePiece BPE".
    var kindName: String { get }
    /// Beginning of sequence.
    var bosID: Int32? { get }
    /// End of sequence.
    var eosID: Int32? { get }
    /// Every id that ends a generation: EOS, end of turn, end of message.
    var endIDs: Set<Int32> { get }
    /// Whether ``encode(_:addSpecial:parseSpecialIn:)`` with `addSpecial` puts BOS first.
    var addsBOS: Bool { get }
    /// The chat template that comes with the vocabulary, in Jinja.
    var chatTemplate: String? { get }

    /// The ids of a text of which some parts are trusted: only there is the spelling of a control token (such as
    /// `<|im_end|>`) that token, elsewhere it is plain text. User-defined added tokens are matched everywhere.
    ///
    /// - Parameters:
    ///   - addSpecial: put BOS before and EOS after where the vocabulary asks for it.
    ///   - trusted: ascending, disjoint ranges of UTF-8 offsets that begin and end between characters.
    func encode(_ text: String, addSpecial: Bool, parseSpecialIn trusted: [Range<Int>]) -> [Int32]

    /// The bytes that `id` stands for inside a text; empty for control tokens and for ids out of range.
    /// A single piece may hold part of a character.
    func bytes(of id: Int32) -> [UInt8]

    /// The spelling of a token as the vocabulary stores it (control tokens included), for display.
    func piece(of id: Int32) -> String?

    /// The id of the token spelt exactly `piece` in the vocabulary.
    func id(ofPiece piece: String) -> Int32?

    /// Whether `id` is a control token.
    func isControl(_ id: Int32) -> Bool

    /// Whether the first token's leading space is put there by encoding, so that decoding from the start of a text
    /// drops one (SentencePiece's dummy prefix).
    var stripsLeadingSpace: Bool { get }
}

extension Tokenizer {
    /// The ids of `text`, trusted wholly (`parseSpecial`) or not at all.
    public func encode(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Int32] {
        encode(text, addSpecial: addSpecial, parseSpecialIn: parseSpecial ? [0..<text.utf8.count] : [])
    }

    /// The text of `ids`; bytes that are not UTF-8 become U+FFFD, control tokens vanish unless `showSpecial`.
    public func decode(_ ids: some Sequence<Int32>, showSpecial: Bool = false) -> String {
        var bytes: [UInt8] = []
        for id in ids {
            if showSpecial, isControl(id) {
                bytes.append(contentsOf: (piece(of: id) ?? "").utf8)
            } else {
                bytes.append(contentsOf: self.bytes(of: id))
            }
        }
        if stripsLeadingSpace, bytes.first == UInt8(ascii: " ") { bytes.removeFirst() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
