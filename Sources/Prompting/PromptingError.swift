// SPDX-License-Identifier: Apache-2.0

/// Why a prompt cannot be assembled.
public enum PromptingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The checkpoint brings no chat template.
    case noChatTemplate
    /// The checkpoint's chat template is none of those that are built in; `start` is how it begins.
    case unknownChatTemplate(start: String)
    /// A conversation without messages.
    case emptyConversation
    /// The message at `index` has a role that the chat template does not allow there.
    case roleNotAllowed(index: Int, role: ChatMessage.Role, expected: [ChatMessage.Role], format: ChatTemplate.Format)
    /// The conversation ends before a message that the chat template demands.
    case missingMessage(index: Int, expected: ChatMessage.Role, format: ChatTemplate.Format)
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
        case .unknownChatTemplate(let start):
            return "the checkpoint's chat template is not one of "
                + "\(ChatTemplate.Format.allCases.map(\.rawValue).joined(separator: ", ")); it begins \"\(start)\""
        case .emptyConversation:
            return "a conversation needs at least one message"
        case .roleNotAllowed(let index, let role, let expected, let format):
            let allowed = expected.map(\.rawValue).joined(separator: " or ")
            return "messages[\(index)] has role \(role.rawValue), "
                + "the chat template (\(format.rawValue)) expects \(allowed) there"
        case .missingMessage(let index, let expected, let format):
            return "messages[\(index)] is missing: the chat template (\(format.rawValue)) expects a message of role "
                + "\(expected.rawValue) there"
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
