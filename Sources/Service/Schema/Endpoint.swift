// SPDX-License-Identifier: Apache-2.0

/// The routes that take a JSON body.
public enum Endpoint: String, Sendable, CaseIterable {
    /// `POST /v1/completions`.
    case completions = "/v1/completions"
    /// `POST /v1/chat/completions`.
    case chat = "/v1/chat/completions"
    /// `POST /tokenize`.
    case tokenize = "/tokenize"
    /// `POST /detokenize`.
    case detokenize = "/detokenize"
}

extension Set<Endpoint> {
    /// The routes that generate text.
    static let generation: Set<Endpoint> = [.completions, .chat]
}
