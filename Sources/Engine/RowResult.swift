// SPDX-License-Identifier: Apache-2.0

import Compute
import Decoding
import Tokenizers

/// What a row of logits says, or why there is nothing.
typealias RowResult = Result<RowAnswer, EngineError>

/// What a row of logits says.
enum RowAnswer {
    /// A drawn or a prompt's token with what was asked about it.
    case token(ReportedToken)
    /// The distributions under the request's settings.
    case distributions(DistributionReport)
    /// What may follow a sequence of a search.
    case expansion(Expansion)
}

/// What to do with one row of logits; runs on any thread of the pool, one task per choice.
struct RowJob {
    /// What the logits are for.
    enum Purpose {
        /// Report this token of the prompt.
        case report(Int32)
        /// Draw the next token of the choice.
        case draw(Choice)
        /// Compare the request's settings.
        case compare(DistributionQuery)
        /// Find what may follow a sequence of a search.
        case expand(SearchRow, ExpansionQuery)
    }

    let unit: ActiveUnit
    let lane: ActiveLane
    let purpose: Purpose
    /// V logits.
    let logits: UnsafeBufferPointer<Float>
    /// The place in the sequence of the token that is reported or drawn.
    let position: Int
    /// V logits each that a strategy mixes with these: after the prompt that guides the draw, or of earlier layers.
    var others: [UnsafeBufferPointer<Float>] = []

    /// Reports or draws. The workspace is the running thread's.
    func run(_ tokenizer: any Tokenizer, _ kernels: Kernels, _ workspace: inout SamplingWorkspace) -> RowResult {
        for row in [logits] + others {
            if let base = row.baseAddress, kernels.firstNonFinite(base, count: row.count) != nil {
                return .failure(.nonFiniteLogits(position: position))
            }
        }
        do throws(DecodingError) {
            switch purpose {
            case .report(let id):
                return .success(
                    .token(try Self.token(id, lane.request, tokenizer, logits, position, nil, &workspace)))
            case .draw(let choice):
                let id = try draw(choice, &workspace)
                lane.request.recorder?.record(id, logits: logits, choice: choice.index)
                return .success(
                    .token(
                        try Self.token(
                            id, lane.request, tokenizer, logits, position, choice.sampler, &workspace)))
            case .expand(let row, let query):
                return .success(.expansion(try query.run(row, lane.request, logits: logits, &workspace)))
            case .compare(let query):
                return .success(
                    .distributions(
                        try DistributionReport(
                            query, logits: logits, prompt: lane.request.prompt, workspace: &workspace)))
            }
        } catch {
            return .failure(.decoding(error))
        }
    }

    private func draw(_ choice: Choice, _ workspace: inout SamplingWorkspace) throws(DecodingError) -> Int32 {
        guard let first = others.first else {
            return try choice.sampler.sample(logits: logits, position: position, workspace: &workspace)
        }
        var mixed = workspace.mixed
        workspace.mixed = []
        defer { workspace.mixed = mixed }
        if mixed.count != logits.count { mixed = [Float](repeating: 0, count: logits.count) }
        return try mixed.withUnsafeMutableBufferPointer { (mixed) throws(DecodingError) in
            if case .guided(let guidance) = lane.request.strategy {
                try Guidance.mix(
                    conditional: logits, unconditional: first, scale: guidance.scale, position: position, into: mixed)
            } else {
                try LayerContrast.mix(mature: logits, premature: others, position: position, into: mixed)
            }
            return try choice.sampler.sample(
                logits: UnsafeBufferPointer(mixed), position: position, workspace: &workspace)
        }
    }

    /// What `request` asks about a token. `sampler` drew it just now, with the workspace; nil: it is the prompt's.
    static func token(
        _ id: Int32, _ request: GenerationRequest, _ tokenizer: any Tokenizer, _ logits: UnsafeBufferPointer<Float>,
        _ position: Int, _ sampler: Sampler?, _ workspace: inout SamplingWorkspace
    ) throws(DecodingError) -> ReportedToken {
        var token = ReportedToken(id: id, bytes: Self.bytes(of: id, request, tokenizer), logprob: nil, top: [])
        if request.reportsStatistics, sampler != nil {
            token.statistics = try DrawStatistics(of: id, logits: logits, position: position, workspace: workspace)
        }
        if let detail = request.trace, let sampler {
            // Leaves in the workspace what the draw left.
            token.trace = try sampler.trace(
                of: id, detail, logits: logits, position: position, workspace: &workspace)
        }
        guard let count = request.logprobCount else { return token }
        var processed: ProcessedReport?
        if request.logprobMode != .raw, sampler != nil, let left = ProcessedProbabilities(of: workspace) {
            processed = ProcessedReport(logprob: left.of(id), top: left.top(count))
        }
        if request.logprobMode == .processed {
            token.logprob = processed?.logprob
            token.top = processed?.top ?? []
        } else {
            let probabilities = try LogProbabilities(logits: logits, position: position)
            token.logprob = probabilities.of(id)
            if count > 0 { token.top = probabilities.top(count) }
            token.processed = processed
        }
        return token
    }

    /// The bytes that a token shows as.
    static func bytes(of id: Int32, _ request: GenerationRequest, _ tokenizer: any Tokenizer) -> [UInt8] {
        guard request.showsSpecial, tokenizer.isControl(id) else { return tokenizer.bytes(of: id) }
        return Array((tokenizer.piece(of: id) ?? "").utf8)
    }
}
