// SPDX-License-Identifier: Apache-2.0

import Glibc

/// DoLa: what the last layer has learnt beyond an earlier one, whose hidden states the same head turns into logits.
///
/// The earlier layer is the candidate whose distribution is furthest from the last one's by ½ KL(m‖q) + ½ KL(m‖p) with
/// their mean m, as transformers and the authors' code compute it (the paper writes the divergences the other way
/// round). The chain gets log q - log p for ids of which q is at least a tenth of its greatest value; all others are
/// removed. Ties go to the earlier layer.
///
/// Source: Chuang et al. 2023; `_dola_select_contrast` of transformers 4.
package enum LayerContrast {
    /// ln 0.1: the least ln q below the greatest.
    private static let floor = log(0.1)

    /// Writes the contrasted logits of a place to `output`, which has room for V.
    ///
    /// - Parameters:
    ///   - mature: the model's own logits.
    ///   - premature: those of the candidate layers, at least one, earliest first.
    /// - Throws: ``DecodingError`` for logits that are NaN, plus infinity or all minus infinity.
    /// - Returns: the place of the layer that was taken.
    @discardableResult
    package static func mix(
        mature: UnsafeBufferPointer<Float>, premature: [UnsafeBufferPointer<Float>], position: Int,
        into output: UnsafeMutableBufferPointer<Float>
    ) throws(DecodingError) -> Int {
        guard !premature.isEmpty, premature.allSatisfy({ $0.count == mature.count }), output.count >= mature.count
        else { throw .logitCount(expected: mature.count, found: premature.first?.count ?? 0) }
        let own = try LogProbabilities(logits: mature, position: position)
        var sums: [Double] = []
        for row in premature { sums.append(try LogProbabilities(logits: row, position: position).logSum) }
        var best = 0
        if premature.count > 1 {
            let distances = zip(premature, sums).map { distance(mature, own.logSum, $0, $1) }
            for place in distances.indices where distances[place] > distances[best] { best = place }
        }
        let greatest = Double(try LogitRange(mature, position: position).maximum) - own.logSum
        for index in mature.indices {
            let q = Double(mature[index]) - own.logSum
            output[index] =
                q < greatest + floor ? -.infinity : Float(q - (Double(premature[best][index]) - sums[best]))
        }
        return best
    }

    private static func distance(
        _ left: UnsafeBufferPointer<Float>, _ leftSum: Double, _ right: UnsafeBufferPointer<Float>, _ rightSum: Double
    ) -> Double {
        var distance = 0.0
        for index in left.indices {
            let (a, b) = (Double(left[index]) - leftSum, Double(right[index]) - rightSum)
            let mean = (exp(a) + exp(b)) / 2
            guard mean > 0 else { continue }
            distance += mean * (2 * log(mean) - a - b) / 2
        }
        return distance
    }
}
