// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// One prompt as a client gives it: text, ids, or a mixture.
package struct PromptInput: Sendable, Equatable {
    /// A stretch of a prompt.
    package enum Segment: Sendable, Equatable {
        /// Text to tokenize.
        case text(String)
        /// Ids as they are.
        case ids([Int32])

        /// The most tokens that it can have: a token has a byte at least, but for what it may join before it.
        var tokenLimit: Int {
            switch self {
            case .text(let text): text.utf8.count + 1
            case .ids(let ids): ids.count
            }
        }
    }

    /// The stretches in order; empty only where a client sent an empty list, which is refused.
    package var segments: [Segment]

    /// The text if the prompt is text and nothing else.
    var text: String? {
        guard segments.count == 1, case .text(let text) = segments[0] else { return nil }
        return text
    }
}

extension PromptInput {
    /// The most prompts of one request.
    static let countRange = Allowed(min: 1, max: 128, counting: "prompts")
    private static let elementTypes = "string, array of token ids, or array of these"

    /// Reads a string, a list of ids, a mixed list (one prompt), or a list of any of these (one prompt each).
    ///
    /// A list that holds a number at its top level is one prompt; a list of strings is one prompt per string.
    static func readAll(
        _ json: JSON, _ path: String, _ reading: inout FieldReading
    ) throws(APIError) -> [PromptInput] {
        switch json {
        case .string(let text): return [PromptInput(segments: [.text(text)])]
        case .array(let elements):
            guard !elements.isEmpty else {
                throw .notAllowed(param: path, found: "0 prompts", allowed: countRange)
            }
            if elements.contains(where: { $0.doubleValue != nil }) {
                return [try read(elements, path, reading.limits)]
            }
            guard countRange.contains(Double(elements.count)) else {
                throw .notAllowed(param: path, found: "\(elements.count) prompts", allowed: countRange)
            }
            var prompts: [PromptInput] = []
            for (index, element) in elements.enumerated() {
                let elementPath = JSONPath.element(path, index)
                switch element {
                case .string(let text): prompts.append(PromptInput(segments: [.text(text)]))
                case .array(let parts): prompts.append(try read(parts, elementPath, reading.limits))
                default: throw .wrongType(param: elementPath, expected: elementTypes, found: element.typeName)
                }
            }
            return prompts
        default: throw .wrongType(param: path, expected: elementTypes, found: json.typeName)
        }
    }

    private static func read(_ parts: [JSON], _ path: String, _ limits: ModelLimits?) throws(APIError) -> PromptInput {
        guard !parts.isEmpty else { throw .invalidValue(param: path, reason: "the prompt has no tokens") }
        var segments: [Segment] = []
        var ids: [Int32] = []
        for (index, part) in parts.enumerated() {
            let partPath = JSONPath.element(path, index)
            switch part {
            case .string(let text):
                if !ids.isEmpty { segments.append(.ids(ids)) }
                ids = []
                segments.append(.text(text))
            case .integer, .number: ids.append(try Read.tokenID(part, partPath, limits))
            default: throw .wrongType(param: partPath, expected: "token id or string", found: part.typeName)
            }
        }
        if !ids.isEmpty { segments.append(.ids(ids)) }
        return PromptInput(segments: segments)
    }
}
