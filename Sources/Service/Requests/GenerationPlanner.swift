// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Decoding
import Engine
import Glibc
import StrictJSON
import Tokenizers

/// Makes plans of the checked fields of generation requests.
struct GenerationPlanner: Sendable {
    /// The longest that a request may take; nil: no limit.
    var timeLimit: Duration?
    /// Names the build, part of `system_fingerprint`.
    var version: String
    let sampling = SamplingPlanner()
    let constraints = ConstraintPlanner()
    let hashes = ModelHashes()

    init(timeLimit: Duration?, version: String) {
        self.timeLimit = timeLimit
        self.version = version
    }

    /// The most log-probabilities in one answer, all prompts and choices together: about 100 MB as JSON.
    static let logprobLimit = 1_048_576

    /// The plan for `values`.
    ///
    /// - Throws: ``APIError`` where fields contradict each other, a prompt cannot be made or does not fit.
    func plan(
        _ values: FieldValues, endpoint: Endpoint, assembly: PromptAssembly, warnings: [RequestWarning]
    ) throws(APIError) -> GenerationPlan {
        let model = assembly.model
        var warnings = warnings
        let stream = try stream(values)
        let logprobCount = try logprobCount(values, endpoint)
        let logprobMode = LogprobMode(rawValue: values[RequestFields.logprobsMode]) ?? .raw
        let seed = values[RequestFields.seed] ?? Self.newSeed()
        let echoes = endpoint == .completions && values[RequestFields.echo]
        if echoes, logprobCount != nil, logprobMode == .processed {
            throw .invalidValue(
                param: "logprobs_mode", reason: "a prompt is not drawn: with echo and logprobs say raw or both")
        }
        var prompts = try assembly.prompts(values, endpoint: endpoint)
        for (index, prompt) in prompts.enumerated() {
            warnings += PromptAssembly.warnings(
                of: prompt, param: Self.param(endpoint, index: index, count: prompts.count))
        }

        let asked =
            endpoint == .chat ? values[RequestFields.maxCompletionTokens] : values[RequestFields.maxTokens]
        try truncate(&prompts, values, asked: asked, endpoint: endpoint, model: model, warnings: &warnings)
        let aggregation = values[RequestFields.aggregate]
        if aggregation != nil, prompts.count > 1 {
            throw .invalidValue(param: RequestFields.aggregate.name, reason: "only with one prompt")
        }
        var requests: [GenerationRequest] = []
        let deadline = deadline(values)
        let lookup = try lookup(values)
        var parameters = try sampling.parameters(values, seed: seed, model: model)
        parameters.constraint = try constraints.constraint(values, model: model)
        let strategies = StrategyPlanner(values)
        let returnedCount = values[RequestFields.choiceCount]
        let drawnCount = try strategies.drawnCount()
        let strategy = try strategies.strategy(&parameters, assembly: assembly)
        if let path = strategies.path {
            if aggregation != nil { throw .conflict(param: "aggregate", other: path) }
            try strategies.refuseWhatNeedsDraws(besides: path)
        }
        let reportsSearch = values[RequestFields.returnExtras].contains(.search)
        for (index, prompt) in prompts.enumerated() {
            let param = Self.param(endpoint, index: index, count: prompts.count)
            let maxTokens = try maxTokens(
                asked: asked, promptCount: prompt.ids.count, endpoint: endpoint, model: model, param: param)
            var request = try request(prompt, values, parameters, maxTokens: maxTokens)
            request.choiceCount = drawnCount
            request.strategy = strategy(prompt)
            if reportsSearch { try reportSearch(&request, values, promptCount: prompts.count) }
            request.logprobCount = logprobCount ?? (drawnCount > returnedCount ? 0 : nil)
            request.logprobMode = logprobMode
            request.reportsStatistics = aggregation != nil
            request.reportsPromptLogprobs = echoes && logprobCount != nil
            request.deadline = deadline
            request.lookup = lookup
            requests.append(request)
        }
        if let logprobCount {
            let tokens = requests.reduce(0) { sum, request in
                sum + request.choiceCount * (request.maxTokens + (echoes ? request.prompt.count : 0))
            }
            let entries = tokens * (logprobCount + 1)
            guard entries <= Self.logprobLimit else {
                throw .invalidValue(
                    param: values.path(
                        (endpoint == .chat ? RequestFields.topLogprobs.name : RequestFields.logprobCount.name)),
                    reason: "the answer would hold up to \(entries) log-probabilities (\(tokens) tokens with "
                        + "\(logprobCount + 1) each), at most \(Self.logprobLimit) are allowed")
            }
        }
        try checkTraceSize(requests, values)
        var plan = GenerationPlan(
            endpoint: endpoint, model: model, id: Self.newID(endpoint == .chat ? "chatcmpl" : "cmpl"),
            created: time(nil),
            fingerprint: fingerprint(of: model), prompts: prompts, requests: requests,
            choiceCount: drawnCount, returnedCount: returnedCount, seed: seed, stream: stream, echoes: echoes,
            logprobCount: logprobCount, logprobMode: logprobMode, aggregation: aggregation,
            extras: values[RequestFields.returnExtras],
            warnings: warnings,
            settings: .null)
        if plan.extras.contains(.effectiveSettings) {
            plan.settings = EffectiveSettings.json(values, plan: plan, timeLimit: timeLimit)
        }
        if plan.extras.contains(.receipt) {
            plan.receipt = Receipt.Draft(
                model: model, fingerprint: plan.fingerprint,
                settings: EffectiveSettings.receipt(values, requests: requests), prompts: prompts.map(\.ids),
                hashes: hashes)
        }
        return plan
    }

