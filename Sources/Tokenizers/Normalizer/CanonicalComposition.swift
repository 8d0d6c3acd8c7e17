// SPDX-License-Identifier: Apache-2.0

/// Unicode normalization form C of UTF-8.
///
/// The decompositions are a generated table (``canonicalDecompositions``), since neither the standard library nor
/// FoundationEssentials has a public normalizer; combining classes and composition exclusions are the standard library's.
///
/// Source: The Unicode Standard, section 3.11; UAX #15.
enum CanonicalComposition {
    /// The normalized text. Linear but for sorting runs of combining marks, which is O(n log n).
    static func compose(_ text: [UInt8]) -> [UInt8] {
        // Below U+0300 everything is in form C: no lead byte above 0xCB.
        guard text.contains(where: { $0 >= 0xCC }) else { return text }
        let decomposed = text.withUnsafeBufferPointer(decompose)
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        for scalar in composed(decomposed) {
            guard let scalar = Unicode.Scalar(scalar.value) else { continue }
            result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
        return result
    }

    /// A scalar and its canonical combining class.
    private struct Element {
        var value: UInt32
        var combiningClass: UInt8

        init(_ value: UInt32) {
            self.value = value
            combiningClass =
                value < 0x300 ? 0 : Unicode.Scalar(value)?.properties.canonicalCombiningClass.rawValue ?? 0
        }
    }

    private static let hangul = (
        syllable: UInt32(0xAC00), lead: UInt32(0x1100), vowel: UInt32(0x1161), trail: UInt32(0x11A7),
        leadCount: UInt32(19), vowelCount: UInt32(21), trailCount: UInt32(28), syllableCount: UInt32(11172)
    )

    private static func decompose(_ text: UnsafeBufferPointer<UInt8>) -> [Element] {
        var result: [Element] = []
        result.reserveCapacity(text.count)
        var offset = 0
        while offset < text.count {
            let (scalar, length) = UTF8Scalar.read(text, at: offset)
            offset += length
            append(scalar, to: &result)
        }
        sortMarks(&result)
        return result
    }

    private static func append(_ scalar: UInt32, to result: inout [Element]) {
        if scalar >= hangul.syllable, scalar - hangul.syllable < hangul.syllableCount {
            let index = scalar - hangul.syllable
            let trail = index % hangul.trailCount
            result.append(Element(hangul.lead + index / (hangul.vowelCount * hangul.trailCount)))
            let vowel = index % (hangul.vowelCount * hangul.trailCount) / hangul.trailCount
            result.append(Element(hangul.vowel + vowel))
            if trail > 0 { result.append(Element(hangul.trail + trail)) }
        } else if let (first, second) = CompositionTables.shared.decomposition(of: scalar) {
            append(first, to: &result)
            if second != 0 { result.append(Element(second)) }
        } else {
            result.append(Element(scalar))
        }
    }

    /// The canonical ordering algorithm: runs of marks in order of class, equals in order of text.
    private static func sortMarks(_ elements: inout [Element]) {
        var index = 0
        while index < elements.count {
            guard elements[index].combiningClass > 0 else {
                index += 1
                continue
            }
            let start = index
            while index < elements.count, elements[index].combiningClass > 0 { index += 1 }
            guard index - start > 1 else { continue }
            let sorted = elements[start..<index].enumerated().sorted {
                ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
            }
            for (offset, pair) in sorted.enumerated() { elements[start + offset] = pair.element }
        }
    }

    /// The canonical composition algorithm.
    private static func composed(_ elements: [Element]) -> [Element] {
        var result: [Element] = []
        result.reserveCapacity(elements.count)
        var starter: Int?
        for element in elements {
            if let starter {
                // Blocked if something of the same or a higher class, or another starter, stands between.
                let last = result.count - 1
                let isBlocked = last > starter && result[last].combiningClass >= element.combiningClass
                if !isBlocked, let composite = composite(result[starter].value, element.value) {
                    result[starter].value = composite
                    continue
                }
            }
            if element.combiningClass == 0 { starter = result.count }
            result.append(element)
        }
        return result
    }

    private static func composite(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if first >= hangul.lead, first - hangul.lead < hangul.leadCount, second >= hangul.vowel,
            second - hangul.vowel < hangul.vowelCount
        {
            let index = (first - hangul.lead) * hangul.vowelCount + (second - hangul.vowel)
            return hangul.syllable + index * hangul.trailCount
        }
        if first >= hangul.syllable, first - hangul.syllable < hangul.syllableCount,
            (first - hangul.syllable) % hangul.trailCount == 0, second > hangul.trail,
            second - hangul.trail < hangul.trailCount
        {
            return first + (second - hangul.trail)
        }
        return CompositionTables.shared.composite(of: first, second)
    }
}

/// The pairs of scalars that canonical decomposition makes, and back.
private struct CompositionTables: Sendable {
    static let shared = CompositionTables()

    private var decompositions: [UInt32: (UInt32, UInt32)] = [:]
    private var composites: [UInt64: UInt32] = [:]

    private init() {
        for entry in canonicalDecompositions.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let scalars = entry.split(separator: "-").compactMap { UInt32($0, radix: 16) }
            guard scalars.count == 2 || scalars.count == 3 else { continue }
            let second = scalars.count == 3 ? scalars[2] : 0
            decompositions[scalars[0]] = (scalars[1], second)
            if second != 0, let scalar = Unicode.Scalar(scalars[0]), !scalar.properties.isFullCompositionExclusion {
                composites[UInt64(scalars[1]) << 32 | UInt64(second)] = scalars[0]
            }
        }
    }

    func decomposition(of scalar: UInt32) -> (UInt32, UInt32)? { scalar < 0xC0 ? nil : decompositions[scalar] }

    func composite(of first: UInt32, _ second: UInt32) -> UInt32? {
        composites[UInt64(first) << 32 | UInt64(second)]
    }
}
