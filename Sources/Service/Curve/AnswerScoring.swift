// SPDX-License-Identifier: Apache-2.0

/// How right an answer is.
package struct AnswerScoring: Sendable, Equatable {
    /// What is measured.
    package enum Metric: String, Sendable, CaseIterable {
        /// 1 if the answer is the reference, else 0.
        case exactMatch = "exact_match"
        /// 1 if the reference is the likeliest of some choices, else 0.
        case choice
        /// ROUGE-L F1 of the words of both.
        case rougeL = "rouge_l"
    }

    /// What does not count in ``Metric/exactMatch``.
    package enum Normalization: String, Sendable, CaseIterable {
        /// White space at the ends.
        case trim
        /// Also case, punctuation, articles and the amount of white space. Source: the evaluation script of SQuAD.
        case loose
    }

    /// What is measured.
    package var metric: Metric
    /// What does not count.
    package var normalization: Normalization
    /// What the answer follows in the text; nil: the text is the answer.
    package var marker: String?

    /// A scoring of the given parts.
    package init(metric: Metric, normalization: Normalization = .trim, marker: String? = nil) {
        self.metric = metric
        self.normalization = normalization
        self.marker = marker
    }

    /// The score of a text for a reference, from 0 to 1.
    package func score(_ text: String, reference: String) -> Double {
        let answer = answer(in: text)
        switch metric {
        case .exactMatch, .choice: return normalized(answer) == normalized(reference) ? 1 : 0
        case .rougeL: return Self.rougeL(answer, reference)
        }
    }

    /// The answer: what follows the last marker, to the end of its line and without a full stop at its end; nothing if the
    /// marker is not there.
    package func answer(in text: String) -> String {
        guard let marker else { return text }
        let bytes = Array(text.utf8)
        let wanted = Array(marker.utf8)
        guard bytes.count >= wanted.count,
            let place = (0...bytes.count - wanted.count).last(where: { bytes[$0...].starts(with: wanted) })
        else { return "" }
        let rest = bytes[(place + wanted.count)...].prefix { $0 != UInt8(ascii: "\n") }
        var answer = String(decoding: rest, as: UTF8.self).trimmed
        if answer.hasSuffix(".") { answer.removeLast() }
        return answer
    }

    private func normalized(_ text: String) -> [Unicode.Scalar] {
        guard normalization == .loose else { return Array(text.trimmed.unicodeScalars) }
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isPunctuation = scalar.isASCII && scalar.properties.isASCIIPunctuation
            if !isPunctuation { kept.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars) }
        }
        let words = kept.split(whereSeparator: \.properties.isWhitespace).filter { word in
            !["a", "an", "the"].contains { word.elementsEqual($0.unicodeScalars) }
        }
        return Array(words.joined(separator: CollectionOfOne(" ")))
    }

    /// ROUGE-L F1. Source: Lin 2004, words as in the package rouge_score without stemming.
    package static func rougeL(_ answer: String, _ reference: String) -> Double {
        let (found, wanted) = (words(answer), words(reference))
        guard !found.isEmpty, !wanted.isEmpty else { return 0 }
        var row = [Int](repeating: 0, count: wanted.count + 1)
        for word in found {
            var diagonal = 0
            for (index, other) in wanted.enumerated() {
                let above = row[index + 1]
                row[index + 1] = word == other ? diagonal + 1 : max(above, row[index])
                diagonal = above
            }
        }
        let common = Double(row[wanted.count])
        guard common > 0 else { return 0 }
        let (precision, recall) = (common / Double(found.count), common / Double(wanted.count))
        return 2 * precision * recall / (precision + recall)
    }

    /// Runs of letters a to z and digits, in lower case.
    private static func words(_ text: String) -> [[UInt8]] {
        text.lowercased().utf8.split { byte in
            !((UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte))
        }.map { Array($0) }
    }
}

extension String {
    /// Without white space at its ends.
    fileprivate var trimmed: String {
        var scalars = unicodeScalars[...]
        while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(scalars)
    }
}

extension Unicode.Scalar.Properties {
    /// Whether this is one of the 32 ASCII characters that are neither letters, digits, white space nor controls.
    fileprivate var isASCIIPunctuation: Bool {
        switch generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .otherPunctuation,
            .mathSymbol, .currencySymbol, .modifierSymbol:
            true
        default: false
        }
    }
}
