// SPDX-License-Identifier: Apache-2.0

import Evaluation

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
        /// How a number is written: commas, a sign of currency, zeros at its ends. What is no number is no answer.
        case number
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
        case .exactMatch, .choice:
            guard let found = normalized(answer), let wanted = normalized(reference) else { return 0 }
            return found.unicodeScalars.elementsEqual(wanted.unicodeScalars) ? 1 : 0
        case .rougeL: return ROUGE.longest(answer, references: [reference]).f1
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
        var answer = String(decoding: rest, as: UTF8.self).withoutOuterSpace
        if answer.hasSuffix(".") { answer.removeLast() }
        return answer
    }

    /// What an answer is compared as; nil: it is none.
    func normalized(_ text: String) -> String? {
        switch normalization {
        case .trim: return text.withoutOuterSpace
        case .loose: return Self.loose(text)
        case .number: return Self.number(text)
        }
    }

    private static func loose(_ text: String) -> String {
        var kept = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isPunctuation = scalar.isASCII && scalar.properties.isASCIIPunctuation
            if !isPunctuation { kept.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars) }
        }
        let words = kept.split(whereSeparator: \.properties.isWhitespace).filter { word in
            !["a", "an", "the"].contains { word.elementsEqual($0.unicodeScalars) }
        }
        return words.map { String(String.UnicodeScalarView($0)) }.joined(separator: " ")
    }

    /// A decimal number without what does not change its value; nil for anything else.
    private static func number(_ text: String) -> String? {
        var scalars = text.withoutOuterSpace.unicodeScalars.filter { $0 != "," }
        var isNegative = false
        while let first = scalars.first, first == "-" || first == "+" || "$€£".unicodeScalars.contains(first) {
            if first == "-" { isNegative.toggle() }
            scalars.removeFirst()
        }
        if scalars.last == "." { scalars.removeLast() }
        let parts = scalars.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.contains(where: { !$0.isEmpty }),
            parts.allSatisfy({ $0.allSatisfy { ("0"..."9").contains($0) } })
        else { return nil }
        var whole = parts[0].drop { $0 == "0" }
        var fraction = parts.count > 1 ? parts[1] : Substring().unicodeScalars[...]
        while fraction.last == "0" { fraction.removeLast() }
        if whole.isEmpty { whole = "0".unicodeScalars[...] }
        var number = String(String.UnicodeScalarView(whole))
        if !fraction.isEmpty { number += "." + String(String.UnicodeScalarView(fraction)) }
        return isNegative && number != "0" ? "-" + number : number
    }
}

extension String {
    /// Without white space at its ends.
    var withoutOuterSpace: String {
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
