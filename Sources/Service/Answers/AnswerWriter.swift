// SPDX-License-Identifier: Apache-2.0

import Engine
import Evaluation
import StrictJSON
import Tokenizers

/// A choice as far as it is known.
struct ChoiceState: Sendable {
    var text = ""
    var tokens: [LabelledToken] = []
    /// The ids of its tokens, without the prompt's.
    var ids: [Int32] = []
    var reason: FinishReason?
    var labeller: TokenLabeller
    /// Σ log p of the tokens generated, and how many they are; counted where choices are ranked.
    var logprobSum = 0.0
    var rankedCount = 0
    /// Whether anything was sent of it (streams).
    var isOpened = false
}

/// Writes the answers of the generation routes: whole, and as chunks of a stream. Pure: plan and state in, bytes out.
struct AnswerWriter: Sendable {
    let plan: GenerationPlan

    private var isChat: Bool { plan.endpoint == .chat }

    // MARK: Whole answers

    /// The whole answer. `choices` are prompt-major: index = prompt · n + choice; `search` is by prompt.
    func answer(
        _ choices: [ChoiceState], vote: MajorityVote? = nil, search: [[SearchStep]] = [], usage: GenerationUsage
    ) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1024)
        writer.object { answer in
            writeHead(object: isChat ? "chat.completion" : "text_completion", to: &answer)
            answer.member(
                "choices",
                array: { array in
                    for (index, choice) in choices.enumerated() { write(choice, index: index, to: &array) }
                })
            if let vote { write(vote, to: &answer) }
            answer.key("usage")
            Self.write(usage, countsGuesses: countsGuesses, to: &answer)
            if plan.extras.contains(.search) {
                answer.member(
                    "search",
                    array: { array in
                        for (prompt, steps) in search.enumerated() {
                            for step in steps {
                                SearchWriter.write(step, prompt: prompt, plan.model.tokenizer, to: &array)
                            }
                        }
                    })
            }
            writeExtras(to: &answer)
            writeReceipt(choices, to: &answer)
            writeWhatIf(to: &answer)
        }
        return writer.bytes
    }

    private func write(_ choice: ChoiceState, index: Int, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("index", index)
            if isChat {
                object.member(
                    "message",
                    object: { message in
                        message.member("role", "assistant")
                        message.member("content", choice.text)
                        message.key("refusal")
                        message.null()
                    })
            } else {
                object.member("text", choice.text)
            }
            writeLogprobs(choice.tokens[...], to: &object)
            Self.writeFinish(choice.reason, to: &object)
            writeTrace(choice.tokens[...], to: &object)
            if plan.extras.contains(.tokenIDs) { object.member("token_ids", choice.tokens.map(\.id)) }
        }
    }

    // MARK: Chunks

    /// A chunk with more of one choice. `isFirst`: the stream's first chunk, which also holds what was asked for
    /// besides. `role`: opens a chat choice.
    func chunk(
        index: Int, text: String, tokens: ArraySlice<LabelledToken>, opensRole: Bool = false,
        reason: FinishReason? = nil, isFirst: Bool = false, usage: GenerationUsage? = nil
    ) -> [UInt8] {
        event { chunk in
            writeHead(object: isChat ? "chat.completion.chunk" : "text_completion", to: &chunk)
            chunk.member(
                "choices",
                array: { array in
                    array.object { object in
                        object.member("index", index)
                        if isChat {
                            object.member(
                                "delta",
                                object: { delta in
                                    if opensRole { delta.member("role", "assistant") }
                                    if opensRole || reason == nil { delta.member("content", text) }
                                })
                        } else {
                            object.member("text", text)
                        }
                        if tokens.isEmpty {
                            object.key("logprobs")
                            object.null()
                        } else {
                            writeLogprobs(tokens, to: &object)
                        }
                        Self.writeFinish(reason, to: &object)
                        writeTrace(tokens, to: &object)
                        if plan.extras.contains(.tokenIDs) { object.member("token_ids", tokens.map(\.id)) }
                    }
                })
            writeChunkUsage(usage, to: &chunk)
            if isFirst { writeExtras(to: &chunk) }
        }
    }

    /// A chunk with a step of a search: no choices.
    func searchChunk(_ step: SearchStep, prompt: Int, isFirst: Bool) -> [UInt8] {
        event { chunk in
            writeHead(object: isChat ? "chat.completion.chunk" : "text_completion", to: &chunk)
            chunk.member("choices", array: { _ in })
            chunk.key("search")
            SearchWriter.write(step, prompt: prompt, plan.model.tokenizer, to: &chunk)
            writeChunkUsage(nil, to: &chunk)
            if isFirst { writeExtras(to: &chunk) }
        }
    }

    /// The chunk after the last choice that says what they agree on: no choices.
    func voteChunk(_ vote: MajorityVote) -> [UInt8] {
        event { chunk in
            writeHead(object: isChat ? "chat.completion.chunk" : "text_completion", to: &chunk)
            chunk.member("choices", array: { _ in })
            write(vote, to: &chunk)
            writeChunkUsage(nil, to: &chunk)
        }
    }

    /// The chunk after the last choice: no choices, the usage and the receipt as far as they are asked for.
    func lastChunk(_ choices: [ChoiceState], usage: GenerationUsage) -> [UInt8] {
        event { chunk in
            writeHead(object: isChat ? "chat.completion.chunk" : "text_completion", to: &chunk)
            chunk.member("choices", array: { _ in })
            if plan.stream?.includesUsage == true {
                chunk.key("usage")
                Self.write(usage, countsGuesses: countsGuesses, to: &chunk)
            }
            writeReceipt(choices, to: &chunk)
            writeWhatIf(to: &chunk)
        }
    }

    /// An error after the stream began.
    static func errorEvent(_ error: APIError) -> [UInt8] {
        ServerSentEvents.data { error.write(to: &$0) }
    }

    private func event(_ members: (inout JSONWriter) -> Void) -> [UInt8] { ServerSentEvents.data(members) }

    private func writeChunkUsage(_ usage: GenerationUsage?, to writer: inout JSONWriter) {
        guard let stream = plan.stream, stream.includesUsage else { return }
        writer.key("usage")
        if stream.includesContinuousUsage, let usage {
            Self.write(usage, countsGuesses: countsGuesses, to: &writer)
        } else {
            writer.null()
        }
    }

    // MARK: Parts

    private func writeHead(object: String, to writer: inout JSONWriter) {
        writer.member("id", plan.id)
        writer.member("object", object)
        writer.member("created", plan.created)
        writer.member("model", plan.model.id)
        writer.member("system_fingerprint", plan.fingerprint)
    }

    private func writeReceipt(_ choices: [ChoiceState], to writer: inout JSONWriter) {
        guard let draft = plan.receipt else { return }
        let outputs = choices.enumerated().map { index, choice in
            let (prompt, number) = index.quotientAndRemainder(dividingBy: plan.choiceCount)
            return Receipt.Output(prompt: prompt, choice: number, ids: choice.ids, reason: choice.reason)
        }
        writer.member("receipt", object: { Receipt(draft: draft, outputs: outputs).write(to: &$0) })
    }

    private func writeWhatIf(to writer: inout JSONWriter) {
        guard let report = plan.whatIf else { return }
        let state = report.snapshot
        writer.member(
            "what_if",
            object: { object in
                object.member("run", report.run)
                object.member("choice", report.choice)
                object.member("redecoded_tokens", state.redecodedTokens)
                object.member("computed_tokens", state.computedTokens)
                object.key("first_difference")
                guard let difference = state.difference else { return object.null() }
                object.object { entry in
                    entry.member("step", difference.step)
                    for (name, id) in [("run", difference.recorded), ("now", difference.drawn)] {
                        entry.member(
                            name,
                            object: { token in
                                token.member("id", id)
                                token.member("text", TokenLabel.text(of: id, plan.model.tokenizer))
                            })
                    }
                }
            })
    }

    private func writeTrace(_ tokens: ArraySlice<LabelledToken>, to writer: inout JSONWriter) {
        guard plan.isTraced else { return }
        writer.member(
            "trace",
            array: { array in
                for token in tokens {
                    guard let trace = token.trace else { continue }  // A token of the echoed prompt.
                    array.object { entry in
                        entry.member("id", token.id)
                        entry.member("text", token.text)
                        TraceWriter.write(trace, plan.model.tokenizer, to: &entry)
                    }
                }
            })
    }

    private func writeLogprobs(_ tokens: ArraySlice<LabelledToken>, to writer: inout JSONWriter) {
        writer.key("logprobs")
        guard plan.logprobCount != nil else { return writer.null() }
        if isChat {
            let tokenizer = plan.model.tokenizer
            LogprobsWriter.writeChat(
                tokens, mode: plan.logprobMode, bytesOf: { tokenizer.bytes(of: $0) }, to: &writer)
        } else {
            LogprobsWriter.writeLegacy(tokens, mode: plan.logprobMode, to: &writer)
        }
    }

    /// `finish_reason` from the standard set, the detail in `stop_reason`: the stop string, the id of the token that
    /// ended the choice, "constraint" or "timeout".
    static func writeFinish(_ reason: FinishReason?, to writer: inout JSONWriter) {
        guard let reason else {
            writer.key("finish_reason")
            return writer.null()
        }
        writer.member("finish_reason", reason.name)
        writer.member("stop_reason", reason.detail)
    }

    private var countsGuesses: Bool { plan.requests.contains { $0.lookup != nil } }

    /// - Parameter countsGuesses: whether to tell how many guesses came true and how many did not, under OpenAI's names.
    static func write(_ usage: GenerationUsage, countsGuesses: Bool = false, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("prompt_tokens", usage.promptTokens)
            object.member("completion_tokens", usage.generatedTokens)
            object.member("total_tokens", usage.promptTokens + usage.generatedTokens)
            object.member("prompt_tokens_details", object: { $0.member("cached_tokens", usage.cachedTokens) })
            object.member(
                "completion_tokens_details",
                object: { details in
                    details.member("reasoning_tokens", 0)
                    guard countsGuesses else { return }
                    details.member("accepted_prediction_tokens", usage.acceptedDraftTokens)
                    details.member("rejected_prediction_tokens", usage.draftTokens - usage.acceptedDraftTokens)
                })
        }
    }

    private func write(_ vote: MajorityVote, to writer: inout JSONWriter) {
        writer.member(
            "aggregate",
            object: { object in
                object.member("answer", vote.parties.first?.answer)
                object.member(
                    "votes",
                    array: { array in
                        for party in vote.parties {
                            array.object { entry in
                                entry.member("answer", party.answer)
                                entry.member("count", party.members.count)
                                entry.member("share", Double(party.members.count) / Double(plan.choiceCount))
                                entry.member("logprob", party.logprob)
                                entry.member("choices", party.members)
                            }
                        }
                    })
                object.member("unanswered", vote.abstentions)
            })
    }

    /// The seed in effect, the warnings, and what the request asked for in `return`.
    private func writeExtras(to writer: inout JSONWriter) {
        writer.member("seed", plan.seed)
        if plan.extras.contains(.tokenIDs) {
            writer.member(
                "prompt_token_ids",
                array: { array in
                    for prompt in plan.prompts { array.array { ids in for id in prompt.ids { ids.value(id) } } }
                })
        }
        if plan.extras.contains(.effectiveSettings) { writer.member("effective_settings", plan.settings) }
        if plan.extras.contains(.assembled) { AssembledWriter.write(plan.prompts, model: plan.model, to: &writer) }
        if !plan.warnings.isEmpty {
            writer.member("warnings", array: { array in for warning in plan.warnings { warning.write(to: &array) } })
        }
    }
}

extension FinishReason {
    /// `finish_reason`.
    var name: String {
        switch self {
        case .endToken, .stopString, .constraint, .exhausted: "stop"
        case .length, .deadline: "length"
        }
    }

    /// `stop_reason`.
    var detail: JSON {
        switch self {
        case .endToken(let id): .integer(Int64(id))
        case .stopString(let text): .string(text)
        case .constraint: .string("constraint")
        case .exhausted: .string("exhausted")
        case .length: .null
        case .deadline: .string("timeout")
        }
    }
}
