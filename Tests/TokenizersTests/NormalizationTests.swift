// SPDX-License-Identifier: Apache-2.0

import Foundation
import StrictJSON
import Testing
import Tokenizers

/// Normalization form C as byte-level BPE shows it: what encoding and decoding make of a text.
struct NormalizationTests {
    private static func normalized(_ text: String, _ tokenizer: any Tokenizer) -> String {
        tokenizer.decode(tokenizer.encode(text, addSpecial: false, parseSpecial: false))
    }

    private static func areEqual(_ left: String, _ right: String) -> Bool {
        left.unicodeScalars.elementsEqual(right.unicodeScalars)
    }

    @Test func everyScalarComposesAsInFoundation() throws {
        let tokenizer = try ReferenceTests.tiny("qwen2").tokenizer
        for value in UInt32(0x80)..<0x30000 {
            guard let scalar = Unicode.Scalar(value), !(0x3400..<0xA000).contains(value),
                value < 0x20000 || value > 0x2F700
            else { continue }
            let text = String(Character(scalar))
            let result = Self.normalized(text, tokenizer)
            guard !Self.areEqual(result, text.precomposedStringWithCanonicalMapping) else { continue }
            // The table is of Unicode 15.1; characters that came later have nothing to be composed of in it.
            if scalar.properties.age.map({ ($0.major, $0.minor) > (15, 1) }) ?? true { continue }
            Issue.record(
                "U+\(String(value, radix: 16)) gave \(result.unicodeScalars.map { String($0.value, radix: 16) })")
        }
    }

    @Test func randomSequencesComposeAsInPython() throws {
        let tokenizer = try ReferenceTests.tiny("qwen2").tokenizer
        let pairs = try #require(try TestFiles.json(fixture: "nfc.json").arrayValue)
        try #require(pairs.count == 500)
        for pair in pairs {
            let text = try #require(pair.arrayValue?.first?.stringValue)
            let expected = try #require(pair.arrayValue?.last?.stringValue)
            #expect(Self.areEqual(Self.normalized(text, tokenizer), expected), "\(text.debugDescription)")
        }
    }
}
