// SPDX-License-Identifier: Apache-2.0

/// Whether a text is one of the references, white space at both ends aside.
public enum ExactMatch {
    /// The comparison, scalar by scalar.
    public static func matches(_ text: String, references: [String]) -> Bool {
        let found = stripped(text)
        return references.contains { found.elementsEqual(stripped($0)) }
    }

    private static func stripped(_ text: String) -> Substring.UnicodeScalarView {
        var scalars = Substring(text).unicodeScalars
        while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return scalars
    }
}
