// SPDX-License-Identifier: Apache-2.0

/// The draw that ends a chain: the candidate with the largest logit + noise; ties go to the smaller id.
///
/// That is a sample of softmax(logits); see ``CounterNoise``. Scores are doubles. A candidate's noise is computed only
/// if a cheap upper bound says that it could win, which leaves the result as it is.
enum GumbelDraw {
    /// The place of the winner in the set.
    static func draw(_ candidates: CandidateSet, _ noise: PositionNoise) -> Int {
        candidates.withCandidates { ids, logits in
            guard let ids else { return draw(logits, noise) { Int32(truncatingIfNeeded: $0) } }
            return draw(logits, noise) { ids[$0] }
        }
    }

    @inline(__always)
    private static func draw(
        _ logits: UnsafeBufferPointer<Float>, _ noise: PositionNoise, id: (Int) -> Int32
    ) -> Int {
        var best = -Double.infinity
        var winner = 0
        for index in 0..<logits.count {
            let logit = Double(logits[index])
            let bits = noise.bits(id(index))
            guard logit + PositionNoise.bound(bits: bits) > best else { continue }
            let score = logit + PositionNoise.gumbel(bits: bits)
            if score > best {
                best = score
                winner = index
            }
        }
        return winner
    }
}
