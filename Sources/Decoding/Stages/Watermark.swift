// SPDX-License-Identifier: Apache-2.0

/// Adds δ to the logits of a green share γ of the vocabulary that the last token chooses, so that a detector who knows
/// the key finds more green ids than chance would leave.
///
/// The green ids of a token x are the first ⌊γ·V⌋ of a permutation of 0..<V, made by the forward shuffle of
/// `torch.randperm` from a Mersenne twister seeded with (key·x) mod (2^64 - 1): what transformers' `lefthash` scheme
/// with a context of one token computes on a CPU, so that its `WatermarkDetector` finds the mark. Without any token so
/// far nothing happens.
///
/// Source: Kirchenbauer et al. 2023, algorithm 2; `WatermarkLogitsProcessor` of transformers.
struct Watermark: SamplingStage {
    private let bias: Float
    private let greenCount: Int
    private let vocabularySize: Int
    private let key: UInt64

    init(_ parameters: WatermarkParameters, vocabularySize: Int) {
        bias = parameters.bias
        greenCount = Int(Double(vocabularySize) * parameters.ratio.decimal)
        self.vocabularySize = vocabularySize
        key = parameters.key
    }

    func apply(to workspace: inout SamplingWorkspace, context: StageContext) throws(DecodingError) {
        guard let last = context.history.ids.last else { return }
        permute(&workspace.ids, seed: seed(last))
        for index in 0..<greenCount {
            try workspace.candidates.edit(workspace.ids[index], position: context.position) { $0 + bias }
        }
        try workspace.candidates.removeBanned(position: context.position)
    }

    /// Those of the keys of `counts` that are green after `previous`.
    func greenIDs(after previous: Int32, of counts: [Int32: Int], _ buffer: inout [Int32]) -> Set<Int32> {
        permute(&buffer, seed: seed(previous))
        var green: Set<Int32> = []
        for id in buffer.prefix(greenCount) where counts[id] != nil { green.insert(id) }
        return green
    }

    /// (key·x) mod (2^64 - 1), of which the twister takes the low 32 bits.
    private func seed(_ id: Int32) -> UInt32 {
        let product = key.multipliedFullWidth(by: UInt64(max(id, 0)))
        // 2^64 is 1 modulo 2^64 - 1: add the halves, and the carry.
        let (sum, carry) = product.low.addingReportingOverflow(product.high)
        let folded = carry ? sum + 1 : sum
        return UInt32(truncatingIfNeeded: folded == .max ? 0 : folded)
    }

    /// Leaves the green ids at the beginning of `ids`.
    private func permute(_ ids: inout [Int32], seed: UInt32) {
        if ids.count < vocabularySize { ids = [Int32](repeating: 0, count: vocabularySize) }
        ids.withUnsafeMutableBufferPointer { ids in
            for index in 0..<vocabularySize { ids[index] = Int32(truncatingIfNeeded: index) }
            var twister = MersenneTwister(seed: seed)
            for index in 0..<min(greenCount, max(vocabularySize - 1, 0)) {
                ids.swapAt(index, index + Int(twister.next() % UInt32(vocabularySize - index)))
            }
        }
    }
}

/// MT19937. Source: Matsumoto, Nishimura 1998.
struct MersenneTwister {
    private var words: [UInt32]
    private var index = 624

    init(seed: UInt32) {
        words = [UInt32](repeating: seed, count: 624)
        for i in 1..<624 {
            words[i] = 1_812_433_253 &* (words[i - 1] ^ (words[i - 1] >> 30)) &+ UInt32(i)
        }
    }

    mutating func next() -> UInt32 {
        if index == 624 { refill() }
        var y = words[index]
        index += 1
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C_5680
        y ^= (y << 15) & 0xEFC6_0000
        return y ^ (y >> 18)
    }

    private mutating func refill() {
        for k in 0..<624 {
            let y = (words[k] & 0x8000_0000) | (words[(k + 1) % 624] & 0x7FFF_FFFF)
            words[k] = words[(k + 397) % 624] ^ (y >> 1) ^ (y & 1 == 0 ? 0 : 0x9908_B0DF)
        }
        index = 0
    }
}
