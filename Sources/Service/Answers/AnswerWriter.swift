// SPDX-License-Identifier: Apache-2.0

import Engine
import Evaluation
import StrictJSON
import Tokenizers

/// A choice as far as it is known.
struct ChoiceState: Sendable {
    var text = ""
    var tokens: [LabelledToken] = []
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
            Self.write(usage, to: &answer)
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

    /// The chunk after the last choice: no choices, the usage.
    func usageChunk(_ usage: GenerationUsage) -> [UInt8] {
        event { chunk in
            writeHead(object: isChat ? "chat.completion.chunk" : "text_completion", to: &chunk)
            chunk.member("choices", array: { _ in })
            chunk.key("usage")
            Self.write(usage, to: &chunk)
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
            Self.write(usage, to: &writer)
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
        switch reason {
        case nil:
            writer.key("finish_reason")
            writer.null()
        case .endToken(let id):
            writer.member("finish_reason", "stop")
            writer.member("stop_reason", id)
        case .stopString(let text):
            writer.member("finish_reason", "stop")
            writer.member("stop_reason", text)
        case .constraint:
            writer.member("finish_reason", "stop")
            writer.member("stop_reason", "constraint")
        case .length:
            writer.member("finish_reason", "length")
            writer.key("stop_reason")
            writer.null()
        case .exhausted:
            writer.member("finish_reason", "stop")
            writer.member("stop_reason", "exhausted")
        case .deadline:
            writer.member("finish_reason", "length")
            writer.member("stop_reason", "timeout")
        }
    }

    static func write(_ usage: GenerationUsage, to writer: inout JSONWriter) {
        writer.object { object in
            object.member("prompt_tokens", usage.promptTokens)
            object.member("completion_tokens", usage.generatedTokens)
            object.member("total_tokens", usage.promptTokens + usage.generatedTokens)
            object.member("prompt_tokens_details", object: { $0.member("cached_tokens", usage.cachedTokens) })
            object.member("completion_tokens_details", object: { $0.member("reasoning_tokens", 0) })
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
