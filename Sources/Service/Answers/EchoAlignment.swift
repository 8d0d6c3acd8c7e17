// SPDX-License-Identifier: Apache-2.0

import Engine
import Tokenizers

/// Follows the tokens of a prompt through the text that is echoed, which is as the client gave it: without the start
/// token and the spaces that tokenizing puts there.
struct EchoAlignment {
    private let text: [UInt8]
    private let tokenizer: any Tokenizer
    private var position = 0

    /// The start of the echoed text.
    init(text: String, tokenizer: any Tokenizer) {
        self.text = Array(text.utf8)
        self.tokenizer = tokenizer
    }

    /// The bytes that the next token adds to the text.
    mutating func take(_ token: ReportedToken) -> [UInt8] {
        if tokenizer.isControl(token.id) {
            let spelling = Array((tokenizer.piece(of: token.id) ?? "").utf8)
            return advance(spelling) ? spelling : []
        }
        let bytes = token.bytes
        if advance(bytes) { return bytes }
        if bytes.first == UInt8(ascii: " "), advance(bytes.dropFirst()) { return Array(bytes.dropFirst()) }
        // Normalized: the token stands for another spelling of about as many bytes.
        position = min(position + bytes.count, text.count)
        return bytes
    }

    private mutating func advance(_ bytes: some Collection<UInt8>) -> Bool {
        guard text[position...].starts(with: bytes) else { return false }
        position += bytes.count
        return true
    }
}
