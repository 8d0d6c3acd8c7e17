// SPDX-License-Identifier: Apache-2.0

/// What happens to a text before it is cut: steps in order, on valid UTF-8.
struct Normalizer: Sendable, Equatable {
    /// One step.
    enum Step: Sendable, Equatable {
        /// Unicode normalization form C.
        case nfc
        /// Puts these bytes before a text that is not empty.
        case prepend([UInt8])
        /// Replaces every occurrence, left to right. The pattern is not empty.
        case replace(pattern: [UInt8], with: [UInt8])
    }

    var steps: [Step] = []

    /// The normalized text.
    func apply(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var result = [UInt8](text)
        for step in steps {
            switch step {
            case .nfc: result = CanonicalComposition.compose(result)
            case .prepend(let prefix): if !result.isEmpty { result.insert(contentsOf: prefix, at: 0) }
            case .replace(let pattern, let replacement): result = Self.replace(pattern, with: replacement, in: result)
            }
        }
        return result
    }

    private static func replace(_ pattern: [UInt8], with replacement: [UInt8], in text: [UInt8]) -> [UInt8] {
        guard let first = pattern.first, pattern.count <= text.count else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 4)
        var index = 0
        while index < text.count {
            if text[index] == first, text[index...].starts(with: pattern) {
                result.append(contentsOf: replacement)
                index += pattern.count
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }
}
