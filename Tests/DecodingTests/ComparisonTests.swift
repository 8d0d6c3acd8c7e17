// SPDX-License-Identifier: Apache-2.0

import Decoding
import Foundation
import Testing

/// What a chain leaves, and what can be said of it, computed the long way.
private struct Reference {
    var ids: [Int32]
    var logits: [Double]

    /// The survivors of the first stages of a chain.
    init(_ parameters: SamplingParameters, stageCount: Int, _ logits: [Float], position: Int) throws {
        var parameters = parameters
        parameters.stages = Array(parameters.activeStages.prefix(stageCount))
        let sampler = Sampler(parameters: parameters, choice: 0, prompt: [1, 2, 3], vocabularySize: logits.count)
        var workspace = SamplingWorkspace()
        try logits.withUnsafeBufferPointer {
            try sampler.applyStages(logits: $0, position: position, workspace: &workspace)
        }
        ids = workspace.candidates.ids
        self.logits = workspace.candidates.logits.map(Double.init)
    }

    var probabilities: [Double] {
        let largest = logits.max() ?? 0
        let weights = logits.map { exp($0 - largest) }
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }

    var entropy: Double { probabilities.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 } }

    func probability(of id: Int32) -> Double { ids.firstIndex(of: id).map { probabilities[$0] } ?? 0 }

    func rank(of id: Int32) -> Int? {
        let order = ids.indices.sorted { (-logits[$0], ids[$0]) < (-logits[$1], ids[$1]) }
        return order.firstIndex { ids[$0] == id }.map { $0 + 1 }
    }
}

private func isClose(_ left: Double, _ right: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(left - right) <= tolerance * max(1, abs(right))
}

private func settings() -> [SamplingParameters] {
    func make(_ change: (inout SamplingParameters) -> Void) -> SamplingParameters {
        var parameters = SamplingParameters()
        parameters.seed = 4
        change(&parameters)
        return parameters
    }
    return [
        make { _ in },
        make { $0.temperature = 0 },
        make {
            $0.temperature = 0.6; $0.topK = 40; $0.topP = 0.9
        },
        make {
            $0.order = .llamaCpp; $0.topK = 30; $0.minP = 0.02; $0.temperature = 1.7
        },
        make {
            $0.logitBias = [5: 4, 9: -50]; $0.suppressedIDs = [0, 7]; $0.repetitionPenalty = 1.4
        },
        make {
            $0.typicalP = 0.7; $0.tailFree = 0.9; $0.topNSigma = 2
        },
        make {
            $0.xtc = XTCParameters(probability: 1, threshold: 0.05); $0.topA = 0.1
        },
        make { $0.mirostat = MirostatParameters(version: .two, tau: 4) },
        make {
            $0.order = .hf; $0.epsilonCutoff = 0.001; $0.etaCutoff = 0.002; $0.topH = 0.5
        },
    ]
}

private func randomLogits(_ count: Int, seed: Int) -> [Float] {
    (0..<count).map { index in
        // A bumpy curve with ties.
        let value = sin(Double(index * 37 + seed * 101)) * 4 + cos(Double(index * index + seed))
        return Float((value * 8).rounded() / 8)
    }
}

@Suite("Traces of draws")
struct DrawTraceTests {
    @Test("say at each stage what the stages up to it leave", arguments: 0..<9)
    func levels(number: Int) throws {
        let parameters = settings()[number]
        for seed in 0..<4 {
            let logits = randomLogits([50, 257, 1000, 3072][seed], seed: seed)
            var sampler = Sampler(parameters: parameters, choice: 0, prompt: [1, 2, 3], vocabularySize: logits.count)
            var workspace = SamplingWorkspace()
            let (id, trace) = try logits.withUnsafeBufferPointer { buffer in
                let id = try sampler.sample(logits: buffer, position: 3, workspace: &workspace)
                let drawn = workspace.candidates.ids
                let trace = try sampler.trace(
                    of: id, .full(count: 4), logits: buffer, position: 3, workspace: &workspace)
                #expect(workspace.candidates.ids == drawn)
                // Nothing of the sampler changed.
                #expect(try sampler.sample(logits: buffer, position: 3, workspace: &workspace) == id)
                return (id, trace)
            }
            #expect(trace.steps.count == parameters.activeStages.count)
            #expect(trace.steps.compactMap(\.stage) == parameters.activeStages)
            var before = try Reference(parameters, stageCount: 0, logits, position: 3)
            check(trace.raw, before, id)
            for (place, step) in trace.steps.enumerated() {
                let after = try Reference(parameters, stageCount: place + 1, logits, position: 3)
                check(step.after, after, id)
                let left = Set(after.ids)
                let removed = zip(before.ids, before.probabilities).reduce(0) { $0 + (left.contains($1.0) ? 0 : $1.1) }
                #expect(isClose(step.removedMass, removed), "\(String(describing: step.stage))")
                before = after
            }
            #expect((trace.steps.last?.after ?? trace.raw).rank != nil)
        }
    }

    private func check(_ level: DrawTrace.Level, _ expected: Reference, _ id: Int32) {
        #expect(level.survivorCount == expected.ids.count)
        #expect(isClose(level.entropy, expected.entropy))
        #expect(level.rank == expected.rank(of: id))
        #expect(isClose(exp(Double(level.logprob)), expected.probability(of: id)))
        #expect(level.top.count == min(4, expected.ids.count))
        #expect(level.top.enumerated().allSatisfy { expected.rank(of: $1.id) == $0 + 1 })
    }

