// SPDX-License-Identifier: Apache-2.0

/// Cuts where the curve of sorted probabilities becomes flat.
///
/// With p sorted descending, w_j = |(p_j - p_{j+1}) - (p_{j+1} - p_{j+2})| divided by their sum, j from 0 to n - 3: the
/// first candidate stays; candidate j + 1 stays as long as w_0 + … + w_j ≤ z; the last goes. Fewer than three candidates,
/// and ones all equally likely, stay as they are. Of equal probabilities the smaller ids come first.
///
/// Source: Bricken 2019, tail-free sampling; text-generation-webui's `TailFreeLogitsWarper`. (llama.cpp, which had it
/// until 2024, kept one candidate less.) The only stage that sorts the candidates: all differences add to the sum.
struct TailFree: SamplingStage {
    private let share: Double

    init(_ share: Float) {
        self.share = share.decimal
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        let count = workspace.candidates.count
        guard count > 2 else { return }
        let maximum = Double(workspace.candidates.maximum)
        workspace.sortLogits()
        if workspace.doubles.count < count { workspace.doubles = [Double](repeating: 0, count: count) }
        let kept = workspace.floats.withUnsafeBufferPointer { sorted in
            workspace.doubles.withUnsafeMutableBufferPointer { p in
                Exponential.weights(UnsafeBufferPointer(rebasing: sorted[..<count]), maximum: maximum, into: p)
                return survivorCount(UnsafeBufferPointer(rebasing: p[..<count]))
            }
        }
        guard let kept else { return }
        let last = workspace.floats[kept - 1]
        let ties = workspace.floats[..<kept].reversed().prefix { $0 == last }.count
        workspace.candidates.keep(before: Cutoff(logit: last, tieCount: ties))
    }

    /// How many of the sorted candidates stay; nil if all do. The scale of the probabilities does not matter.
    private func survivorCount(_ p: UnsafeBufferPointer<Double>) -> Int? {
        func bend(_ j: Int) -> Double { abs((p[j] - p[j + 1]) - (p[j + 1] - p[j + 2])) }
        var total = 0.0
        for j in 0..<(p.count - 2) { total += bend(j) }
        guard total > 0 else { return nil }
        var sum = 0.0
        var kept = 1
        for j in 0..<(p.count - 2) {
            sum += bend(j)
            guard sum <= share * total else { break }
            kept += 1
        }
        return kept
    }
}

extension SamplingWorkspace {
    /// Leaves the candidates' logits in `floats`, descending: a radix sort of three passes.
    mutating func sortLogits() {
        let count = candidates.count
        grow(to: count)
        candidates.withLogits { logits in
            floats.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: logits) }
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { other in
            floats.withUnsafeMutableBufferPointer { floats in
                var source = UnsafeMutableBufferPointer(rebasing: floats[..<count])
                var target = other
                for (shift, bits) in [(UInt32(0), 11), (11, 11), (22, 10)] {
                    Self.pass(source, target, shift: shift, bits: bits)
                    swap(&source, &target)
                }
                // Three passes leave the result in the other buffer.
                _ = floats.update(fromContentsOf: source)
            }
        }
    }

    private static func pass(
        _ source: UnsafeMutableBufferPointer<Float>, _ target: UnsafeMutableBufferPointer<Float>, shift: UInt32,
        bits: Int
    ) {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 1 << bits) { places in
            places.initialize(repeating: 0)
            let mask = UInt32(1 << bits - 1)
            func bucket(_ logit: Float) -> Int { Int((~Selection.key(logit) >> shift) & mask) }
            for logit in source { places[bucket(logit)] += 1 }
            var start = 0
            for index in places.indices {
                let size = places[index]
                places[index] = start
                start += size
            }
            for logit in source {
                let bucket = bucket(logit)
                target[places[bucket]] = logit
                places[bucket] += 1
            }
        }
    }
}
