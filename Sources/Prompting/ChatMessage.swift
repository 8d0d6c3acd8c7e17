// SPDX-License-Identifier: Apache-2.0

/// One turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
    /// Who speaks.
    public enum Role: String, Sendable, CaseIterable {
        /// Instructions that hold for the whole conversation.
        case system
        /// The person.
        case user
        /// The model.
        case assistant
    }

    /// Who speaks.
    public var role: Role
    /// What is said.
    public var content: String

    /// A turn of the given parts.
    public init(role: Role, content: String) {
        self.role = role
        self.content = content
    }
}