    /// The request for one continuation of a prompt, without what is reported of its tokens and without a deadline.
    func request(
        _ prompt: PromptPlan, _ values: FieldValues, _ parameters: SamplingParameters, maxTokens: Int
    ) throws(APIError) -> GenerationRequest {
        var request = GenerationRequest(prompt: prompt.ids, maxTokens: maxTokens, sampling: parameters)
        request.stopStrings = values[RequestFields.stop]
        request.stopIDs = values[RequestFields.stopTokenIDs]
        request.includesStop = values[RequestFields.includeStop]
        request.minTokens = values[RequestFields.minTokens]
        guard request.minTokens <= maxTokens else {
            throw .notAllowed(
                param: values.path(RequestFields.minTokens.name), found: String(request.minTokens),
                allowed: Allowed(min: 0, max: Double(maxTokens)))
        }
        request.ignoresEnd = values[RequestFields.ignoreEnd]
        request.showsSpecial = !values[RequestFields.skipSpecialTokens]
        request.trace = values[RequestFields.trace]
        return request
    }

    /// A trace counts as one log-probability per stage, and one per token that is listed.
    func checkTraceSize(_ requests: [GenerationRequest], _ values: FieldValues) throws(APIError) {
        let entries = requests.reduce(0) { sum, request in
            guard let detail = request.trace else { return sum }
            let levels = request.sampling.activeStages.count + 1
            return sum + request.choiceCount * request.maxTokens * levels * (detail.count + 1)
        }
        guard entries <= Self.logprobLimit else {
            throw .invalidValue(
                param: values.path(RequestFields.trace.name),
                reason: "the trace would hold up to \(entries) log-probabilities, at most "
                    + "\(Self.logprobLimit) are allowed")
        }
    }

    // MARK: Fields that depend on each other

    /// Asks for the steps of a search, if there is one and they are not too many.
    private func reportSearch(
        _ request: inout GenerationRequest, _ values: FieldValues, promptCount: Int
    ) throws(APIError) {
        let path = values.path(RequestFields.returnExtras.name)
        guard case .beam(let parameters) = request.strategy else {
            throw .unsupported(param: path, reason: "search is there only with beam_width above 1", allowed: nil)
        }
        // Of each step twice the width at least, and the width once more per further end.
        let ends = 2 + request.stopIDs.count
        let entries = promptCount * request.maxTokens * ends * parameters.width
        guard entries <= Self.logprobLimit else {
            throw .invalidValue(
                param: path,
                reason: "search would hold up to \(entries) continuations, at most \(Self.logprobLimit) are allowed")
        }
        request.reportsSearch = true
    }

    private func stream(_ values: FieldValues) throws(APIError) -> StreamOptions? {
        let options = values[RequestFields.streamOptions]
        guard values[RequestFields.stream] else {
            if options != nil {
                throw .invalidValue(param: "stream_options", reason: "only with stream true")
            }
            return nil
        }
        return options ?? StreamOptions()
    }

    private func logprobCount(_ values: FieldValues, _ endpoint: Endpoint) throws(APIError) -> Int? {
        guard endpoint == .chat else { return values[RequestFields.logprobCount] }
        let count = values[RequestFields.topLogprobs]
        guard values[RequestFields.logprobs] else {
            if count > 0 { throw .invalidValue(param: "top_logprobs", reason: "only with logprobs true") }
            return nil
        }
        return count
    }

