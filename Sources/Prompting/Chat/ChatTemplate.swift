// SPDX-License-Identifier: Apache-2.0

public import StrictJSON
public import Tokenizers

/// How a model wants a conversation written: the checkpoint's Jinja template, interpreted.
///
///     let template = try ChatTemplate(tokenizer)
///     let ids = try template.tokenize(messages, addGenerationPrompt: true, with: tokenizer)
///
/// The rendered text is what transformers' `apply_chat_template` gives for messages of text without tools. A template
/// reaches nothing outside of what it is given, and its work is bounded.
public struct ChatTemplate: Sendable {
    private let body: [JinjaStatement]
    private let bos: String?
    private let eos: String?
    private let limits: JinjaLimits

    /// Names that a request cannot give a value to.
    public static let reservedNames: Set<String> = [
        "messages", "add_generation_prompt", "bos_token", "eos_token", "tools", "documents", "raise_exception",
        "strftime_now", "range", "namespace", "dict", "loop",
    ]

    /// Reads a template.
    ///
    /// - Parameters:
    ///   - jinja: the template's source.
    ///   - bos: the spelling of the vocabulary's BOS.
    ///   - eos: the spelling of the vocabulary's EOS.
    ///   - isOfRequest: whether the template is a client's: its work is bounded more tightly, whatever the conversation.
    /// - Throws: ``PromptingError/noChatTemplate``, ``PromptingError/unreadableChatTemplate(line:reason:)``.
    public init(
        jinja: String?, bos: String?, eos: String?, isOfRequest: Bool = false
    ) throws(PromptingError) {
        guard let jinja else { throw .noChatTemplate }
        limits = isOfRequest ? .ofRequests : JinjaLimits()
        do throws(JinjaError) {
            body = try JinjaParser.parse(jinja, limits: limits)
        } catch {
            throw .unreadableChatTemplate(line: error.line ?? 1, reason: error.reason)
        }
        self.bos = bos
        self.eos = eos
    }

    /// Reads the template that comes with a vocabulary, or one of a request for that vocabulary.
    ///
    /// - Throws: ``PromptingError/noChatTemplate``, ``PromptingError/unreadableChatTemplate(line:reason:)``.
    public init(_ tokenizer: any Tokenizer, ofRequest jinja: String? = nil) throws(PromptingError) {
        try self.init(
            jinja: jinja ?? tokenizer.chatTemplate, bos: tokenizer.bosID.flatMap(tokenizer.piece(of:)),
            eos: tokenizer.eosID.flatMap(tokenizer.piece(of:)), isOfRequest: jinja != nil)
    }

    /// The conversation as text.
    ///
    /// - Parameter addGenerationPrompt: whether the text ends where the assistant's next turn begins.
    /// - Throws: ``PromptingError`` naming the line of the template that fails or refuses.
    public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) throws(PromptingError) -> String {
        try prompt(messages, addGenerationPrompt: addGenerationPrompt).text
    }

    /// The conversation as text that knows which parts come from the template.
    ///
    /// - Parameters:
    ///   - variables: further values for the template, such as `enable_thinking`; what they write is not trusted.
    ///   - now: the moment that `strftime_now` shows.
    /// - Throws: ``PromptingError`` naming the line of the template that fails or refuses, or a variable that is
    ///   reserved.
    public func prompt(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, variables: JSONObject = JSONObject(),
        now: WallTime = .now
    ) throws(PromptingError) -> RenderedPrompt {
        guard !messages.isEmpty else { throw .emptyConversation }
        var values: [String: JinjaValue] = [
            "add_generation_prompt": .bool(addGenerationPrompt), "tools": .none, "documents": .none,
        ]
        // As in transformers, a token that the vocabulary lacks is not defined.
        values["bos_token"] = bos.map { .text($0) }
        values["eos_token"] = eos.map { .text($0) }
        var contentBytes = 0
        values["messages"] = .list(
            messages.enumerated().map { index, message in
                contentBytes += message.content.utf8.count
                var dictionary = JinjaDictionary()
                dictionary.set("role", .text(message.role.rawValue))
                dictionary.set("content", .string(TracedText(message.content, message: index)))
                return .dictionary(dictionary)
            })
        for (name, json) in variables.members {
            guard !Self.reservedNames.contains(name) else { throw .reservedVariable(name: name) }
            values[name] = JinjaValue(json)
        }
        let forContent = limits.contentBytesPerStep.map { contentBytes / $0 } ?? 0
        let steps = limits.steps + limits.stepsPerMessage * messages.count + forContent
        let interpreter = JinjaInterpreter(limits: limits, steps: steps, now: now)
        do throws(JinjaError) {
            return RenderedPrompt(try interpreter.render(body, values))
        } catch {
            let line = error.line ?? 1
            if error.kind == .raised { throw .chatTemplateRefuses(line: line, reason: error.reason) }
            throw .chatTemplateFails(line: line, reason: error.reason)
        }
    }

    /// The conversation as ids: those of the rendered text, with control tokens read in the template's parts only.
    ///
    /// BOS comes first once: where the template writes it, or else where the vocabulary asks for it.
    /// - Throws: ``PromptingError`` naming the line of the template that fails or refuses.
    public func tokenize(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, with tokenizer: any Tokenizer
    ) throws(PromptingError) -> [Int32] {
        Self.ids(of: try prompt(messages, addGenerationPrompt: addGenerationPrompt), with: tokenizer)
    }

    /// The ids of a rendered conversation, as in ``tokenize(_:addGenerationPrompt:with:)``.
    public static func ids(of prompt: RenderedPrompt, with tokenizer: any Tokenizer) -> [Int32] {
        let ids = tokenizer.encode(prompt.text, addSpecial: false, parseSpecialIn: prompt.trusted)
        guard tokenizer.addsBOS, let bos = tokenizer.bosID, ids.first != bos else { return ids }
        return [bos] + ids
    }
}

extension JinjaValue {
    /// A value from outside.
    init(_ json: JSON) {
        switch json {
        case .null: self = .none
        case .bool(let flag): self = .bool(flag)
        case .integer(let number): self = .integer(Int(number))
        case .number(let number): self = .float(number)
        case .string(let text): self = .string(TracedText(text, message: nil))
        case .array(let elements): self = .list(elements.map { JinjaValue($0) })
        case .object(let object):
            var dictionary = JinjaDictionary()
            for (name, value) in object.members {
                dictionary.set(
                    .string(Array(name.utf8)), .string(TracedText(name, message: nil)), JinjaValue(value))
            }
            self = .dictionary(dictionary)
        }
    }
}
