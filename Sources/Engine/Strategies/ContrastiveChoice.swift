// SPDX-License-Identifier: Apache-2.0

import Decoding
import Glibc
import Tokenizers

/// The tokens that a choice tries next by contrastive search, on the engine's thread.
final class ContrastiveChoice {
    private let request: GenerationRequest
    private let parameters: ContrastiveParameters
    private let tokenizer: any Tokenizer
    private var context: ContrastiveContext
    /// What the rows stand for; nil while the prompt's last token is the only one.
    private var tried: Expansion?
    /// The sequences to compute next: the prompt, or it and what follows with each token that is tried.
    private(set) var rows: [SearchRow]

    /// - Parameter context: the states of the prompt's tokens but the last.
    init(
        _ request: GenerationRequest, _ parameters: ContrastiveParameters, context: ContrastiveContext,
        table: BlockTable, sampler: Sampler, tokenizer: any Tokenizer
    ) {
        self.request = request
        self.parameters = parameters
        self.context = context
        self.tokenizer = tokenizer
        rows = [
            SearchRow(
                table: table, sampler: sampler, text: nil, newest: request.prompt.last ?? 0,
                position: request.prompt.count - 1)
        ]
    }

    var query: ExpansionQuery { ExpansionQuery(count: parameters.count, normalizes: true) }

    /// Takes one of the tokens that were tried, all of which are computed.
    ///
    /// - Returns: the token and its place among the rows; nil after the prompt, where none was tried yet.
    func take() -> (token: ReportedToken, place: Int)? {
        guard let tried else {
            remember(0)
            return nil
        }
        let similarities = rows.map { row in row.state.withUnsafeBufferPointer { context.similarity(of: $0) } }
        let place = parameters.choice(
            probabilities: tried.tokens.map { exp($0.logprob) }, similarities: similarities)
        remember(place)
        let id = rows[place].newest
        var token = ReportedToken(id: id, bytes: RowJob.bytes(of: id, request, tokenizer))
        if !tried.raw.isEmpty {
            token.logprob = tried.raw[place]
            token.top = tried.top
        }
        return (token, place)
    }

    /// Tries the tokens that may follow the row at `place`; the others are let go of. False if the pool is empty.
    func goOn(from place: Int) -> Bool {
        let parent = rows[place]
        guard let expansion = parent.expansion, !expansion.tokens.isEmpty else { return false }
        tried = expansion
        rows = []
        for (index, token) in expansion.tokens.enumerated() {
            let table =
                index == expansion.tokens.count - 1
                ? parent.table
                : parent.table.fork(
                    tokenCount: parent.position + 1, tokenCapacity: request.prompt.count + request.maxTokens)
            guard let table else { return false }
            var sampler = parent.sampler
            sampler.accept(token.id)
            rows.append(
                SearchRow(
                    table: table, sampler: sampler, text: nil, newest: token.id, position: parent.position + 1))
        }
        return true
    }

    /// The blocks that hold the text up to its newest token.
    func table(at place: Int) -> BlockTable { rows[place].table }

    private func remember(_ place: Int) {
        rows[place].state.withUnsafeBufferPointer { context.append($0) }
    }
}
