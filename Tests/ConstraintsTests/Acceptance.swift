// SPDX-License-Identifier: Apache-2.0

import Constraints
import Foundation

/// Vocabularies of tests.
enum Vocabularies {
    /// One token per byte; the id is the byte.
    static let bytes = TokenTrie(pieces: (0..<256).map { [UInt8($0)] })

    /// Bytes, then pieces of one to many characters, some of them cut inside a character or spelt twice.
    static let mixed: TokenTrie = {
        let words = [
            "{", "}", "{\"", "\"}", "\":", "\": ", "\",", "\", \"", "true", "false", "null", "  ", "\n", "\n  ", "0",
            "12", "123", ".5", "-1", "e+1", "name", "nam", "\"name\"", "value", " the", " The", "ab", "abab", "a",
            "aaaaaaaa", "[[", "]]", "},", "}}", "[{\"", "\\", "\\\"", "\\u", "\\u00", "é", "日本", "😀", " a", "abc def",
            "xyz\"", "\"]", "],", ":[", ": [", "\"\"", "-", "2024-", "-02-29", "T12:00:00Z", "\",\"", "\"a\":", "_",
        ]
        let halves: [[UInt8]] = [
            [0xE6, 0x97], [0xA5], [0xF0, 0x9F], [0x98, 0x80], [0xC3], [0xA9, 0x22], [], [0x61],
        ]
        return TokenTrie(pieces: (0..<256).map { [UInt8($0)] } + words.map { Array($0.utf8) } + halves)
    }()
}

extension TokenConstraint {
    /// Whether the whole text satisfies it, byte by byte: each must be allowed where it stands. The vocabulary is that
    /// of bytes.
    func accepts(_ text: String) throws -> Bool {
        var follower = ConstraintFollower(self)
        for byte in text.utf8 {
            guard try follower.allowedTokens().contains(Int32(byte)) else { return false }
            follower.accept(Int32(byte))
        }
        return follower.mayEnd
    }

    convenience init(_ source: ConstraintSource) throws {
        try self.init(source, Vocabularies.bytes)
    }
}

/// A small generator of numbers, the same for the same seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
