// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import Tokenizers

struct StreamingDecoderTests {
    /// A tokenizer whose tokens are the 256 bytes and one control token.
    private struct ByteTokenizer: Tokenizer {
        var stripsLeadingSpace = false
        var vocabularySize: Int { 257 }
        var kindName: String { "bytes" }
        var bosID: Int32? { 256 }
        var eosID: Int32? { nil }
        var endIDs: Set<Int32> { [] }
        var addsBOS: Bool { false }
        var chatTemplate: String? { nil }

        func encode(_ text: String, addSpecial: Bool, parseSpecialIn trusted: [Range<Int>]) -> [Int32] {
            text.utf8.map { Int32($0) }
        }
        func bytes(of id: Int32) -> [UInt8] { UInt8(exactly: id).map { [$0] } ?? [] }
        func piece(of id: Int32) -> String? { id == 256 ? "<s>" : nil }
        func id(ofPiece piece: String) -> Int32? { nil }
        func isControl(_ id: Int32) -> Bool { id == 256 }
    }

    /// Well-formed and ill-formed texts, among them the examples of The Unicode Standard, section 3.9.
    private static let texts: [[UInt8]] = [
        [], Array("plain".utf8), Array("é€𐍈👩‍👩‍👧‍👦 e\u{301}".utf8), Array(" leading".utf8), Array("  two".utf8),
        [0xC0, 0xAF, 0xE0, 0x80, 0xBF, 0xF0, 0x81, 0x82, 0x41], [0xED, 0xA0, 0x80, 0xED, 0xBF, 0xBF, 0xED, 0xAF, 0x41],
        [0xF4, 0x91, 0x92, 0x93, 0xFF, 0x41, 0x80, 0xBF, 0x42], [0xE1, 0x80, 0xE2, 0xF0, 0x91, 0x92, 0xF1, 0xBF, 0x41],
        [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xF0], [0x80, 0x80, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF, 0xF5],
        [0x20, 0xE2, 0x96], [0xC3, 0xC3, 0xA9],
    ]

    @Test(arguments: [false, true])
    func everySplitGivesTheWholeText(continuesText: Bool) {
        for strips in [false, true] {
            let tokenizer = ByteTokenizer(stripsLeadingSpace: strips)
            for text in Self.texts {
                let drops = strips && !continuesText && text.first == 0x20
                let whole = String(decoding: drops ? text.dropFirst() : text[...], as: UTF8.self)
                // Every way to cut a text of n bytes in pieces is a number of n - 1 bits.
                for cuts in 0..<(1 << max(min(text.count, 14) - 1, 0)) {
                    var decoder = StreamingDecoder(tokenizer: tokenizer, continuesText: continuesText)
                    var result = ""
                    var piece: [UInt8] = []
                    for (index, byte) in text.enumerated() {
                        piece.append(byte)
                        guard index >= 13 || cuts >> index & 1 == 1 else { continue }
                        result += decoder.append(bytes: piece)
                        piece = []
                    }
                    result += decoder.append(bytes: piece)
                    result += decoder.finish()
                    guard !result.unicodeScalars.elementsEqual(whole.unicodeScalars) else { continue }
                    Issue.record("\(text) cut by \(String(cuts, radix: 2)): \(result.debugDescription)")
                    return
                }
            }
        }
    }

    @Test func randomBytesEqualTheDecodingOfTheWhole() {
        var generator = SeededGenerator(seed: 5)
        let interesting: [UInt8] = [
            0x20, 0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF1, 0xF4,
            0xF5, 0xFF,
        ]
        for round in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                interesting.randomElement(using: &generator) ?? 0
            }
            var decoder = StreamingDecoder(tokenizer: ByteTokenizer(), continuesText: true)
            var result = ""
            for byte in bytes { result += decoder.append(Int32(byte)) }
            result += decoder.finish()
            let whole = String(decoding: bytes, as: UTF8.self)
            guard result.unicodeScalars.elementsEqual(whole.unicodeScalars) else {
                Issue.record("round \(round): \(bytes) gave \(result.debugDescription)")
                return
            }
        }
    }

    @Test func aCharacterComesOutWithItsLastByte() {
        var decoder = StreamingDecoder(tokenizer: ByteTokenizer(), continuesText: true)
        #expect([0xF0, 0x9F, 0x98, 0x80].map { decoder.append($0) } == ["", "", "", "😀"])
        #expect(decoder.finish() == "")
        #expect([0xF0, 0x9F, 0x41].map { decoder.append($0) } == ["", "", "\u{FFFD}A"])
        #expect([0xE2, 0x82].map { decoder.append($0) } == ["", ""])
        #expect(decoder.finish() == "\u{FFFD}")
    }

    @Test func controlTokensAreShownOnRequest() {
        var silent = StreamingDecoder(tokenizer: ByteTokenizer(), continuesText: true)
        #expect(silent.append(256) == "")
        var showing = StreamingDecoder(tokenizer: ByteTokenizer(), continuesText: true, showsSpecial: true)
        #expect(showing.append(256) == "<s>")
        #expect(showing.append(9999) == "")
    }

    @Test(arguments: ReferenceTests.families)
    func tokenByTokenEqualsTheWhole(family: String) throws {
        let tokenizer = try ReferenceTests.tiny(family).tokenizer
        for text in try ReferenceTests.texts().prefix(200) {
            let ids = tokenizer.encode(text, addSpecial: true, parseSpecial: true)
            for showsSpecial in [false, true] {
                var decoder = StreamingDecoder(
                    tokenizer: tokenizer, continuesText: false, showsSpecial: showsSpecial)
                var result = ""
                for id in ids { result += decoder.append(id) }
                result += decoder.finish()
                #expect(result == tokenizer.decode(ids, showSpecial: showsSpecial))
            }
        }
    }

    @Test func aCompletionKeepsTheSpaceThatATextOfItsOwnDrops() throws {
        let tokenizer = try ReferenceTests.tiny("llama2").tokenizer
        let ids = tokenizer.encode("hello", addSpecial: false, parseSpecial: false)
        var own = StreamingDecoder(tokenizer: tokenizer, continuesText: false)
        var continuing = StreamingDecoder(tokenizer: tokenizer, continuesText: true)
        #expect(ids.map { own.append($0) }.joined() == "hello")
        #expect(ids.map { continuing.append($0) }.joined() == " hello")
    }
}
