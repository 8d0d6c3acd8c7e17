// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Foundation
import StrictJSON
import Testing
import Tokenizers

/// Where tests find files.
enum TestFiles {
    /// The folder of real data, which is not part of the repository; nil if it is absent.
    static let data: URL? = {
        if let path = ProcessInfo.processInfo.environment["TEMPER_DATA"] {
            return URL(fileURLWithPath: path)
        }
        var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/" {
            let candidate = folder.appendingPathComponent("shared/data")
            if FileManager.default.fileExists(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        return nil
    }()

    static let hasData = data != nil

    /// Committed goldens.
    static let fixtures = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures/tokenizers")

    static func bytes(data path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: try #require(data).appendingPathComponent("tokenizers").appendingPathComponent(path)))
    }

    static func json(data path: String) throws -> JSON {
        try JSONParser.parse(try bytes(data: path), limits: .file)
    }

    /// The tokenizer of a file of real data.
    static func tokenizer(data path: String, size: Int? = nil) throws -> any Tokenizer {
        let file = try #require(data).appendingPathComponent("tokenizers").appendingPathComponent(path)
        return try makeTokenizer(from: try TokenizerSource.open(path: file.path), vocabularySize: size)
    }

    static func json(fixture name: String) throws -> JSON {
        try JSONParser.parse([UInt8](try Data(contentsOf: fixtures.appendingPathComponent(name))), limits: .file)
    }
}

/// Text and ids of a list of cases: [{"text": …, "ids": […]}].
struct Vector {
    var text: String
    var ids: [Int32]

    static func list(_ json: JSON) throws -> [Vector] {
        try #require(json.arrayValue).map { entry in
            Vector(
                text: try #require(entry["text"]?.stringValue),
                ids: try #require(entry["ids"]?.arrayValue).map { Int32(try #require($0.integerValue)) })
        }
    }
}

/// Compares every vector and reports the first few that differ.
func expectEqual(_ tokenizer: any Tokenizer, _ vectors: [Vector], addSpecial: Bool = false, parseSpecial: Bool = false) {
    var failures = 0
    for vector in vectors {
        let ids = tokenizer.encode(vector.text, addSpecial: addSpecial, parseSpecial: parseSpecial)
        guard ids != vector.ids else { continue }
        failures += 1
        if failures <= 5 {
            Issue.record("\(vector.text.debugDescription): got \(ids), expected \(vector.ids)")
        }
    }
    #expect(failures == 0, "\(failures) of \(vectors.count) differ")
}

/// Compares the hashes of the ids of texts, and reports the first few that differ.
func expectHashes(
    _ tokenizer: any Tokenizer, _ texts: [String], _ hashes: [String], addSpecial: Bool = false,
    parseSpecial: Bool = false
) {
    var failures = 0
    for (text, hash) in zip(texts, hashes) {
        let ids = tokenizer.encode(text, addSpecial: addSpecial, parseSpecial: parseSpecial)
        guard hashed(ids) != hash else { continue }
        failures += 1
        if failures <= 5 { Issue.record("\(text.debugDescription): got \(ids)") }
    }
    #expect(failures == 0, "\(failures) of \(hashes.count) differ")
}

/// FNV-1a, 64 bits, over the ids as little-endian 32-bit integers, in hexadecimal (random_text.py has the same).
func hashed(_ ids: [Int32]) -> String {
    var state: UInt64 = 0xCBF2_9CE4_8422_2325
    for id in ids {
        for shift in [0, 8, 16, 24] {
            state = (state ^ UInt64(UInt8(truncatingIfNeeded: id >> Int32(shift)))) &* 0x100_0000_01B3
        }
    }
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// A generator of random numbers that is the same everywhere (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
