// SPDX-License-Identifier: Apache-2.0

import Constraints
import Decoding
import Testing

@Suite("A constrained draw")
struct ConstraintTests {
    /// a, b, ab, the end, a stop.
    static let trie = TokenTrie(pieces: [[0x61], [0x62], [0x61, 0x62], [], []])
    static let end: Int32 = 3

    private func parameters(
        _ regex: String, _ change: (inout SamplingParameters) -> Void = { _ in }
    ) throws -> SamplingParameters {
        var parameters = SamplingParameters()
        parameters.constraint = ConstraintParameters(
            try TokenConstraint(.regex(regex), Self.trie), endIDs: [Self.end], name: "regex")
        change(&parameters)
        return parameters
    }

    private func sampler(_ parameters: SamplingParameters) -> Sampler {
        Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 5)
    }

    @Test("takes the likeliest of the allowed tokens at temperature 0")
    func greedy() throws {
        var sampler = sampler(try parameters("ab") { $0.temperature = 0 })
        #expect(try draw(&sampler, [0, 9, 1, 8, 7], position: 0) == 2)
        #expect(try draw(&sampler, [2, 9, 1, 8, 7], position: 0) == 0)
        sampler.accept(0)
        #expect(!sampler.mustEnd)
        #expect(try draw(&sampler, [9, -50, 9, 9, 9], position: 1) == 1)
        sampler.accept(1)
        #expect(sampler.mustEnd)
    }

    @Test("is from the allowed tokens before any other stage sees them", arguments: SamplingOrder.allCases)
    func comesFirst(_ order: SamplingOrder) throws {
        let parameters = try parameters("a+b?") {
            $0.order = order
            $0.topK = 1
            $0.suppressedIDs = [0]
        }
        var sampler = sampler(parameters)
        for position in 0..<20 { #expect(try draw(&sampler, [0, 9, 1, 8, 7], position: position) == 2) }
    }

    @Test("can be the end only where the text is whole, and not before min_tokens")
    func ends() throws {
        var plain = sampler(try parameters("(ab)*"))
        var counts = [Int](repeating: 0, count: 5)
        for position in 0..<200 { counts[Int(try draw(&plain, [0, 0, 0, 0, 0], position: position))] += 1 }
        #expect(counts[0] > 0 && counts[2] > 0 && counts[3] > 0 && counts[1] == 0 && counts[4] == 0)
        plain.accept(0)
        for position in 0..<20 { #expect(try draw(&plain, [0, -9, 0, 9, 0], position: position) == 1) }
        var later = sampler(
            try parameters("(ab)*") { $0.minTokens = MinTokensParameters(count: 2, ids: [Self.end]) })
        for position in 0..<50 { #expect(try draw(&later, [0, 0, 0, 20, 0], position: position) != Self.end) }
    }

    @Test("is the end where nothing else can follow, whatever bans it")
    func endsAnyway() throws {
        var sampler = sampler(
            try parameters("") {
                $0.minTokens = MinTokensParameters(count: 5, ids: [Self.end])
                $0.mirostat = MirostatParameters(version: .two)
            })
        #expect(sampler.mustEnd)
        #expect(try draw(&sampler, [0, 0, 0, -5, 0], position: 0) == Self.end)
    }

    @Test("that no token of the vocabulary can be is an error that names the constraint")
    func deadEnd() throws {
        var sampler = sampler(try parameters("[abc]{2}c"))
        sampler.accept(2)
        #expect(throws: DecodingError.constraintDeadEnd(name: "regex", position: 1)) {
            try draw(&sampler, [0, 0, 0, 0, 0], position: 1)
        }
    }

    @Test("reports processed log-probabilities of the allowed tokens alone")
    func processed() throws {
        var sampler = sampler(try parameters("a|b"))
        var workspace = SamplingWorkspace()
        let logits: [Float] = [1, 1, 50, 50, 50]
        _ = try logits.withUnsafeBufferPointer {
            try sampler.sample(logits: $0, position: 0, workspace: &workspace)
        }
        let left = try #require(ProcessedProbabilities(of: workspace))
        #expect(abs(left.of(0) - left.of(1)) < 1e-6 && abs(left.of(0) + 0.693147) < 1e-4)
        #expect(left.of(2) == -.infinity && left.top(5).count == 2)
    }

    @Test("of a copy goes its own way")
    func copies() throws {
        var first = sampler(try parameters("a(b|ab)"))
        first.accept(0)
        var second = first
        first.accept(1)
        #expect(first.mustEnd && !second.mustEnd)
        second.accept(2)
        #expect(second.mustEnd)
    }
}
