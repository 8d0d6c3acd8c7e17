// SPDX-License-Identifier: Apache-2.0

import Decoding
import Tokenizers

/// What a choice knows of its text before its next token is drawn.
package struct ChoiceStart: Sendable {
    var sampler: Sampler
    var text: TextAssembler

    /// The beginning of a choice: nothing but the prompt.
    ///
    /// - Throws: ``DecodingError`` for stop strings that cannot be.
    init(
        _ request: GenerationRequest, choice: Int, tokenizer: any Tokenizer, vocabularySize: Int
    ) throws(DecodingError) {
        let startsText = request.prompt.allSatisfy(tokenizer.isControl)
        let stripsSpace = startsText && tokenizer.stripsLeadingSpace
        sampler = Sampler(
            parameters: request.sampling, choice: request.firstChoice + choice, prompt: request.prompt,
            vocabularySize: vocabularySize, dropsSpace: stripsSpace)
        text = try TextAssembler(
            request, decoder: StreamingDecoder(tokenizer: tokenizer, continuesText: true), stripsSpace: stripsSpace)
    }
}

/// What becomes of a drawn token: text, and perhaps the end.
struct TakenToken {
    /// What became visible.
    var output = TextAssembler.Output()
    /// Why the choice ends; nil: it goes on as far as this token is concerned.
    var reason: FinishReason?
    /// The token if it ended the choice and adds no text.
    var ending: ReportedToken?

    /// Takes a token that `sampler` drew for `request`.
    init(
        _ token: ReportedToken, _ request: GenerationRequest, tokenizer: any Tokenizer, sampler: inout Sampler,
        text: inout TextAssembler
    ) {
        let isStop = request.stopIDs.contains(token.id)
        if isStop || (!request.ignoresEnd && tokenizer.endIDs.contains(token.id)) {
            reason = .endToken(token.id)
            guard request.includesStop, isStop else {
                ending = token
                return
            }
            output = text.append(token)
            if let stop = output.stop { reason = .stopString(stop) }
            return
        }
        output = text.append(token)
        if let stop = output.stop {
            reason = .stopString(stop)
            return
        }
        sampler.accept(token.id)
        if sampler.mustEnd { reason = .constraint }
    }
}
