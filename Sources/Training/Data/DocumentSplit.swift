// SPDX-License-Identifier: Apache-2.0

/// What a document is used for.
public enum Split: String, Sendable, CaseIterable {
    /// Learned from.
    case train
    /// Measured while training goes on.
    case validation
    /// Never looked at by training.
    case test
}

/// Deals documents out by the hash of their text, so that a document's part does not change when others come or go, and
/// copies of one text are all in one part.
public struct SplitRule: Sendable, Equatable {
    /// The share of documents for validation.
    public var validation: Double
    /// The share of documents for the test.
    public var test: Double

    /// A rule of the given shares, which are not negative and together below 1.
    public init(validation: Double, test: Double) {
        self.validation = validation
        self.test = test
    }

    /// The part of the document of this ``hash(of:)``.
    public func split(of hash: UInt64) -> Split {
        let place = Double(hash >> 11) * 0x1p-53
        if place < test { return .test }
        return place < test + validation ? .validation : .train
    }

    /// The hash that decides: of what is only read if there is any, so that a question is in one part whatever its
    /// answers, else of the text. ASCII letters count as lower case, runs of white space as one space, and at the ends as none.
    public static func hash(of document: Document) -> UInt64 {
        let isMasked = document.isMasked
        let text = document.segments.filter { !isMasked || !$0.isLearned }.map(\.text).joined()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var isSpacePending = false
        for byte in text.utf8 {
            switch byte {
            case 0x20, 0x09...0x0D: isSpacePending = !bytes.isEmpty
            default:
                if isSpacePending { bytes.append(0x20) }
                isSpacePending = false
                bytes.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte)
            }
        }
        return bytes.withUnsafeBytes { ContentHash.hash($0, seed: 0x7370_6C69_74) }
    }
}
