// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Compute
import Constraints
import Decoding
import Engine
import Foundation
import Testing
import Tokenizers

@Suite("Beam search")
struct BeamSearchTests {
    private static func sums(_ text: Recorder.Text) -> Double {
        text.logprobs.reduce(0) { $0 + Double($1.map { Float(bitPattern: $0) } ?? .nan) }
    }

    @Test("finds what transformers finds, with every norm and rule to stop")
    func goldens() throws {
        let goldens = try #require(StrategyGoldens.all)
        let harness = try Harness { $0.cacheType = .f32 }
        #expect(goldens.beam.count > 100)
        var ended = 0
        for golden in goldens.beam {
            var request = golden.request
            request.strategy = .beam(golden.beams)
            let texts = try harness.run([request])[0]
            #expect(texts.map(\.ids) == golden.sequences, "\(golden)")
            ended += texts.count { $0.reason != .length }
            let scores = try #require(golden.scores)
            guard golden.repetition_penalty == nil else { continue }
            for (text, score) in zip(texts, scores) {
                let end = text.reason == .length ? 0 : 1
                let length =
                    switch golden.beams.lengthNorm {
                    case .generated: Double(text.ids.count)
                    case .sequence: Double(golden.prompt.count + text.ids.count - end)
                    case .gnmt: (5 + Double(text.ids.count)) / 6
                    }
                let power = Self.power(length, Double(golden.beams.lengthPenalty))
                #expect(abs(Self.sums(text) / power - score) < 1e-4 * (1 + abs(score)), "\(golden)")
            }
        }
        #expect(ended > 40, "few sequences of the goldens end")
        harness.engine.stop()
    }

    private static func power(_ base: Double, _ exponent: Double) -> Double {
        Foundation.pow(base, exponent)
    }

    @Test("in groups finds what transformers finds")
    func groups() throws {
        let goldens = try #require(StrategyGoldens.all)
        let harness = try Harness { $0.cacheType = .f32 }
        for golden in goldens.diverse {
            var request = golden.request
            request.strategy = .beam(golden.beams)
            #expect(try harness.run([request])[0].map(\.ids) == golden.sequences, "\(golden)")
        }
        #expect(goldens.diverse.count >= 10)
        harness.engine.stop()
    }

    private func request(_ harness: Harness, width: Int, count: Int, max: Int = 12) -> GenerationRequest {
        var request = harness.request("beams of one prompt", max: max)
        request.strategy = .beam(BeamParameters(width: width))
        request.choiceCount = count
        return request
    }

    @Test("gives the same bits alone and in company, and with blocks that forks share")
    func invariance() throws {
        let alone = try Harness(threads: 1) { $0.stepDuration = .seconds(1) }
        let crowd = try Harness(threads: 3) { $0.stepDuration = .microseconds(1) }
        // Long enough for several blocks.
        let requests = (2...7).map { request(alone, width: $0, count: 2, max: 40 + $0) }
        let expected = try requests.map { try alone.run([$0])[0] }
        let started = try requests.map { try crowd.start([$0, crowd.request("beside \($0.maxTokens)")]).0 }
        for (index, recorder) in started.enumerated() {
            recorder.wait()
            #expect(recorder.texts[0] == expected[index], "width \(requests[index].strategy)")
        }
        alone.engine.stop()
        crowd.engine.stop()
    }

    @Test("of one sequence takes the likeliest token each time")
    func greedy() throws {
        let harness = try Harness()
        var plain = harness.request("beams of one prompt", max: 12)
        plain.sampling.temperature = 0
        #expect(try harness.run([request(harness, width: 1, count: 1)])[0][0] == harness.run([plain])[0][0])
        harness.engine.stop()
    }

    @Test("is never worse than a narrower one where every sequence has the same length")
    func width() throws {
        let harness = try Harness()
        let best = try [1, 4, 16, 64].map { Self.sums(try harness.run([request(harness, width: $0, count: 1)])[0][0]) }
        #expect(best.last ?? 0 >= best[0])
        #expect(Set(best).count > 1)
        harness.engine.stop()
    }

