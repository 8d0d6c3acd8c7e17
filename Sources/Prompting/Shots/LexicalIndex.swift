// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What is known of the words of many short texts: enough to rank them by what they share with another one.
struct LexicalIndex: Sendable {
    /// Parameters of Okapi BM25. Source: the package rank_bm25, class BM25Okapi.
    private static let k1 = 1.5
    private static let b = 0.75
    private static let epsilon = 0.25

    private var ids: [String: Int32] = [:]
    /// The words of each text, as ids.
    private let texts: [[Int32]]
    /// In which texts a word occurs, by id, and how often.
    private var occurrences: [[(text: Int32, count: Int32)]] = []
    private var weights: [Double] = []
    private let meanLength: Double

    init(_ texts: some Sequence<String>) {
        var sequences: [[Int32]] = []
        var total = 0
        for text in texts {
            let words = Self.words(text)
            total += words.count
            var sequence: [Int32] = []
            sequence.reserveCapacity(words.count)
            for word in words {
                let id = ids[word] ?? Int32(occurrences.count)
                if Int(id) == occurrences.count {
                    ids[word] = id
                    occurrences.append([])
                }
                let place = Int32(sequences.count)
                if let last = occurrences[Int(id)].last, last.text == place {
                    occurrences[Int(id)][occurrences[Int(id)].count - 1].count += 1
                } else {
                    occurrences[Int(id)].append((place, 1))
                }
                sequence.append(id)
            }
            sequences.append(sequence)
        }
        self.texts = sequences
        meanLength = sequences.isEmpty ? 0 : Double(total) / Double(sequences.count)
        weights = Self.weights(occurrences.map(\.count), textCount: sequences.count)
    }

    /// The inverse document frequencies; those of words in more than half of the texts would be negative and are set to a
    /// share of the mean.
    private static func weights(_ frequencies: [Int], textCount: Int) -> [Double] {
        guard !frequencies.isEmpty else { return [] }
        let raw = frequencies.map { log(Double(textCount - $0) + 0.5) - log(Double($0) + 0.5) }
        let floor = epsilon * (raw.reduce(0, +) / Double(raw.count))
        return raw.map { $0 < 0 ? floor : $0 }
    }

    /// Okapi BM25 of each text for a query.
    func bm25(_ query: String) -> [Double] {
        var scores = [Double](repeating: 0, count: texts.count)
        guard meanLength > 0 else { return scores }
        for word in Self.words(query) {
            guard let id = ids[word] else { continue }
            let weight = weights[Int(id)]
            for (text, count) in occurrences[Int(id)] {
                let frequency = Double(count)
                let length = Double(texts[Int(text)].count)
                scores[Int(text)] +=
                    weight
                    * (frequency * (Self.k1 + 1) / (frequency + Self.k1 * (1 - Self.b + Self.b * length / meanLength)))
            }
        }
        return scores
    }

    /// The longest n-gram that ``overlap(_:)`` looks at.
    private static let longest = 4
    /// An n-gram is packed into 64 bits, of which a word has 16: further words of a query are taken as unknown.
    private static let distinctWordLimit = 0xFFFF

    /// The share of a query's word n-grams that each text has too, with multiplicity; the mean over n = 1…4, as far as the
    /// query has words.
    func overlap(_ query: String) -> [Double] {
        // Words by their number in the query, from 1; 0 is no word of the query.
        var numbers: [String: UInt64] = [:]
        var byID: [Int32: UInt64] = [:]
        let sequence = Self.words(query).map { word -> UInt64 in
            if let number = numbers[word] { return number }
            guard numbers.count < Self.distinctWordLimit else { return 0 }
            let number = UInt64(numbers.count + 1)
            numbers[word] = number
            if let id = ids[word] { byID[id] = number }
            return number
        }
        var scores = [Double](repeating: 0, count: texts.count)
        let lengths = 1...Self.longest
        let used = lengths.filter { $0 <= sequence.count }
        guard !used.isEmpty else { return scores }
        for length in used {
            var wanted: [UInt64: Int] = [:]
            Self.forEachGram(sequence, length) { wanted[$0, default: 0] += 1 }
            let total = sequence.count - length + 1
            for (place, text) in texts.enumerated() where text.count >= length {
                var left: [UInt64: Int] = [:]
                var shared = 0
                Self.forEachGram(text.lazy.map { byID[$0] ?? 0 }, length) { gram in
                    guard let most = wanted[gram] else { return }
                    let seen = left[gram, default: 0]
                    left[gram] = seen + 1
                    if seen < most { shared += 1 }
                }
                scores[place] += Double(shared) / Double(total)
            }
        }
        return scores.map { $0 / Double(used.count) }
    }

    /// Each run of `length` words of the query.
    private static func forEachGram(_ words: some Sequence<UInt64>, _ length: Int, _ body: (UInt64) -> Void) {
        let mask: UInt64 = length == 4 ? .max : (1 << UInt64(16 * length)) - 1
        var gram: UInt64 = 0
        var known = 0
        for word in words {
            gram = (gram << 16 | word) & mask
            known = word == 0 ? 0 : known + 1
            if known >= length { body(gram) }
        }
    }

    /// Runs of letters, marks and numbers, in lower case.
    static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isWord(scalar) {
                if scalar.value < 0x80 {
                    let isCapital = scalar.value >= 0x41 && scalar.value <= 0x5A
                    word.append(isCapital ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
                } else {
                    word.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
                }
            } else if !word.isEmpty {
                words.append(String(word))
                word = String.UnicodeScalarView()
            }
        }
        if !word.isEmpty { words.append(String(word)) }
        return words
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return true
        case 0..<0x80: return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }
}
