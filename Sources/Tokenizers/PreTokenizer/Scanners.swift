// SPDX-License-Identifier: Apache-2.0

// The regular expressions of the pre-tokenizers as scanners. Each tries its alternatives in the order of the expression,
// which Oniguruma and llama.cpp take as well: the first that matches wins, not the longest. Every scanner is linear.

extension PreTokenizerStage {
    /// Appends the ends of the pieces of `range` to `ends`.
    func split(_ text: ClassifiedText, _ range: Range<Int>, into ends: inout [Int]) {
        var start = range.lowerBound
        let end = range.upperBound
        switch self {
        case .gpt2:
            while start < end {
                start = Self.gpt2Word(text, from: start, before: end)
                ends.append(start)
            }
        case .llama3(let maximumDigits, let foldsLongS):
            while start < end {
                start = Self.llama3Word(
                    text, from: start, before: end, maximumDigits: maximumDigits, foldsLongS: foldsLongS)
                ends.append(start)
            }
        case .numbers:
            Self.isolate(text, range, into: &ends) { index in
                text.classes[index].contains(.number) ? index + 1 : index
            }
        case .numberRuns:
            Self.isolate(text, range, into: &ends) { text.endOfRun(of: .number, from: $0, before: end) }
        case .punctuationRuns(let withGraveAccent):
            Self.isolate(text, range, into: &ends) { first in
                var index = first
                while index < end, !text.classes[index].isDisjoint(with: [.punctuation, .mathSymbol]),
                    withGraveAccent || text.byte(index, before: end) != UInt8(ascii: "`")
                {
                    index += 1
                }
                return index
            }
        case .digitTriples:
            Self.isolate(text, range, into: &ends) { index in
                let last = text.endOfRun(of: .asciiDigit, from: index, before: min(index + 3, end))
                return last == index + 3 ? last : index
            }
        }
    }

    /// Cuts before and after each match; `match` gives the end of the match at an index, or the index if there is none.
    private static func isolate(
        _ text: ClassifiedText, _ range: Range<Int>, into ends: inout [Int], match: (Int) -> Int
    ) {
        var gapStart = range.lowerBound
        var index = gapStart
        while index < range.upperBound {
            let end = match(index)
            if end > index {
                if gapStart < index { ends.append(index) }
                ends.append(end)
                gapStart = end
                index = end
            } else {
                index += 1
            }
        }
        if gapStart < range.upperBound { ends.append(range.upperBound) }
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    private static func gpt2Word(_ text: ClassifiedText, from start: Int, before end: Int) -> Int {
        if text.byte(start, before: end) == UInt8(ascii: "'") {
            let first = text.byte(start + 1, before: end)
            let second = text.byte(start + 2, before: end)
            switch (first, second) {
            case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
                return start + 2
            case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
                (UInt8(ascii: "l"), UInt8(ascii: "l")):
                return start + 3
            default: break
            }
        }
        let first = text.classes[start].contains(.space) && start + 1 < end ? start + 1 : start
        let kind = text.classes[first]
        if kind.contains(.letter) { return text.endOfRun(of: .letter, from: first, before: end) }
        if kind.contains(.number) { return text.endOfRun(of: .number, from: first, before: end) }
        if kind.isDisjoint(with: .word) { return text.endOfRun(outside: .word, from: first, before: end) }
        return whitespace(text, from: start, before: end)
    }

    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|`
    /// `\s+(?!\S)|\s+`
    private static func llama3Word(
        _ text: ClassifiedText, from start: Int, before end: Int, maximumDigits: Int, foldsLongS: Bool
    ) -> Int {
        if text.byte(start, before: end) == UInt8(ascii: "'") {
            // With bit 0x20 set, each letter in either case is itself in lower case, and nothing else becomes one of
            // these letters.
            let first = text.byte(start + 1, before: end) | 0x20
            let second = text.byte(start + 2, before: end) | 0x20
            switch (first, second) {
            case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
                return start + 2
            case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
                (UInt8(ascii: "l"), UInt8(ascii: "l")):
                return start + 3
            default: break
            }
            if foldsLongS, text.isLongS(start + 1, before: end) { return start + 2 }
        }
        let kind = text.classes[start]
        if kind.contains(.letter) { return text.endOfRun(of: .letter, from: start, before: end) }
        if kind.isDisjoint(with: [.newline, .number]), start + 1 < end, text.classes[start + 1].contains(.letter) {
            return text.endOfRun(of: .letter, from: start + 1, before: end)
        }
        if kind.contains(.number) {
            return text.endOfRun(of: .number, from: start, before: min(start + maximumDigits, end))
        }
        let first = kind.contains(.space) && start + 1 < end ? start + 1 : start
        if text.classes[first].isDisjoint(with: .word) {
            let last = text.endOfRun(outside: .word, from: first, before: end)
            return text.endOfRun(of: .newline, from: last, before: end)
        }
        let spaceEnd = text.endOfRun(of: .whitespace, from: start, before: end)
        if let newline = text.classes[start..<spaceEnd].lastIndex(where: { $0.contains(.newline) }) {
            return newline + 1
        }
        return whitespace(text, from: start, before: end)
    }

    /// `\s+(?!\S)|\s+`: white space up to the end, or all but its last scalar, or that one alone.
    private static func whitespace(_ text: ClassifiedText, from start: Int, before end: Int) -> Int {
        let runEnd = text.endOfRun(of: .whitespace, from: start, before: end)
        return runEnd == end || runEnd - start < 2 ? max(runEnd, start + 1) : runEnd - 1
    }
}

extension ClassifiedText {
    /// Whether scalar `index` is U+017F, LATIN SMALL LETTER LONG S.
    fileprivate func isLongS(_ index: Int, before end: Int) -> Bool {
        guard index < end else { return false }
        let offset = Int(offsets[index])
        return bytes[offset] == 0xC5 && bytes[offset + 1] == 0xBF
    }
}