    @Test("reports each step: what is kept descends from what was kept")
    func steps() throws {
        let harness = try Harness()
        var request = request(harness, width: 3, count: 2, max: 9)
        request.stopIDs = Set(try harness.run([request])[0][0].ids.suffix(1))
        request.reportsSearch = true
        let recorder = try harness.finish(GenerationGroup([request]))
        let steps = recorder.steps
        #expect(steps.map(\.index) == Array(0..<steps.count))
        #expect(!steps.isEmpty)
        var known: Set<Int?> = [nil]
        for step in steps {
            #expect(step.kept.count <= 3 && step.kept.count + step.finished.count + step.pruned.count <= 6)
            #expect((step.kept + step.finished + step.pruned).allSatisfy { known.contains($0.parent) })
            #expect(step.finished.allSatisfy { $0.score != nil } && step.pruned.allSatisfy { $0.id == nil })
            known = Set(step.kept.map(\.id))
        }
        // Who has the tree has the answers.
        var nodes: [Int: SearchNode] = [:]
        for node in steps.flatMap({ $0.kept + $0.finished }) { if let id = node.id { nodes[id] = node } }
        let finished = steps.flatMap(\.finished).sorted { ($0.score ?? 0) > ($1.score ?? 0) }
        for (text, end) in zip(recorder.texts[0], finished) {
            var ids: [Int32] = []
            var node: SearchNode? = end
            while let current = node {
                ids.append(current.token)
                node = current.parent.flatMap { nodes[$0] }
            }
            #expect(ids.reversed() == text.ids)
        }
        harness.engine.stop()
    }

    @Test("keeps to a constraint, and ends with it")
    func constraint() throws {
        let harness = try Harness()
        let tokenizer = harness.info.tokenizer
        let trie = TokenTrie(pieces: (0..<harness.info.config.vocabularySize).map { tokenizer.bytes(of: Int32($0)) })
        var request = request(harness, width: 4, count: 3)
        request.ignoresEnd = false
        let words = ["yes", "no", "perhaps", "never"]
        request.sampling.constraint = ConstraintParameters(
            try TokenConstraint(.choice(words), trie), endIDs: tokenizer.endIDs, name: "choice")
        let texts = try harness.run([request])[0]
        #expect(texts.allSatisfy { words.contains($0.text) && $0.reason == .constraint })
        // A word may be made of other tokens, too.
        #expect(Set(texts.map(\.ids)).count == 3)
        // More than there are of single bytes: the others say that nothing is left.
        request.sampling.constraint = ConstraintParameters(
            try TokenConstraint(.choice(["y", "n"]), trie), endIDs: tokenizer.endIDs, name: "choice")
        request.strategy = .beam(BeamParameters(width: 6))
        request.choiceCount = 6
        let all = try harness.run([request])[0]
        #expect(Set(all.map(\.text)) == ["y", "n", ""])
        #expect(all.count { $0.reason == .exhausted } == 4)
        harness.engine.stop()
    }

    @Test("cuts at a stop string")
    func stops() throws {
        let harness = try Harness()
        var request = request(harness, width: 4, count: 4, max: 24)
        // By the sum alone: what ends early is better than what goes on from it.
        var parameters = BeamParameters(width: 4)
        parameters.lengthPenalty = 0
        request.strategy = .beam(parameters)
        let text = try harness.run([request])[0][0].text
        let stop = try #require(text.unicodeScalars.first { $0.isASCII && $0.value > 32 }.map { String($0) })
        request.stopStrings = [stop]
        let texts = try harness.run([request])[0]
        #expect(texts.contains { $0.reason == .stopString(stop) })
        #expect(texts.allSatisfy { !$0.text.contains(stop) })
        harness.engine.stop()
    }

    @Test("waits for room and leaves none behind: sequences are reserved before they start")
    func room() throws {
        let harness = try Harness { $0.cacheBytes = 1 << 20 }
        let before = harness.engine.metrics(model: harness.id)
        let started = try (0..<4).map { _ in try harness.start([request(harness, width: 8, count: 8, max: 60)]).0 }
        for recorder in started {
            recorder.wait()
            #expect(recorder.error == nil)
            #expect(recorder.texts[0].count == 8)
        }
        let after = harness.idleMetrics()
        #expect(after.usedBlocks == before.usedBlocks && after.runningSequences == 0)
        harness.engine.stop()
    }

    @Test("that could never fit is refused")
    func refused() throws {
        let harness = try Harness()
        #expect(throws: EngineError.self) {
            try harness.start([request(harness, width: harness.info.contextLength, count: 1)])
        }
        harness.engine.stop()
    }

    @Test("ends at its deadline with what it has")
    func deadline() throws {
        let harness = try Harness()
        var request = request(harness, width: 4, count: 2, max: 400)
        request.deadline = .now + .milliseconds(30)
        let texts = try harness.run([request])[0]
        #expect(texts.allSatisfy { $0.reason == .deadline || $0.reason == .length })
        harness.engine.stop()
    }
}
