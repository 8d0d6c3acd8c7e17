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
    /// Whether ``encode(_:addSpecial:parseSpecial:)`` with `addSpecial` puts BOS first.
    var addsBOS: Bool { get }
    /// The chat template that comes with the vocabulary, in Jinja.
    var chatTemplate: String? { get }

    /// The ids of `text`.
    ///
    /// - Parameters:
    ///   - addSpecial: put BOS before and EOS after where the vocabulary asks for it.
    ///   - parseSpecial: read the spelling of control tokens (such as `<|im_end|>`) as those tokens. User-defined
    ///     added tokens are always matched.
    func encode(_ text: String, addSpecial: Bool, parseSpecial: Bool) -> [Int32]

    /// The ids of a text of which some parts are trusted: only there is the spelling of a control token that token,
    /// elsewhere it is plain text. BOS and EOS are not added.
    ///
    /// Where no other part spells a control token, the ids are those of `encode(text, addSpecial: false,
    /// parseSpecial: true)`.
    /// - Parameter trusted: ascending, disjoint ranges of UTF-8 offsets that begin and end between characters.
    func encode(_ text: String, parseSpecialIn trusted: [Range<Int>]) -> [Int32]

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
    /// Reads the whole text at once if it has no control token beyond those of its trusted parts; otherwise part by
    /// part, which keeps the promise about control tokens but may cut differently where parts meet.
    public func encode(_ text: String, parseSpecialIn trusted: [Range<Int>]) -> [Int32] {
        let whole = encode(text, addSpecial: false, parseSpecial: true)
        var parts: [Int32] = []
        var trustedControls: [Int32] = []
        var position = text.utf8.startIndex
        let bytes = text.utf8
        for range in trusted {
            let start = bytes.index(bytes.startIndex, offsetBy: range.lowerBound)
            let end = bytes.index(bytes.startIndex, offsetBy: range.upperBound)
            if position < start {
                parts += encode(String(text[position..<start]), addSpecial: false, parseSpecial: false)
            }
            let part = encode(String(text[start..<end]), addSpecial: false, parseSpecial: true)
            trustedControls += part.filter(isControl)
            parts += part
            position = end
        }
        if position < bytes.endIndex {
            parts += encode(String(text[position...]), addSpecial: false, parseSpecial: false)
        }
        return whole.filter(isControl) == trustedControls ? whole : parts
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
