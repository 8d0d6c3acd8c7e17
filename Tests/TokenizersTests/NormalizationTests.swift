// SPDX-License-Identifier: Apache-2.0

import Foundation
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

    @Test func randomSequencesComposeAsInFoundation() throws {
        let tokenizer = try ReferenceTests.tiny("qwen2").tokenizer
        var generator = SeededGenerator(seed: 3)
        let ranges: [ClosedRange<UInt32>] = [
            0x41...0x7A, 0xC0...0x24F, 0x300...0x345, 0x300...0x314, 0x591...0x5EA, 0x622...0x655, 0x915...0x9DF,
            0xB47...0xBD7, 0xCC6...0xD57, 0xF40...0xFB9, 0x1100...0x11C2, 0x1100...0x1112, 0x1161...0x1175,
            0x11A7...0x11C2, 0xAC00...0xAC1C, 0x1E00...0x1EF9, 0x1F00...0x1FFC, 0x212A...0x212B, 0x3046...0x309A,
            0xFB1D...0xFB4E, 0x110A5...0x110BA, 0x1D15E...0x1D172,
        ]
        for round in 0..<20_000 {
            var text = ""
            for _ in 0..<Int.random(in: 1...7, using: &generator) {
                let range = ranges.randomElement(using: &generator) ?? 0x41...0x41
                guard let scalar = Unicode.Scalar(UInt32.random(in: range, using: &generator)) else { continue }
                text.unicodeScalars.append(scalar)
            }
            guard text.unicodeScalars.allSatisfy({ $0.properties.age.map { $0.major <= 15 } ?? true }) else { continue }
            let result = Self.normalized(text, tokenizer)
            guard !Self.areEqual(result, text.precomposedStringWithCanonicalMapping) else { continue }
            Issue.record("round \(round): \(text.unicodeScalars.map { String($0.value, radix: 16) })")
            return
        }
    }
}
