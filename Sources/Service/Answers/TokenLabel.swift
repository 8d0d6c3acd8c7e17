// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Tokenizers

/// How single tokens are written in answers.
enum TokenLabel {
    /// The text of a token: itself if it is UTF-8, the spelling of a control token, and for a piece of a character
    /// `bytes:\xNN…` as OpenAI writes it.
    static func text(_ bytes: [UInt8], id: Int32, _ tokenizer: any Tokenizer) -> String {
        if bytes.isEmpty { return tokenizer.bytes(of: id).isEmpty ? tokenizer.piece(of: id) ?? "" : "" }
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var label = "bytes:"
        for byte in bytes {
            let digits = String(byte, radix: 16)
            label += digits.utf8.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
        }
        return label
    }

    /// The same for an id alone.
    static func text(of id: Int32, _ tokenizer: any Tokenizer) -> String {
        text(tokenizer.bytes(of: id), id: id, tokenizer)
    }

    /// JSON has no minus infinity: the agreed floor stands for it.
    static func writable(_ logprob: Float) -> Float { logprob.isFinite ? logprob : -9999 }
}

/// A token with all that the answer says of it.
struct LabelledToken: Sendable {
    var id: Int32
    var text: String
    var bytes: [UInt8]
    var logprob: Float?
    /// The likeliest at its place, best first.
    var top: [(id: Int32, text: String, logprob: Float)]
    /// The same of the distribution that it was drawn from, where both are asked for.
    var processed: (logprob: Float, top: [(id: Int32, text: String, logprob: Float)])?
    /// Scalars before it from the start of the returned text.
    var offset: Int
    /// What the stages did at its place, where that is asked for.
    var trace: DrawTrace?
}

/// Labels a choice's tokens in order.
struct TokenLabeller: Sendable {
    private let tokenizer: any Tokenizer
    private var counter = ScalarCounter()

    init(tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

    /// The label of the next token. `shownBytes` are the bytes that it adds to the text.
    mutating func label(_ token: ReportedToken, shownBytes: [UInt8]? = nil) -> LabelledToken {
        let shown = shownBytes ?? (token.isShown ? token.bytes : [])
        // A space that tokenizing put there is no part of the label either.
        let isStripped = shownBytes != nil && token.bytes.count == shown.count + 1
        let bytes = isStripped ? shown : token.bytes
        counter.prepare(for: shown)
        let offset = counter.count
        counter.append(shown)
        let text = TokenLabel.text(bytes, id: token.id, tokenizer)
        func labelled(_ top: [TokenLogprob], chosen: Float?) -> [(id: Int32, text: String, logprob: Float)] {
            top.map { entry in
                // The chosen token has one log-probability, wherever it is written.
                let logprob = entry.id == token.id ? chosen ?? entry.logprob : entry.logprob
                let label = entry.id == token.id ? text : TokenLabel.text(of: entry.id, tokenizer)
                return (id: entry.id, text: label, logprob: logprob)
            }
        }
        return LabelledToken(
            id: token.id, text: text, bytes: bytes, logprob: token.logprob,
            top: labelled(token.top, chosen: token.logprob),
            processed: token.processed.map { ($0.logprob, labelled($0.top, chosen: $0.logprob)) }, offset: offset,
            trace: token.trace)
    }

    /// Corrects the position to `count` scalars: the returned text is known to be that long.
    mutating func skip(to count: Int) { counter = ScalarCounter(count: count) }
}
