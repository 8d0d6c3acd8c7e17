// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// The stages of a `tokenizer.json` around its model, as far as they are implemented.
enum HuggingFacePipeline {
    /// How a text is cut before merging.
    case byteLevel(PreTokenizer, addsPrefixSpace: Bool)
    /// `replacesSpaces`: U+2581 has still to be put for spaces.
    case metaspace(SentencePieceBPE.Prefix, splits: Bool, replacesSpaces: Bool)

    /// The components of a node: itself, or those of a Sequence of them.
    private static func components(_ node: JSONNode?, key: String) throws(TokenizerError) -> [JSONNode] {
        guard let node else { return [] }
        guard try node.required("type").string() == "Sequence" else { return [node] }
        var result: [JSONNode] = []
        for element in try node.required(key).array() {
            guard try element.required("type").string() != "Sequence" else {
                throw try element.required("type").unsupported("a component that is not itself a Sequence")
            }
            result.append(element)
        }
        return result
    }

    // MARK: Normalizer

    static func normalizer(_ node: JSONNode?) throws(TokenizerError) -> Normalizer {
        var normalizer = Normalizer()
        for component in try components(node, key: "normalizers") {
            let type = try component.required("type")
            switch try type.string() {
            case "NFC":
                normalizer.steps.append(.nfc)
            case "Prepend":
                normalizer.steps.append(.prepend(try bounded(component.required("prepend"))))
            case "Replace":
                let pattern = try literal(component.required("pattern"))
                normalizer.steps.append(
                    .replace(pattern: pattern, with: try bounded(component.required("content"))))
            default:
                throw type.unsupported("NFC, Prepend, Replace or Sequence")
            }
        }
        return normalizer
    }

    private static func bounded(_ node: JSONNode) throws(TokenizerError) -> [UInt8] {
        let bytes = Array(try node.string().utf8)
        guard bytes.count <= VocabularyLimits.replacementBytes else {
            throw node.malformed("at most \(VocabularyLimits.replacementBytes) bytes")
        }
        return bytes
    }

    /// A pattern of the form {"String": text}, not empty.
    private static func literal(_ node: JSONNode) throws(TokenizerError) -> [UInt8] {
        guard let text = node["String"] else { throw node.unsupported("{\"String\": …}") }
        let bytes = try bounded(text)
        guard !bytes.isEmpty else { throw text.malformed("a string that is not empty") }
        return bytes
    }

    // MARK: Pre-tokenizer

    static func preTokenizer(
        _ node: JSONNode?, after normalizer: Normalizer
    ) throws(TokenizerError) -> HuggingFacePipeline {
        let space: [UInt8] = [UInt8(ascii: " ")]
        let isEscaped = normalizer.steps.contains(.replace(pattern: space, with: SentencePieceBPE.space))
        let components = try components(node, key: "pretokenizers")
        var stages: [PreTokenizerStage] = []
        for (index, component) in components.enumerated() {
            let type = try component.required("type")
            switch try type.string() {
            case "Split":
                let pattern = try component.required("pattern")
                if isEscaped, components.count == 1, try pattern["String"]?.string() == " " {
                    // Gemma: the normalizer has left no space to split at.
                    return .metaspace(.never, splits: false, replacesSpaces: false)
                }
                stages.append(try splitStage(component, pattern))
            case "Digits":
                stages.append(try component.bool("individual_digits", default: false) ? .numbers : .numberRuns)
            case "ByteLevel":
                guard index == components.count - 1 else {
                    throw type.unsupported("ByteLevel as the last pre-tokenizer")
                }
                if try component.bool("use_regex", default: true) { stages.append(.gpt2) }
                let addsPrefixSpace = try component.bool("add_prefix_space", default: true)
                if addsPrefixSpace, index > 0, let option = component["add_prefix_space"] {
                    throw option.unsupported("false after other pre-tokenizers")
                }
                return .byteLevel(PreTokenizer(stages: stages), addsPrefixSpace: addsPrefixSpace)
            case "Metaspace" where components.count == 1:
                return try metaspace(component, isEscaped: isEscaped)
            default:
                throw type.unsupported("ByteLevel, Digits and Split before ByteLevel, or Metaspace alone")
            }
        }
        guard stages.isEmpty, isEscaped else {
            throw .unsupported(
                path: "pre_tokenizer", found: node == nil ? "null" : "a sequence without ByteLevel",
                expected: "ByteLevel, Metaspace, or a normalizer that replaces spaces by U+2581")
        }
        return .metaspace(.never, splits: false, replacesSpaces: false)
    }

