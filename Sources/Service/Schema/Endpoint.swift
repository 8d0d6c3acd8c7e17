// SPDX-License-Identifier: Apache-2.0

/// The routes that take a JSON body; the value is the path, after the method if that is not POST.
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
    /// `POST /v1/replay`.
    case replay = "/v1/replay"
    /// `POST /v1/whatif`.
    case whatIf = "/v1/whatif"
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
    /// The routes that write example sets; they have no model.
    static let exampleSets: Set<Endpoint> = [.putExampleSet, .patchExampleSet]
    /// The routes that are about a model.
    static let withModel = Set(Endpoint.allCases).subtracting(exampleSets)
}
