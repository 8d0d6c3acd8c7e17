// SPDX-License-Identifier: Apache-2.0

/// The routes that take a JSON body; the value is the path, after the method if that is not POST.
public enum Endpoint: String, Sendable, CaseIterable {
    /// `POST /v1/completions`.
    case completions = "/v1/completions"
    /// `POST /v1/chat/completions`.
    case chat = "/v1/chat/completions"
    /// `POST /tokenize`.
    case tokenize = "/tokenize"
    /// `POST /detokenize`.
    case detokenize = "/detokenize"
    /// `POST /v1/prompts/curve`.
    case curve = "/v1/prompts/curve"
    /// `POST /v1/prompts/ablate`.
    case ablate = "/v1/prompts/ablate"
    /// `PUT /v1/example-sets/{id}`.
    case putExampleSet = "PUT /v1/example-sets/{id}"
    /// `PATCH /v1/example-sets/{id}`.
    case patchExampleSet = "PATCH /v1/example-sets/{id}"

    /// The method.
    package var method: String {
        switch self {
        case .putExampleSet: "PUT"
        case .patchExampleSet: "PATCH"
        default: "POST"
        }
    }

    /// The path.
    package var path: String {
        switch self {
        case .putExampleSet, .patchExampleSet: "/v1/example-sets/{id}"
        default: rawValue
        }
    }
}

extension Set<Endpoint> {
    /// The routes that generate text.
    static let generation: Set<Endpoint> = [.completions, .chat]
    /// The routes that write example sets; they have no model.
    static let exampleSets: Set<Endpoint> = [.putExampleSet, .patchExampleSet]
    /// The routes that are about a model.
    static let withModel = Set(Endpoint.allCases).subtracting(exampleSets)
}
