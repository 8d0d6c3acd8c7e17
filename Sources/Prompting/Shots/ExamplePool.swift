// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Examples to select from, with what selection has to know of them, which is made when it is first asked for. Any thread
/// may use it.
public final class ExamplePool: Sendable {
    /// The examples.
    public let examples: [ShotExample]
    private let made = Mutex<(lexicon: LexicalIndex?, inputs: [String]?)>((nil, nil))

    /// A pool of the given examples.
    public init(_ examples: [ShotExample]) { self.examples = examples }

    /// Okapi BM25 of each input for a query. Source: the package rank_bm25, class BM25Okapi.
    package func bm25(_ query: String) -> [Double] { lexicon.bm25(query) }

    /// The share of a query's word n-grams that each input has; see ``ExampleSelection/Method/ngram``.
    package func overlap(_ query: String) -> [Double] { lexicon.overlap(query) }

    /// The words of the inputs.
    private var lexicon: LexicalIndex {
        made.withLock { made in
            if let lexicon = made.lexicon { return lexicon }
            let lexicon = LexicalIndex(examples.lazy.map(\.input))
            made.lexicon = lexicon
            return lexicon
        }
    }

    /// The inputs as they are compared with a query.
    var normalizedInputs: [String] {
        made.withLock { made in
            if let inputs = made.inputs { return inputs }
            let inputs = examples.map { Self.normalized($0.input) }
            made.inputs = inputs
            return inputs
        }
    }

    /// A text in lower case, with single spaces between its words and none at its ends.
    static func normalized(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        var isBetween = false
        for scalar in text.unicodeScalars {
            if PythonText.isSpace(scalar) {
                isBetween = !scalars.isEmpty
                continue
            }
            if isBetween { scalars.append(" ") }
            isBetween = false
            scalars.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
        }
        return String(scalars)
    }
}
