// SPDX-License-Identifier: Apache-2.0

package import StrictJSON

/// How a new byte-level vocabulary cuts text into words: rules that `tokenizer.json` can say and that llama.cpp knows by
/// a name.
public enum WordRule: String, Sendable, CaseIterable {
    /// GPT-2's words; numbers of any length.
    case gpt2
    /// GPT-2's words, every digit alone.
    case smollm
    /// Llama 3's words, numbers of three digits at most.
    case llama3
    /// Qwen 2's words: as Llama 3's, every digit alone.
    case qwen2

    /// The name of `tokenizer.ggml.pre`.
    package var ggufName: String {
        switch self {
        case .gpt2: "gpt-2"
        case .smollm: "smollm"
        case .llama3: "llama-bpe"
        case .qwen2: "qwen2"
        }
    }

    /// Whether a word that is a piece becomes that piece, whatever the merges; as llama.cpp has it under this name.
    package var ignoresMerges: Bool { PreTokenizer.family(named: ggufName)?.ignoresMerges ?? false }

    var preTokenizer: PreTokenizer { PreTokenizer(stages: PreTokenizer.family(named: ggufName)?.stages ?? []) }

    /// `pre_tokenizer` of a `tokenizer.json`.
    package var json: JSON {
        switch self {
        case .gpt2: return Self.byteLevel(cuts: true)
        case .smollm: return Self.sequence(["type": .string("Digits"), "individual_digits": .bool(true)], cuts: true)
        case .llama3: return Self.split(digits: "{1,3}")
        case .qwen2: return Self.split(digits: "")
        }
    }

    private static func split(digits: String) -> JSON {
        // The contractions are spelt out: `(?i:'s)` would take U+017F for an "s", which llama.cpp does not.
        let pattern =
            "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
            + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + digits
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        return sequence(
            [
                "type": .string("Split"), "pattern": JSON(members: ["Regex": .string(pattern)]),
                "behavior": .string("Isolated"), "invert": .bool(false),
            ], cuts: false)
    }

    private static func sequence(_ first: KeyValuePairs<String, JSON>, cuts: Bool) -> JSON {
        JSON(members: [
            "type": .string("Sequence"), "pretokenizers": .array([JSON(members: first), byteLevel(cuts: cuts)]),
        ])
    }

    private static func byteLevel(cuts: Bool) -> JSON {
        JSON(members: [
            "type": .string("ByteLevel"), "add_prefix_space": .bool(false), "trim_offsets": .bool(true),
            "use_regex": .bool(cuts),
        ])
    }
}

/// Cuts text into words as encoding does, for training a vocabulary.
package struct WordSplitter: Sendable {
    private let preTokenizer: PreTokenizer
    private let special: AddedTokenMatcher

    /// - Parameters:
    ///   - special: spellings of control tokens, which belong to no word; encoding matches them before anything else.
    package init(_ rule: WordRule, special: [String]) {
        preTokenizer = rule.preTokenizer
        self.special = AddedTokenMatcher(
            special.enumerated().map { index, spelling in
                AddedToken(id: Int32(index), content: Array(spelling.utf8), isControl: false)
            })
    }

    /// Calls `body` with each word of `text`, which is valid UTF-8, in order.
    package func forEachWord(of text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        special.forEachSegment(of: text, trusted: TrustedRanges([])) { segment in
            guard case .text(let part, _) = segment else { return }
            for chunk in TextChunks(part) {
                let classified = ClassifiedText(chunk)
                var start = 0
                for scalarEnd in preTokenizer.pieceEnds(of: classified) {
                    let end = Int(classified.offsets[scalarEnd])
                    body(UnsafeBufferPointer(rebasing: chunk[start..<end]))
                    start = end
                }
            }
        }
    }
}

/// GPT-2's printable alphabet, in which `tokenizer.json` spells bytes.
package enum ByteSpelling {
    /// The bytes in ascending order of the scalars that spell them.
    package static let byteOrder: [UInt8] = (0...255).sorted { scalar($0).value < scalar($1).value }

    /// How `bytes` are spelt.
    package static func spelling(of bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.flatMap { ByteAlphabet.spelling[Int($0)] }, as: UTF8.self)
    }

    private static func scalar(_ byte: UInt8) -> Unicode.Scalar {
        String(decoding: ByteAlphabet.spelling[Int(byte)], as: UTF8.self).unicodeScalars.first ?? "\u{0}"
    }
}