    private static func splitStage(
        _ component: JSONNode, _ pattern: JSONNode
    ) throws(TokenizerError) -> PreTokenizerStage {
        guard let regex = pattern["Regex"] else { throw pattern.unsupported("{\"Regex\": …}") }
        let text = try regex.string()
        guard let stage = PreTokenizerStage.matching(pattern: text) else { throw .unknownPattern(text) }
        let behavior = try component.required("behavior")
        let isInverted = try component.bool("invert", default: false)
        // The word patterns match all of a text, so that removing what is between the matches removes nothing.
        switch try behavior.string() {
        case "Isolated": return stage
        case "Removed" where isInverted && stage.isTotal: return stage
        default: throw behavior.unsupported("Isolated")
        }
    }

    private static func metaspace(
        _ component: JSONNode, isEscaped: Bool
    ) throws(TokenizerError) -> HuggingFacePipeline {
        if let replacement = component["replacement"], try replacement.string() != "\u{2581}" {
            throw replacement.unsupported("U+2581")
        }
        var prefix = SentencePieceBPE.Prefix.always
        if let scheme = component["prepend_scheme"] {
            switch try scheme.string() {
            case "always": prefix = .always
            case "first": prefix = .first
            case "never": prefix = .never
            default: throw scheme.malformed("always, first or never")
            }
        }
        if try component["add_prefix_space"]?.bool() == false { prefix = .never }
        return .metaspace(
            prefix, splits: try component.bool("split", default: true), replacesSpaces: !isEscaped)
    }

    // MARK: Decoder

    /// Whether decoding drops the space that encoding puts before a text.
    static func stripsLeadingSpace(_ node: JSONNode?) throws(TokenizerError) -> Bool {
        for component in try components(node, key: "decoders") {
            switch try component.required("type").string() {
            case "Strip":
                if try component["content"]?.string() == " ", component["start"]?.value.integerValue == 1 {
                    return true
                }
            case "Metaspace":
                if let scheme = component["prepend_scheme"] { return try scheme.string() != "never" }
                return try component.bool("add_prefix_space", default: true)
            default: break
            }
        }
        return false
    }

    // MARK: Post-processor

    /// What a post-processor puts before and after a single text.
    static func template(
        _ node: JSONNode?, _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> (prefix: [Int32], suffix: [Int32]) {
        var prefix: [Int32] = []
        var suffix: [Int32] = []
        for component in try components(node, key: "processors") {
            let type = try component.required("type")
            switch try type.string() {
            case "ByteLevel": break
            case "TemplateProcessing":
                let part = try templateProcessing(component, vocabulary)
                prefix = part.prefix + prefix
                suffix += part.suffix
            case "RobertaProcessing", "BertProcessing":
                prefix = [try pair(component.required("cls"), vocabulary)] + prefix
                suffix.append(try pair(component.required("sep"), vocabulary))
            default: throw type.unsupported("ByteLevel, TemplateProcessing, RobertaProcessing or Sequence")
            }
        }
        return (prefix, suffix)
    }

    private static func templateProcessing(
        _ component: JSONNode, _ vocabulary: Vocabulary
    ) throws(TokenizerError) -> (prefix: [Int32], suffix: [Int32]) {
        var prefix: [Int32] = []
        var suffix: [Int32] = []
        var isAfterText = false
        for element in try component.required("single").array() {
            if let sequence = element["Sequence"] {
                guard try sequence.required("id").string() == "A", !isAfterText else {
                    throw sequence.unsupported("sequence A, once")
                }
                isAfterText = true
                continue
            }
            let name = try element.required("SpecialToken").required("id")
            let special = try component.required("special_tokens").required(try name.string())
            for id in try special.required("ids").array() {
                let id = try id.id(of: try name.string(), limit: vocabulary.size)
                if isAfterText { suffix.append(id) } else { prefix.append(id) }
            }
        }
        return (prefix, suffix)
    }

    /// The id of ["token", id].
    private static func pair(_ node: JSONNode, _ vocabulary: Vocabulary) throws(TokenizerError) -> Int32 {
        let parts = try node.array()
        guard parts.count == 2 else { throw node.malformed("[token, id]") }
        return try parts[1].id(of: try parts[0].string(), limit: vocabulary.size)
    }
}

extension PreTokenizerStage {
    /// Whether every scalar of a text is part of a match.
    var isTotal: Bool {
        switch self {
        case .gpt2, .llama3: true
        case .numbers, .numberRuns, .punctuationRuns, .digitTriples: false
        }
    }
}

extension PreTokenizer {
    /// The family that has these stages.
    var displayName: String {
        switch stages {
        case [.gpt2]: "gpt-2"
        case [.llama3(maximumDigits: 3, foldsLongS: true)], [.llama3(maximumDigits: 3, foldsLongS: false)]: "llama-bpe"
        case [.llama3(maximumDigits: 1, foldsLongS: true)], [.llama3(maximumDigits: 1, foldsLongS: false)]: "qwen2"
        case [.numbers, .gpt2]: "smollm"
        default: "own"
        }
    }
}
