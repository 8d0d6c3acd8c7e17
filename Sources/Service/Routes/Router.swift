// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import HTTPTypes

/// The routes of the service.
enum Route: Sendable, Equatable {
    case completions
    case chatCompletions
    case compare
    case score
    case distribution
    case replay
    case whatIf
    case models
    case model(String)
    case tokenize
    case detokenize
    case assemble
    case curve
    case ablate
    case exampleSets
    case exampleSet(String)
    case tokenizerInfo
    case live
    case ready
    case metrics
    case capabilities

    /// The route's name in metrics: as declared, without what varies.
    var name: String {
        switch self {
        case .completions: "/v1/completions"
        case .chatCompletions: "/v1/chat/completions"
        case .compare: "/v1/compare"
        case .score: "/v1/score"
        case .distribution: "/v1/distribution"
        case .replay: "/v1/replay"
        case .whatIf: "/v1/whatif"
        case .models: "/v1/models"
        case .model: "/v1/models/{id}"
        case .tokenize: "/tokenize"
        case .detokenize: "/detokenize"
        case .assemble: "/v1/prompts/assemble"
        case .curve: "/v1/prompts/curve"
        case .ablate: "/v1/prompts/ablate"
        case .exampleSets: "/v1/example-sets"
        case .exampleSet: "/v1/example-sets/{id}"
        case .tokenizerInfo: "/tokenizer_info"
        case .live: "/livez"
        case .ready: "/readyz"
        case .metrics: "/metrics"
        case .capabilities: "/v1/capabilities"
        }
    }

    /// Whether the route takes a JSON body by POST.
    var isPost: Bool {
        switch self {
        case .completions, .chatCompletions, .compare, .score, .distribution, .replay, .whatIf, .tokenize, .detokenize,
            .assemble, .curve, .ablate:
            true
        default: false
        }
    }

    /// Whether the route is about the example sets, which answer more methods than GET and HEAD.
    var isExampleSets: Bool {
        switch self {
        case .exampleSets, .exampleSet: true
        default: false
        }
    }

    /// Whether the route answers without a key.
    var isPublic: Bool {
        switch self {
        case .live, .ready: true
        default: false
        }
    }

    /// Whether the route is asked so often by machines that its log lines are for debugging only.
    var isProbe: Bool {
        switch self {
        case .live, .ready, .metrics: true
        default: false
        }
    }

    /// The methods the route knows.
    var methods: [String] {
        if case .exampleSet = self { return ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"] }
        return isPost ? ["POST", "OPTIONS"] : ["GET", "HEAD", "OPTIONS"]
    }

    /// The route of a path, whatever the method.
    init?(path: String) {
        switch path {
        case "/v1/completions": self = .completions
        case "/v1/chat/completions": self = .chatCompletions
        case "/v1/compare": self = .compare
        case "/v1/score": self = .score
        case "/v1/distribution": self = .distribution
        case "/v1/replay": self = .replay
        case "/v1/whatif": self = .whatIf
        case "/v1/models", "/models": self = .models
        case "/tokenize": self = .tokenize
        case "/detokenize": self = .detokenize
        case "/v1/prompts/assemble": self = .assemble
        case "/v1/prompts/curve": self = .curve
        case "/v1/prompts/ablate": self = .ablate
        case "/v1/example-sets": self = .exampleSets
        case "/tokenizer_info": self = .tokenizerInfo
        case "/livez": self = .live
        case "/readyz", "/health", "/v1/health": self = .ready
        case "/metrics": self = .metrics
        case "/v1/capabilities": self = .capabilities
        default:
            if let id = Self.rest(of: path, after: "/v1/models/") {
                self = .model(id)
            } else if let id = Self.rest(of: path, after: "/v1/example-sets/") {
                self = .exampleSet(id)
            } else {
                return nil
            }
        }
    }

    /// What follows `prefix`; nil if that is nothing.
    private static func rest(of path: String, after prefix: String) -> String? {
        guard path.hasPrefix(prefix), path.utf8.count > prefix.utf8.count else { return nil }
        return String(path.dropFirst(prefix.count))
    }
}