    @Test("list no tokens in a summary, and name a forced token that was removed")
    func forced() throws {
        var parameters = SamplingParameters()
        parameters.topK = 2
        let logits: [Float] = [0, 3, 1, 2]
        let sampler = Sampler(parameters: parameters, choice: 0, prompt: [], vocabularySize: 4)
        var workspace = SamplingWorkspace()
        let trace = try logits.withUnsafeBufferPointer {
            try sampler.trace(of: 2, .summary, logits: $0, position: 0, workspace: &workspace)
        }
        #expect(trace.raw.rank == 3 && trace.raw.top.isEmpty)
        #expect(trace.steps[0].after.rank == nil && trace.steps[0].after.logprob == -.infinity)
    }
}

@Suite("Distances of distributions")
struct DistanceTests {
    @Test("have their known values")
    func known() {
        func distance(_ p: [Int32: Double], _ q: [Int32: Double]) -> DistributionReport.Distance {
            let (left, right) = (p.keys.sorted(), q.keys.sorted())
            return DistributionReport.Distance(
                ids: (left, right), probabilities: (left.map { p[$0] ?? 0 }, right.map { q[$0] ?? 0 }))
        }
        let same = distance([1: 0.25, 9: 0.75], [1: 0.25, 9: 0.75])
        #expect(same == DistributionReport.Distance(forward: 0, backward: 0, jensenShannon: 0, totalVariation: 0))
        let apart = distance([1: 1], [2: 1])
        #expect(apart.forward == .infinity && apart.backward == .infinity && apart.totalVariation == 1)
        #expect(isClose(apart.jensenShannon, log(2), 1e-15))
        let half = distance([1: 0.5, 2: 0.5], [2: 1])
        #expect(half.forward == .infinity && isClose(half.backward, log(2), 1e-15) && half.totalVariation == 0.5)
        #expect(isClose(half.jensenShannon, 0.75 * log(4.0 / 3), 1e-15))
        let close = distance([0: 0.9, 5: 0.1], [0: 0.5, 5: 0.5])
        #expect(isClose(close.forward, 0.9 * log(1.8) + 0.1 * log(0.2), 1e-15))
        #expect(isClose(close.backward, 0.5 * log(5.0 / 9) + 0.5 * log(5), 1e-15))
    }

    @Test("run over the whole vocabulary")
    func report() throws {
        let all = settings()
        let logits = randomLogits(3072, seed: 1)
        var workspace = SamplingWorkspace()
        let report = try logits.withUnsafeBufferPointer {
            try DistributionReport(
                DistributionQuery(settings: all, count: 5), logits: $0, prompt: [1, 2, 3], workspace: &workspace)
        }
        let references = try all.map {
            try Reference($0, stageCount: $0.activeStages.count, logits, position: 3)
        }
        let raw = try Reference(SamplingParameters(), stageCount: 0, logits, position: 3)
        for (entry, reference) in zip(report.entries, references) {
            #expect(entry.survivorCount == reference.ids.count && isClose(entry.entropy, reference.entropy))
            #expect(isClose(entry.rawMass, reference.ids.reduce(0) { $0 + raw.probability(of: $1) }))
        }
        for left in all.indices {
            for right in all.indices where right > left {
                let found = report.distances[left][right - left - 1]
                let pairs = (0..<Int32(3072)).map {
                    (references[left].probability(of: $0), references[right].probability(of: $0))
                }
                let variation = pairs.reduce(0) { $0 + abs($1.0 - $1.1) } / 2
                let forward = pairs.reduce(0) { $1.0 > 0 ? $0 + $1.0 * log($1.0 / $1.1) : $0 }
                #expect(isClose(found.totalVariation, variation), "\(left) \(right)")
                #expect(found.forward == forward || isClose(found.forward, forward), "\(left) \(right)")
            }
        }
    }
}

@Suite("Causes of a divergence")
struct DivergenceCauseTests {
    private func trace(
        noise: [Double] = [0, 0], raw: [Float?] = [2, 1], _ steps: [(StageName, [Float?])]
    ) -> SamplerTrace {
        SamplerTrace(noise: noise, raw: raw, steps: steps.map { SamplerTrace.Step(stage: $0.0, logits: $0.1) })
    }

    @Test("are the stage that removed the token that was ahead")
    func removal() {
        let plain = trace([])
        #expect(
            Divergence.cause(reference: plain, other: trace([(.temperature, [4, 2]), (.xtc, [nil, 2])]))
                == .removed(by: .xtc, on: .other))
        // On the reference's side the other token was ahead by its noise, until it was removed.
        #expect(
            Divergence.cause(
                reference: trace(noise: [0, 3], [(.topK, [2, nil])]), other: trace(noise: [0, 3], []))
                == .removed(by: .topK, on: .reference))
    }

    @Test("are the stage that moved them apart most where none was removed")
    func reweighting() {
        // The bias lifts the other token by 3, the temperature takes half of all away.
        let other = trace([(.logitBias, [2, 4]), (.temperature, [1, 2])])
        #expect(Divergence.cause(reference: trace([]), other: other) == .reweighted(by: .logitBias))
        // A token that is removed when it is behind already decided nothing.
        let late = trace([(.logitBias, [2, 4]), (.topK, [nil, 4])])
        #expect(Divergence.cause(reference: trace([]), other: late) == .reweighted(by: .logitBias))
    }

    @Test("are the noise where the seeds differ and no stage moved as much")
    func noise() {
        let other = trace(noise: [0, 5], [(.temperature, [1.9, 1])])
        #expect(Divergence.cause(reference: trace([]), other: other) == .noise)
    }
}
