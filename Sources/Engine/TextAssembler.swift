// SPDX-License-Identifier: Apache-2.0

import Decoding
import Tokenizers

/// From the tokens of one choice to the text that may be shown: whole characters that no stop string can take back.
struct TextAssembler: Sendable {
    /// What became visible.
    struct Output {
        var text = ""
        var tokens: [ReportedToken] = []
        /// The stop string that ended the text, if one did.
        var stop: String?

        var isEmpty: Bool { text.isEmpty && tokens.isEmpty }
    }

    private struct Pending: Sendable {
        let token: ReportedToken
        let end: Int
    }

    private var matcher: StopMatcher
    private var decoder: StreamingDecoder
    private var pending: [Pending] = []
    private var receivedBytes = 0
    private var releasedBytes = 0
    private var tokenCount = 0
    private let minTokens: Int
    private let includesStop: Bool
    private var stripsSpace: Bool

    /// An assembler for a request's stop strings.
    ///
    /// - Parameter stripsSpace: whether the text starts here and the tokenizer puts a space before a text, which is no
    ///   part of it: stop strings do not see it, and the first token is reported without it.
    init(_ request: GenerationRequest, decoder: StreamingDecoder, stripsSpace: Bool) throws(DecodingError) {
        self.stripsSpace = stripsSpace
        matcher = try StopMatcher(request.stopStrings)
        minTokens = request.minTokens
        includesStop = request.includesStop
        self.decoder = decoder
    }

    /// Takes the next token.
    mutating func append(_ token: ReportedToken) -> Output {
        var token = token
        if stripsSpace, !token.bytes.isEmpty {
            stripsSpace = false
            if token.bytes.first == UInt8(ascii: " ") { token.bytes.removeFirst() }
        }
        receivedBytes += token.bytes.count
        pending.append(Pending(token: token, end: receivedBytes))
        tokenCount += 1
        switch matcher.append(token.bytes, mayStop: tokenCount > minTokens) {
        case .released(let bytes): return release(bytes, stop: nil)
        case .stopped(let bytes, let stop):
            return release(includesStop ? bytes + Array(stop.utf8) : bytes, stop: stop)
        }
    }

    /// Ends the text; everything held back becomes visible. `ending` is the token that ended it, which adds no text.
    mutating func finish(ending: ReportedToken? = nil) -> Output {
        var output = release(matcher.finish(), stop: nil)
        output.text += decoder.finish()
        output.tokens += pending.map(\.token)
        pending = []
        if var ending {
            ending.isShown = false
            output.tokens.append(ending)
        }
        return output
    }

    private mutating func release(_ bytes: [UInt8], stop: String?) -> Output {
        var output = Output()
        releasedBytes += bytes.count
        output.text = decoder.append(bytes: bytes)
        output.stop = stop
        // A token is shown once all its bytes are; where a stop string cut the text, also the one that was cut.
        let isOver = stop != nil
        var count = 0
        var start = pending.first.map { $0.end - $0.token.bytes.count } ?? 0
        for entry in pending {
            guard isOver ? start < releasedBytes : entry.end <= releasedBytes else { break }
            start = entry.end
            count += 1
        }
        output.tokens = pending.prefix(count).map(\.token)
        pending.removeFirst(count)
        if isOver {
            output.text += decoder.finish()
            pending = []
        }
        return output
    }
}
