// SPDX-License-Identifier: Apache-2.0

package import Decoding
import Synchronization
package import Tokenizers

/// Takes the tokens of a request's choices and the logits that they were drawn from.
///
/// Concurrency: any thread; each choice from one at a time, in order.
public final class RunRecorder: Sendable {
    /// A draw.
    struct Draw: Sendable {
        var id: Int32
        /// V logits.
        var logits: [Float]
    }

    private let draws: Mutex<[[Draw]]>

    /// A recorder for so many choices.
    public init(choiceCount: Int) {
        draws = Mutex(Array(repeating: [], count: choiceCount))
    }

    func record(_ id: Int32, logits: UnsafeBufferPointer<Float>, choice: Int) {
        let draw = Draw(id: id, logits: Array(logits))
        draws.withLock { $0[choice].append(draw) }
    }

    func draws(of choice: Int) -> [Draw] { draws.withLock { $0[choice] } }

    /// How many tokens there are in all choices.
    public var tokenCount: Int { draws.withLock { $0.reduce(0) { $0 + $1.count } } }
}

/// Runs a request over the recorded logits of a choice, with no forward pass, for as long as it draws the same tokens.
package struct Redecoding {
    /// What became of it.
    package struct Result: Sendable {
        /// Text and tokens, and the end if it came to one.
        package var events: [GenerationEvent] = []
        /// Tokens drawn.
        package var tokenCount = 0
        /// The first draw that gave another token: its place among the tokens, and both; nil: none did.
        package var difference: (step: Int, recorded: Int32, drawn: Int32)?
        /// The request for the rest; nil: there is none.
        package var rest: GenerationRequest?
    }

    private let request: GenerationRequest
    private let tokenizer: any Tokenizer
    private let draws: [RunRecorder.Draw]

    /// - Parameters:
    ///   - request: one choice after the prompt of the recorded run; its `firstChoice` is what decides on the noise.
    ///   - choice: the recorded choice.
    package init(_ request: GenerationRequest, over recorder: RunRecorder, choice: Int, tokenizer: any Tokenizer) {
        self.request = request
        self.tokenizer = tokenizer
        draws = recorder.draws(of: choice)
    }

    /// Draws until another token comes out, the text ends, or nothing more is recorded.
    ///
    /// - Throws: ``DecodingError`` as the draws would.
    package func run() throws(DecodingError) -> Result {
        var result = Result()
        let vocabularySize = draws.first?.logits.count ?? tokenizer.vocabularySize
        var state = try ChoiceStart(request, choice: 0, tokenizer: tokenizer, vocabularySize: vocabularySize)
        var workspace = SamplingWorkspace()
        var ids: [Int32] = []
        func emit(_ output: TextAssembler.Output) {
            guard !output.isEmpty else { return }
            result.events.append(.delta(index: 0, choice: 0, text: output.text, tokens: output.tokens))
        }
        func finish(_ reason: FinishReason, _ ending: ReportedToken?) {
            if case .stopString = reason {} else { emit(state.text.finish(ending: ending)) }
            result.events.append(.finished(index: 0, choice: 0, reason: reason))
        }
        for (step, draw) in draws.enumerated() where step < request.maxTokens {
            let token = try draw.logits.withUnsafeBufferPointer { logits throws(DecodingError) -> ReportedToken in
                let position = request.prompt.count + step
                let id = try state.sampler.sample(logits: logits, position: position, workspace: &workspace)
                return try RowJob.token(id, request, tokenizer, logits, position, state.sampler, &workspace)
            }
            result.tokenCount += 1
            let taken = TakenToken(token, request, tokenizer: tokenizer, sampler: &state.sampler, text: &state.text)
            emit(taken.output)
            if token.id != draw.id { result.difference = (step, draw.id, token.id) }
            if let reason = taken.reason {
                finish(reason, taken.ending)
                return result
            }
            ids.append(token.id)
            if token.id != draw.id { break }
        }
        if ids.count == request.maxTokens {
            finish(.length, nil)
            return result
        }
        var rest = request
        rest.prompt += ids
        rest.maxTokens -= ids.count
        rest.start = state
        result.rest = rest
        return result
    }
}
