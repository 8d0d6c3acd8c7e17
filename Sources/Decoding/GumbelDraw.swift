// SPDX-License-Identifier: Apache-2.0

/// The draw that ends a chain: the candidate with the largest logit + noise; ties go to the smaller id.
///
/// That is a sample of softmax(logits); see ``CounterNoise``. Scores are doubles. A candidate's noise is computed only
/// if a cheap upper bound says that it could win, which leaves the result as it is.
enum GumbelDraw {
    static func draw(_ candidates: CandidateSet, _ noise: PositionNoise) -> Int32 {
        candidates.withCandidates { ids, logits in
            guard let ids else { return draw(logits, noise) { Int32(truncatingIfNeeded: $0) } }
            return draw(logits, noise) { ids[$0] }
        }
    }

    @inline(__always)
    private static func draw(
        _ logits: UnsafeBufferPointer<Float>, _ noise: PositionNoise, id: (Int) -> Int32
    ) -> Int32 {
        var best = -Double.infinity
        var winner: Int32 = 0
        for index in 0..<logits.count {
            let id = id(index)
            let logit = Double(logits[index])
            let bits = noise.bits(id)
            guard logit + PositionNoise.bound(bits: bits) > best else { continue }
            let score = logit + PositionNoise.gumbel(bits: bits)
            if score > best {
                best = score
                winner = id
            }
        }
        return winner
    }

    /// The candidate with the largest logit; ties go to the smaller id.
    static func greedy(_ candidates: CandidateSet) -> Int32 {
        let maximum = candidates.maximum
        return candidates.withLogits { logits in
            candidates.id(at: logits.firstIndex(of: maximum) ?? 0)
        }
    }
}
