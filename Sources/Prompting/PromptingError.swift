// SPDX-License-Identifier: Apache-2.0

/// Why a prompt cannot be assembled.
public enum PromptingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The checkpoint brings no chat template.
    case noChatTemplate
    /// The chat template cannot be read; `line` from 1.
    case unreadableChatTemplate(line: Int, reason: String)
    /// The chat template cannot be evaluated for this conversation, or makes too much work.
    case chatTemplateFails(line: Int, reason: String)
    /// The chat template refuses this conversation in its own words.
    case chatTemplateRefuses(line: Int, reason: String)
    /// A variable for the chat template has a name that is taken.
    case reservedVariable(name: String)
    /// A conversation without messages.
    case emptyConversation
    /// No template is built in under this name.
    case unknownShotTemplate(name: String, known: [String])
    /// A slot that this part of a template does not have; `offset` in UTF-8 bytes.
    case unknownSlot(part: String, slot: String, offset: Int, allowed: [String])
    /// A brace without its partner; a literal one is written twice.
    case strayBrace(part: String, offset: Int)
    /// A part lacks a slot without which it makes no sense.
    case missingSlot(part: String, slot: String)
    /// More examples than are allowed.
    case tooManyExamples(limit: Int, found: Int)
    /// The assembled prompt would be longer than is allowed, in UTF-8 bytes.
    case promptTooLong(limit: Int, found: Int)
    /// A template part is longer than is allowed, in UTF-8 bytes.
    case templateTooLong(part: String, limit: Int, found: Int)

    /// The reason in words.
    public var description: String {
        switch self {
        case .noChatTemplate:
            return "the checkpoint brings no chat template"
        case .unreadableChatTemplate(let line, let reason):
            return "the chat template cannot be read: line \(line): \(reason)"
        case .chatTemplateFails(let line, let reason):
            return "the chat template fails in line \(line): \(reason)"
        case .chatTemplateRefuses(let line, let reason):
            return "the chat template refuses the conversation in line \(line): \(reason)"
        case .reservedVariable(let name):
            return "the name \"\(name.prefix(64))\" is the chat template's own"
        case .emptyConversation:
            return "a conversation needs at least one message"
        case .unknownShotTemplate(let name, let known):
            return "no template is named \"\(name.prefix(64))\", known are \(known.joined(separator: ", "))"
        case .unknownSlot(let part, let slot, let offset, let allowed):
            return "unknown slot {\(slot.prefix(64))} at byte \(offset) of \(part), "
                + "allowed are \(allowed.map { "{\($0)}" }.joined(separator: ", "))"
        case .strayBrace(let part, let offset):
            return "a single brace at byte \(offset) of \(part); write {{ or }} for a literal one"
        case .missingSlot(let part, let slot):
            return "\(part) lacks the slot {\(slot)}"
        case .tooManyExamples(let limit, let found):
            return "at most \(limit) examples are allowed, found \(found)"
        case .promptTooLong(let limit, let found):
            return "the assembled prompt would have \(found) bytes, at most \(limit) are allowed"
        case .templateTooLong(let part, let limit, let found):
            return "\(part) has \(found) bytes, at most \(limit) are allowed"
        }
    }
}
