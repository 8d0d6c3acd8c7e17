// SPDX-License-Identifier: Apache-2.0

/// Classifier-free guidance: what the prompt makes likelier than another prompt does, amplified.
///
/// With log-softmaxes c after the prompt and u after the other one, the chain gets u + γ·(c - u).
///
/// Source: Sanchez et al. 2023; `UnbatchedClassifierFreeGuidanceLogitsProcessor` of transformers.
package enum Guidance {
    /// Writes the guided logits of a place to `output`, which has room for V.
    ///
    /// - Throws: ``DecodingError`` for logits that are NaN, plus infinity or all minus infinity.
    package static func mix(
        conditional: UnsafeBufferPointer<Float>, unconditional: UnsafeBufferPointer<Float>, scale: Float,
        position: Int, into output: UnsafeMutableBufferPointer<Float>
    ) throws(DecodingError) {
        guard conditional.count == unconditional.count, output.count >= conditional.count else {
            throw .logitCount(expected: conditional.count, found: min(unconditional.count, output.count))
        }
        let left = try LogProbabilities(logits: conditional, position: position).logSum
        let right = try LogProbabilities(logits: unconditional, position: position).logSum
        for index in conditional.indices {
            let u = Double(unconditional[index]) - right
            let c = Double(conditional[index]) - left
            output[index] = Float(u + Double(scale) * (c - u))
        }
    }
}
