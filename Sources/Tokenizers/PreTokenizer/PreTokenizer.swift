// SPDX-License-Identifier: Apache-2.0

/// One rule of a pre-tokenizer: where it cuts a text. What no rule matches stays whole.
enum PreTokenizerStage: Sendable, Hashable {
    /// GPT-2's words.
    case gpt2
    /// Llama 3's words, with numbers of three digits at most (Qwen 2: of one).
    ///
    /// Under `(?i:'s)` Oniguruma lets U+017F pass for "s"; llama.cpp spells the letters out and does not.
    case llama3(maximumDigits: Int, foldsLongS: Bool)
    /// `\p{N}`: every number alone.
    case numbers
    /// `\p{N}+`.
    case numberRuns
    /// ``[\p{P}$+<=>^~|]+``, with or without the grave accent.
    case punctuationRuns(withGraveAccent: Bool)
    /// `[0-9][0-9][0-9]`.
    case digitTriples
}

/// Cuts a text into the pieces that merging works in: the stages one after the other, each within the cuts of those
/// before it.
struct PreTokenizer: Sendable, Equatable {
    let stages: [PreTokenizerStage]

    /// The ends of the pieces of `text`, as scalar indices, in order.
    func pieceEnds(of text: ClassifiedText) -> [Int] {
        var ends = text.count > 0 ? [text.count] : []
        for stage in stages {
            var finer: [Int] = []
            finer.reserveCapacity(max(ends.count, text.count / 4))
            var start = 0
            for end in ends {
                stage.split(text, start..<end, into: &finer)
                start = end
            }
            ends = finer
        }
        return ends
    }
}

extension PreTokenizer {
    /// Names of `tokenizer.ggml.pre` that mean the same, and the traits that llama.cpp gives them.
    struct Family: Sendable {
        var names: [String]
        var stages: [PreTokenizerStage]
        /// A word that is a piece becomes that piece, whatever the merges.
        var ignoresMerges = false
        /// Encoding starts with BOS where the file does not say.
        var addsBOS = false
    }

    /// The pre-tokenizers of llama.cpp that are implemented.
    ///
    /// Source: llama.cpp, `src/llama-vocab.cpp`.
    static let families = [
        Family(
            names: ["gpt-2", "gpt2", "gpt-neox", "olmo", "mpt", "phi-2", "jais", "trillion", "granite-docling"],
            stages: [.gpt2]),
        Family(
            names: [
                "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
            ],
            stages: [.llama3(maximumDigits: 3, foldsLongS: false)], ignoresMerges: true, addsBOS: true),
        Family(names: ["smaug-bpe", "dbrx"], stages: [.llama3(maximumDigits: 3, foldsLongS: false)]),
        Family(
            names: ["qwen2", "qwen2.5", "qwen3", "deepseek-r1-qwen", "stablelm2", "hunyuan"],
            stages: [.llama3(maximumDigits: 1, foldsLongS: false)]),
        Family(
            names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
            stages: [.numbers, .gpt2]),
        Family(names: ["falcon"], stages: [.punctuationRuns(withGraveAccent: true), .gpt2, .digitTriples]),
        Family(
            names: ["default"],
            stages: [.punctuationRuns(withGraveAccent: false), .gpt2, .numberRuns, .digitTriples]),
    ]

    /// The family that has this name.
    static func family(named name: String) -> Family? { families.first { $0.names.contains(name) } }

    /// The names of all families.
    static var knownNames: [String] { families.flatMap(\.names) }
}

extension PreTokenizerStage {
    /// The stage of a regular expression as `tokenizer.json` files have it.
    static func matching(pattern: String) -> PreTokenizerStage? {
        let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
        let spelt = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
        let letters = #"|[^\r\n\p{L}\p{N}]?\p{L}+|"#
        let rest = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
        let gpt2 = #"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
        return switch pattern {
        case "'s|'t|'re|'ve|'m|'ll|'d" + gpt2, "'(?:[sdmt]|ll|ve|re)" + gpt2: .gpt2
        case contractions + letters + #"\p{N}{1,3}"# + rest: .llama3(maximumDigits: 3, foldsLongS: true)
        case spelt + letters + #"\p{N}{1,3}"# + rest: .llama3(maximumDigits: 3, foldsLongS: false)
        case contractions + letters + #"\p{N}"# + rest: .llama3(maximumDigits: 1, foldsLongS: true)
        case spelt + letters + #"\p{N}"# + rest: .llama3(maximumDigits: 1, foldsLongS: false)
        case #"\p{N}"#: .numbers
        case #"\p{N}+"#: .numberRuns
        case "[0-9][0-9][0-9]": .digitTriples
        default: nil
        }
    }
}
