// SPDX-License-Identifier: Apache-2.0

/// Why no token can be drawn, or why a decoding control cannot be used.
public enum DecodingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The logits are not one per id of the vocabulary.
    case logitCount(expected: Int, found: Int)
    /// The logit of `id` is NaN or plus infinity, for the token at `position`.
    case badLogit(id: Int32, value: String, position: Int)
    /// Every id is banned (its logit is minus infinity), for the token at `position`.
    case noCandidates(position: Int)
    /// A stage of the request bans every id that is left, for the token at `position`.
    case nothingAllowed(by: StageName, position: Int)
    /// The constraint of this name lets nothing follow that the vocabulary can spell, for the token at `position`.
    case constraintDeadEnd(name: String, position: Int)
    /// The constraint of this name has too many open readings, for the token at `position`.
    case constraintTooAmbiguous(name: String, position: Int)
    /// A request names more stop strings than are allowed.
    case tooManyStops(limit: Int, found: Int)
    /// The stop string at `index` is empty.
    case emptyStop(index: Int)
    /// The stop string at `index` is longer than is allowed, in UTF-8 bytes.
    case stopTooLong(index: Int, limit: Int, found: Int)

    /// The reason in words.
    public var description: String {
        switch self {
        case .logitCount(let expected, let found):
            "expected \(expected) logits, one per id of the vocabulary, found \(found)"
        case .badLogit(let id, let value, let position):
            "the logit of id \(id) at position \(position) is \(value), expected a finite number or minus infinity"
        case .noCandidates(let position):
            "no id can be drawn at position \(position): every logit is minus infinity"
        case .nothingAllowed(let stage, let position):
            "no id can be drawn at position \(position): \(stage.rawValue) leaves none of those that are left"
        case .constraintDeadEnd(let name, let position):
            "no id can be drawn at position \(position): the vocabulary cannot spell what \(name) asks for"
        case .constraintTooAmbiguous(let name, let position):
            "no id can be drawn at position \(position): too many readings of \(name) are open"
        case .tooManyStops(let limit, let found):
            "at most \(limit) stop strings are allowed, found \(found)"
        case .emptyStop(let index):
            "stop string \(index) is empty"
        case .stopTooLong(let index, let limit, let found):
            "stop string \(index) has \(found) bytes, at most \(limit) are allowed"
        }
    }
}
