// SPDX-License-Identifier: Apache-2.0

/// The routes that take a JSON body.
public enum Endpoint: String, Sendable, CaseIterable {
    /// `POST /v1/completions`.
    case completions = "/v1/completions"
    /// `POST /v1/chat/completions`.
    case chat = "/v1/chat/completions"
    /// `POST /v1/compare`.
    case compare = "/v1/compare"
    /// `POST /v1/score`.
    case score = "/v1/score"
    /// `POST /v1/distribution`.
    case distribution = "/v1/distribution"
    /// `POST /tokenize`.
    case tokenize = "/tokenize"
    /// `POST /detokenize`.
    case detokenize = "/detokenize"
}

extension Set<Endpoint> {
    /// The routes that OpenAI has.
    static let openAI: Set<Endpoint> = [.completions, .chat]
    /// The routes that generate text.
    static let generation: Set<Endpoint> = [.completions, .chat, .compare]
    /// The routes that have settings.
    static let settings: Set<Endpoint> = [.completions, .chat, .compare, .distribution]
    /// The routes that compute one prompt, given as text or as messages.
    static let onePrompt: Set<Endpoint> = [.compare, .score, .distribution]
    /// The routes whose prompt may be text.
    static let texts: Set<Endpoint> = [.completions, .compare, .score, .distribution]
    /// The routes whose prompt may be messages.
    static let conversations: Set<Endpoint> = [.chat, .compare, .score, .distribution]
    /// The routes that have a prompt.
    static let prompted: Set<Endpoint> = [.completions, .chat, .compare, .score, .distribution]
}