    func deadline(_ values: FieldValues) -> ContinuousClock.Instant? {
        let asked = values[RequestFields.maxTime].map { Duration.seconds($0) }
        guard let limit = [asked, timeLimit].compactMap({ $0 }).min() else { return nil }
        return ContinuousClock.now + limit
    }

    private func lookup(_ values: FieldValues) throws(APIError) -> PromptLookup? {
        let count = values[RequestFields.lookupTokens]
        guard count > 0 else {
            if values.has(RequestFields.lookupMatch) {
                throw .invalidValue(
                    param: values.path(RequestFields.lookupMatch.name),
                    reason: "only with prompt_lookup_num_tokens above 0")
            }
            return nil
        }
        return PromptLookup(tokenCount: count, matchLimit: values[RequestFields.lookupMatch])
    }

    // MARK: Lengths

    static func param(_ endpoint: Endpoint, index: Int, count: Int) -> String {
        endpoint == .chat ? "messages" : count == 1 ? "prompt" : "prompt[\(index)]"
    }

    /// The tokens to generate: as asked, else the route's default within what is left of the context.
    func maxTokens(
        asked: Int?, promptCount: Int, endpoint: Endpoint, model: ModelInfo, param: String
    ) throws(APIError) -> Int {
        let (rest, needed) = (model.contextLength - promptCount, asked ?? 1)
        guard needed <= rest else {
            throw .contextOverflow(
                param: param, promptTokens: promptCount, maxTokens: needed, contextLength: model.contextLength)
        }
        return asked ?? (endpoint == .chat ? rest : min(16, rest))
    }

    private func truncate(
        _ prompts: inout [PromptPlan], _ values: FieldValues, asked: Int?, endpoint: Endpoint, model: ModelInfo,
        warnings: inout [RequestWarning]
    ) throws(APIError) {
        guard var limit = values[RequestFields.truncatePromptTokens] else { return }
        if limit == -1 {
            guard let reserved = asked ?? (endpoint == .chat ? nil : 16) else {
                throw .invalidValue(
                    param: "truncate_prompt_tokens", reason: "-1 needs max_completion_tokens to know what to leave free"
                )
            }
            limit = model.contextLength - reserved
        }
        for index in prompts.indices {
            let count = prompts[index].ids.count
            guard count > limit else { continue }
            let param = Self.param(endpoint, index: index, count: prompts.count)
            guard limit > 0 else {
                throw .contextOverflow(
                    param: param, promptTokens: count, maxTokens: asked ?? 16, contextLength: model.contextLength)
            }
            guard endpoint == .completions else {
                throw .invalidValue(
                    param: param,
                    reason: "the conversation has \(count) tokens, \(limit) are left for it, and cutting it would lose "
                        + "the template's opening: leave messages out")
            }
            let tokenizer = model.tokenizer
            // The start token is no part of the text: without it the model sees what it was not trained on.
            let keepsStart = tokenizer.addsBOS && limit > 1 && prompts[index].ids.first == tokenizer.bosID
            let start = prompts[index].ids.prefix(keepsStart ? 1 : 0)
            let rest = prompts[index].ids.suffix(limit - start.count)
            prompts[index].ids = Array(start + rest)
            prompts[index].text = tokenizer.decode(rest, showSpecial: prompts[index].spellsControl)
            prompts[index].spans = []
            warnings.append(
                RequestWarning(
                    code: "prompt_truncated", param: param,
                    message: "the first \(count - limit) of \(count) tokens were cut"))
        }
    }

    // MARK: Names

    /// A seed where the request has none: one that every client can read.
    static func newSeed() -> Int64 { Int64(UInt64.random(in: 0..<(1 << 53))) }

    static func newID(_ prefix: String) -> String {
        let digits = (0..<2).map { _ in
            let part = String(UInt64.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 16 - part.utf8.count) + part
        }
        return "\(prefix)-\(digits.joined())"
    }

    /// Changes when build, weights or their types do.
    func fingerprint(of model: ModelInfo) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        let parts = [
            version, model.id, model.weightTypes.joined(separator: ","), String(model.weightBytes),
            String(model.contextLength), String(model.config.vocabularySize), String(model.checkpoint.fileBytes),
            String(model.weightsHash),
        ]
        for byte in parts.joined(separator: "\n").utf8 {
            hash = (hash ^ UInt64(byte)).multipliedReportingOverflow(by: 0x0000_0100_0000_01b3).partialValue
        }
        let digits = String(hash, radix: 16)
        return "fp_" + String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
