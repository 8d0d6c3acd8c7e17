// SPDX-License-Identifier: Apache-2.0

public import Tokenizers

/// How a model wants a conversation written. Recognised by characteristic parts of the checkpoint's Jinja template, then
/// rendered by a built-in equivalent.
///
///     let template = try ChatTemplate(tokenizer)
///     let ids = try template.tokenize(messages, addGenerationPrompt: true, with: tokenizer)
///
/// The rendered text is what transformers' `apply_chat_template` gives for messages of text without tools.
public struct ChatTemplate: Sendable {
    /// A way of writing conversations.
    public enum Format: String, Sendable, CaseIterable {
        /// `[INST] <<SYS>>…` (Llama 2 chat).
        case llama2
        /// `<|start_header_id|>user<|end_header_id|>…` (Llama 3, 3.1, 3.2, 3.3).
        case llama3
        /// `<|im_start|>user…` (Qwen 2 and 2.5, SmolLM2 and many more).
        case chatML = "chatml"
        /// ChatML with a place for thoughts (Qwen 3).
        case qwen3
        /// `[INST] … [/INST]` (Mistral instruct of all versions).
        case mistral
        /// `<|user|>…</s>` (Zephyr, TinyLlama chat).
        case zephyr
    }

    /// Which way of writing it is.
    public let format: Format
    /// Whether the template writes BOS at the start of the text.
    public let writesBOS: Bool

    private let renderer: any ChatRenderer
    private let controls: ChatControls

    /// Recognises a template.
    ///
    /// - Parameters:
    ///   - jinja: the checkpoint's template.
    ///   - bos: the spelling of the vocabulary's BOS.
    ///   - eos: the spelling of the vocabulary's EOS.
    /// - Throws: ``PromptingError/noChatTemplate``, ``PromptingError/unknownChatTemplate(start:)``.
    public init(jinja: String?, bos: String?, eos: String?) throws(PromptingError) {
        guard let jinja else { throw .noChatTemplate }
        let renderers: [any ChatRenderer.Type] = [
            Qwen3Renderer.self, ChatMLRenderer.self, Llama3Renderer.self, Llama2Renderer.self, MistralRenderer.self,
            ZephyrRenderer.self,
        ]
        // A template is some kilobytes long; what is far longer is none of ours.
        let text = JinjaText(jinja.utf8.count <= 1 << 18 ? jinja : "")
        guard let renderer = renderers.lazy.compactMap({ $0.init(text) }).first else {
            throw .unknownChatTemplate(start: String(jinja.prefix(80)))
        }
        self.renderer = renderer
        controls = ChatControls(bos: bos ?? "", eos: eos ?? "")
        format = renderer.format
        writesBOS = renderer.writesBOS && !controls.bos.isEmpty
    }

    /// Recognises the template that comes with a vocabulary.
    ///
    /// - Throws: ``PromptingError/noChatTemplate``, ``PromptingError/unknownChatTemplate(start:)``.
    public init(_ tokenizer: any Tokenizer) throws(PromptingError) {
        try self.init(
            jinja: tokenizer.chatTemplate, bos: tokenizer.bosID.flatMap(tokenizer.piece(of:)),
            eos: tokenizer.eosID.flatMap(tokenizer.piece(of:)))
    }

    /// The conversation as text; BOS is part of it if ``writesBOS``.
    ///
    /// - Parameter addGenerationPrompt: whether the text ends where the assistant's next turn begins.
    /// - Throws: ``PromptingError`` naming the message whose role cannot stand where it stands.
    public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool) throws(PromptingError) -> String {
        try prompt(messages, addGenerationPrompt: addGenerationPrompt).text
    }

    /// The conversation as text that knows which parts come from the template.
    ///
    /// - Throws: ``PromptingError`` naming the message whose role cannot stand where it stands.
    public func prompt(
        _ messages: [ChatMessage], addGenerationPrompt: Bool
    ) throws(PromptingError) -> RenderedPrompt {
        guard !messages.isEmpty else { throw .emptyConversation }
        var prompt = RenderedPrompt()
        try renderer.render(messages, addGenerationPrompt: addGenerationPrompt, controls: controls, into: &prompt)
        return prompt
    }

    /// The conversation as ids: those of the rendered text, with control tokens read in the template's parts only.
    ///
    /// BOS comes first once: where the template writes it, or else where the vocabulary asks for it.
    /// - Throws: ``PromptingError`` naming the message whose role cannot stand where it stands.
    public func tokenize(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, with tokenizer: any Tokenizer
    ) throws(PromptingError) -> [Int32] {
        let prompt = try prompt(messages, addGenerationPrompt: addGenerationPrompt)
        let ids = tokenizer.encode(prompt.text, addSpecial: false, parseSpecialIn: prompt.trusted)
        guard tokenizer.addsBOS, let bos = tokenizer.bosID, ids.first != bos else { return ids }
        return [bos] + ids
    }
}

/// The spellings of control tokens that differ between vocabularies of one format.
struct ChatControls: Sendable {
    var bos: String
    var eos: String
}

/// A built-in equivalent of a family of Jinja templates.
protocol ChatRenderer: Sendable {
    var format: ChatTemplate.Format { get }
    var writesBOS: Bool { get }

    /// Nil if `template` is not of this family.
    init?(_ template: JinjaText)

    /// Writes the conversation; it has at least one message.
    func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, controls: ChatControls, into prompt: inout RenderedPrompt
    ) throws(PromptingError)
}

extension ChatRenderer {
    /// Splits off an optional system message at the start and checks that user and assistant alternate after it.
    func alternating(
        _ messages: [ChatMessage], allowsSystem: Bool
    ) throws(PromptingError) -> (system: String?, turns: ArraySlice<ChatMessage>) {
        var system: String?
        var turns = messages[...]
        if allowsSystem, let first = turns.first, first.role == .system {
            system = first.content
            turns.removeFirst()
        }
        guard !turns.isEmpty else {
            throw .missingMessage(index: messages.count, expected: .user, format: format)
        }
        for (place, index) in turns.indices.enumerated() {
            var expected: [ChatMessage.Role] = [place.isMultiple(of: 2) ? .user : .assistant]
            guard turns[index].role != expected[0] else { continue }
            if index == 0, allowsSystem { expected.insert(.system, at: 0) }
            throw .roleNotAllowed(index: index, role: turns[index].role, expected: expected, format: format)
        }
        return (system, turns)
    }
}
