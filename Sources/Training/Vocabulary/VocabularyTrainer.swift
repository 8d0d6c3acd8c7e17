// SPDX-License-Identifier: Apache-2.0

public import Tokenizers

/// What a byte-level vocabulary is to be like.
public struct VocabularyOptions: Sendable {
    /// How many ids there are at most: special tokens, the 256 bytes, and merges.
    public var size: Int
    /// How text is cut into words.
    public var rule: WordRule
    /// Control tokens; their ids are 0 and on.
    public var special: [String]
    /// The control token before a text, if there is one.
    public var bos: String?
    /// The control token that ends a text.
    public var eos: String
    /// The control token for padding, if there is one.
    public var pad: String?
    /// A pair that occurs less often is not merged.
    public var minimumCount = 2

    /// The longest text of a control token, in bytes.
    public static let specialBytes = 128

    /// Options in which the control tokens of the roles come first, then `special` in order.
    ///
    /// - Throws: ``VocabularyError`` for a size that does not hold the control tokens and the bytes, and for control tokens that are empty, too long, or two of one spelling.
    public init(
        size: Int, rule: WordRule = .gpt2, special: [String] = [], bos: String? = nil,
        eos: String = "<|endoftext|>", pad: String? = nil
    ) throws(VocabularyError) {
        var all: [String] = []
        for token in [eos, bos, pad].compactMap({ $0 }) where !all.contains(token) { all.append(token) }
        for token in special {
            // A role's token may be named again.
            if all.contains(token), token != eos, token != bos, token != pad { throw .repeatedSpecial(token) }
            if !all.contains(token) { all.append(token) }
        }
        for token in all where token.isEmpty || token.utf8.count > Self.specialBytes {
            throw .badSpecial(token, limit: Self.specialBytes)
        }
        let smallest = all.count + 256
        guard size >= smallest, size <= VocabularyLimits.pieces else {
            throw .badSize(size, allowed: smallest...VocabularyLimits.pieces)
        }
        self.size = size
        self.rule = rule
        self.special = all
        self.bos = bos
        self.eos = eos
        self.pad = pad
    }
}

/// Why a vocabulary cannot be trained.
public enum VocabularyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The size is out of range.
    case badSize(Int, allowed: ClosedRange<Int>)
    /// A control token is empty or too long.
    case badSpecial(String, limit: Int)
    /// A control token is listed twice.
    case repeatedSpecial(String)
    /// There is no text to learn from.
    case noText

    /// The error in words.
    public var description: String {
        switch self {
        case .badSize(let size, let allowed):
            "a vocabulary of \(size) ids: expected \(allowed.lowerBound) (control tokens and the 256 bytes) to "
                + "\(allowed.upperBound)"
        case .badSpecial(let token, let limit):
            "control token \"\(token.prefix(64))\": expected 1 to \(limit) bytes, found \(token.utf8.count)"
        case .repeatedSpecial(let token): "control token \"\(token)\" is listed twice"
        case .noText: "there is no text to learn a vocabulary from"
        }
    }
}

/// Learns a byte-level BPE vocabulary (Sennrich et al. 2016; over bytes: Radford et al. 2019).
///
///     var trainer = VocabularyTrainer(try VocabularyOptions(size: 4096))
///     trainer.add(text)
///     let vocabulary = try trainer.train()
///
/// The result is a pure function of options and texts, whatever their order. It is what Hugging Face tokenizers'
/// `BpeTrainer` learns with `initial_alphabet` of all bytes and `min_frequency` equal to
/// ``VocabularyOptions/minimumCount``, but for two things: the spelling of a control token in a text is no part of a
/// word, and no piece is longer than ``pieceBytes``.
public struct VocabularyTrainer {
    /// The most bytes of a piece.
    public static let pieceBytes = 256

    private let options: VocabularyOptions
    private let splitter: WordSplitter
    private var words = WordCounts()

    /// A trainer that has seen no text.
    public init(_ options: VocabularyOptions) {
        self.options = options
        splitter = WordSplitter(options.rule, special: options.special)
    }

    /// Counts the words of `text`.
    public mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes in splitter.forEachWord(of: bytes) { words.add($0) } }
    }

    /// Learns the merges of the texts so far.
    ///
    /// - Throws: ``VocabularyError/noText``.
    public func train() throws(VocabularyError) -> TrainedVocabulary {
        guard words.count > 0 else { throw .noText }
        var pieces: [[UInt8]] = options.special.map { Array($0.utf8) }
        let firstByte = Int32(pieces.count)
        var symbolOfByte = [Int32](repeating: 0, count: 256)
        for (index, byte) in ByteSpelling.byteOrder.enumerated() {
            symbolOfByte[Int(byte)] = firstByte + Int32(index)
            pieces.append([byte])
        }
        var ids: [[UInt8]: Int32] = [:]
        var merging = PairMerging(words, symbolOfByte: symbolOfByte)
        var merges: [(left: Int32, right: Int32)] = []
        while pieces.count < options.size, let (pair, places) = merging.next(minimumCount: options.minimumCount) {
            let piece = pieces[Int(pair.left)] + pieces[Int(pair.right)]
            let id: Int32
            if let known = ids[piece] {
                id = known
            } else {
                id = Int32(pieces.count)
                ids[piece] = id
                pieces.append(piece)
            }
            merges.append((pair.left, pair.right))
            merging.merge(pair, in: places, into: id) { pair in
                pieces[Int(pair.left)].count + pieces[Int(pair.right)].count <= Self.pieceBytes
            }
        }
        return TrainedVocabulary(options: options, pieces: pieces, merges: Self.lastOfEach(merges))
    }

    /// Of a pair that was merged several times the last rank counts, as in a table that is written in order.
    private static func lastOfEach(_ merges: [(left: Int32, right: Int32)]) -> [(left: Int32, right: Int32)] {
        var seen: Set<SymbolPair> = []
        return merges.reversed().filter { seen.insert(SymbolPair(left: $0.left, right: $0.right)).inserted }.reversed()
    }
}
