// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Raw log-probabilities: the log-softmax of the model's own logits, l - ln Σ e^l.
///
/// The sum runs over doubles in a fixed order. An id has one number, whether it is asked for alone or in a list of
/// the likeliest: clients compare them for equality. A banned id (logit minus infinity) has minus infinity.
public struct LogProbabilities {
    let logits: UnsafeBufferPointer<Float>
    /// ln Σ e^l.
    let logSum: Double
    private let maximum: Float

    /// Sums up the vocabulary; two passes over the logits.
    ///
    /// - Parameters:
    ///   - logits: one per id; must stay valid as long as this value is used.
    ///   - position: the index of the token in the whole sequence, for error texts.
    /// - Throws: ``DecodingError`` for logits that are NaN, plus infinity or all minus infinity.
    public init(logits: UnsafeBufferPointer<Float>, position: Int) throws(DecodingError) {
        self.logits = logits
        maximum = try LogitRange(logits, position: position).maximum
        let offset = Double(maximum)
        var sums = Exponential.Lanes(repeating: 0)
        var index = 0
        let whole = logits.count & ~7
        let raw = UnsafeRawBufferPointer(logits)
        while index < whole {
            let lanes = Exponential.Lanes(raw.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<Float>.self))
            sums += Exponential.exp(lanes - offset)
            index += 8
        }
        if index < logits.count {
            var last = Exponential.Lanes(repeating: -.infinity)
            while index < logits.count {
                last[index & 7] = Double(logits[index])
                index += 1
            }
            sums += Exponential.exp(last - offset)
        }
        logSum = offset + log(sums.sum())
    }

    /// The log-probability of `id`; minus infinity for an id outside the vocabulary.
    public func of(_ id: Int32) -> Float {
        guard id >= 0, Int(id) < logits.count else { return -.infinity }
        return logprob(logits[Int(id)])
    }

    /// The `count` likeliest ids, best first, ties by smaller id; at most the whole vocabulary.
    public func top(_ count: Int) -> [TokenLogprob] {
        let count = min(count, logits.count)
        guard count > 0 else { return [] }
        if count == 1 {
            let best = Int32(truncatingIfNeeded: logits.firstIndex(of: maximum) ?? 0)
            return [TokenLogprob(id: best, logprob: logprob(maximum))]
        }
        var selection = Selection()
        let cutoff = selection.cutoff(count: count, in: logits)
        var ties = cutoff.tieCount
        var best: [(id: Int32, logit: Float)] = []
        best.reserveCapacity(count)
        for index in logits.indices {
            let logit = logits[index]
            guard logit >= cutoff.logit else { continue }
            if logit == cutoff.logit {
                guard ties > 0 else { continue }
                ties -= 1
            }
            best.append((Int32(truncatingIfNeeded: index), logit))
        }
        best.sort { $0.logit != $1.logit ? $0.logit > $1.logit : $0.id < $1.id }
        return best.map { TokenLogprob(id: $0.id, logprob: logprob($0.logit)) }
    }

    private func logprob(_ logit: Float) -> Float { Float(Double(logit) - logSum) }
}
