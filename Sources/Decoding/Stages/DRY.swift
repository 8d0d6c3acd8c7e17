// SPDX-License-Identifier: Apache-2.0

import Glibc

/// "Don't repeat yourself": lowers the logit of an id that would go on with a repetition, the more the longer it is.
///
/// For id i let L be the length of the longest suffix of the text so far that occurred in it before, followed by i,
/// without crossing a sequence breaker. Where L ≥ a: l ← l - m·b^(L - a). Ids that alone are a breaker are spared.
///
/// As in llama.cpp only the last tokens of the window count; nothing happens while there are at most `allowedLength` of
/// them; of the breakers that start at one token the longest counts; and the exponent stays so small that b to its power
/// is a float.
///
/// Source: p-e-w 2024, text-generation-webui pull request 5677; llama.cpp's `llama_sampler_dry_apply`. Linear in the
/// window by the Z-algorithm.
struct DRY: SamplingStage {
    private let parameters: DRYParameters
    private var tails: [Int32: [[Int32]]] { parameters.breakers.tails }
    private let exponentLimit: Int

    init(_ parameters: DRYParameters) {
        self.parameters = parameters
        exponentLimit =
            parameters.base > 1.000_001 ? Int(88.722_839_1 / log(Double(parameters.base))) : Int.max
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        // Newest first, so that suffixes are prefixes.
        let text = Array(context.history.ids.suffix(parameters.window ?? .max).reversed())
        guard text.count > parameters.allowedLength else { return }
        let limit = lengthLimit(text)
        guard limit >= parameters.allowedLength else { return }
        for (id, length) in repeats(text, limit: limit) {
            if tails[id]?.contains(where: \.isEmpty) == true { continue }
            let exponent = min(length - parameters.allowedLength, exponentLimit)
            let penalty = Double(parameters.multiplier) * pow(Double(parameters.base), Double(exponent))
            try workspace.candidates.edit(id, position: context.position) { Float(Double($0) - penalty) }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }

    /// How many tokens stand after the last breaker.
    private func lengthLimit(_ text: [Int32]) -> Int {
        guard !tails.isEmpty else { return text.count }
        for (age, id) in text.enumerated() {
            guard let tails = tails[id] else { continue }
            var longest = -1
            for tail in tails where tail.count > longest && tail.count <= age {
                if tail.elementsEqual(text[(age - tail.count)..<age].reversed()) { longest = tail.count }
            }
            if longest >= 0 { return age - longest }
        }
        return text.count
    }

    /// The ids that would go on with a repetition of the allowed length or more, and the longest such length.
    private func repeats(_ text: [Int32], limit: Int) -> [Int32: Int] {
        var longest: [Int32: Int] = [:]
        // z[k]: how long the text at k agrees with its beginning.
        var z = [Int](repeating: 0, count: text.count)
        var left = 0
        var right = 0
        for k in 1..<text.count {
            var length = k < right ? min(right - k, z[k - left]) : 0
            while k + length < text.count, text[length] == text[k + length] { length += 1 }
            z[k] = length
            if k + length > right { (left, right) = (k, k + length) }
            let counted = min(length, limit)
            // The token after the occurrence is the newer neighbour.
            guard counted >= parameters.allowedLength else { continue }
            longest[text[k - 1]] = max(longest[text[k - 1]] ?? 0, counted)
        }
        return longest
    }
}
