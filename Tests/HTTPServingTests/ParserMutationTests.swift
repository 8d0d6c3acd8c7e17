// SPDX-License-Identifier: Apache-2.0

import HTTPServing
import Testing

/// SplitMix64: the same numbers from the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct ParserMutationTests {
    private static let seeds: [[UInt8]] = [
        ParserCases.get("/a%20b?c=d", "X: y", "Connection: keep-alive"),
        ParserCases.post("Content-Length: 5", "Expect: 100-continue", body: "hello") + ParserCases.next,
        ParserCases.chunked("5;a=\"b\"\r\nhello\r\n0\r\nX: y\r\n\r\n") + ParserCases.next,
        "GET http://a/b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + ParserCases.next,
        "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n" + ParserCases.next,
    ].map { Array($0.utf8) }

    /// Bytes and words that parsers trip over.
    private static let inserts: [[UInt8]] = [
        "\r", "\n", "\r\n", "\0", " ", "\t", ":", ";", ",", "=", "\"", "\\", "%", "/", "..", "0", "-1", "+", "0x",
        "ffffffffffffffff",
        "chunked", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "\u{0B}", "HTTP/1.1",
        "\r\n\r\n",
    ].map { Array($0.utf8) }

    private static func mutated(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(contentsOf: inserts.randomElement(using: &generator) ?? [], at: index)
            case 3: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 4:
                let end = min(bytes.count, index + Int.random(in: 1...20, using: &generator))
                bytes.insert(contentsOf: bytes[index..<end], at: Int.random(in: 0...bytes.count, using: &generator))
            default: bytes.removeSubrange(index..<min(bytes.count, index + 8))
            }
        }
        return bytes
    }

    @Test func `what mutated requests mean never depends on how they are split`() {
        let seed: UInt64 = 0x7E3A_11
        var generator = SeededGenerator(seed: seed)
        var accepted = 0
        for round in 0..<20_000 {
            let input = Self.mutated(Self.seeds[round % Self.seeds.count], &generator)
            let whole = ParserRun.outcomes(of: input)
            let bytewise = ParserRun.outcomes(of: input, cutAt: Array(input.indices.dropFirst()))
            let cuts = (0..<3).map { _ in Int.random(in: 0...input.count, using: &generator) }.sorted()
            let split = ParserRun.outcomes(of: input, cutAt: cuts)
            if whole.contains(where: { if case .serves = $0 { true } else { false } }) { accepted += 1 }
            guard whole == bytewise, whole == split else {
                Issue.record("seed \(seed), round \(round), cuts \(cuts): \(whole), \(bytewise), \(split) for \(input)")
                return
            }
        }
        #expect(accepted > 1_000, "the mutations leave enough valid requests")
        #expect(accepted < 19_000, "the mutations break enough requests")
    }

    @Test func `random bytes fail or wait, and never trap`() {
        var generator = SeededGenerator(seed: 42)
        for _ in 0..<5_000 {
            let count = Int.random(in: 1...200, using: &generator)
            let input = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let outcomes = ParserRun.outcomes(of: input)
            #expect(outcomes.isEmpty || outcomes == [.fails(400)] || outcomes == [.waits], "\(input)")
        }
    }
}
