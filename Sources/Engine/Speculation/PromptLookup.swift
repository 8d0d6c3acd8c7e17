// SPDX-License-Identifier: Apache-2.0

/// Guesses how a sequence goes on: as it did after the earlier place that reads most like its end.
///
/// Guesses are computed beside the newest token, and those that the draws confirm spare a step each. What is drawn does
/// not depend on them.
///
/// Source: prompt lookup decoding (A. Saxena, 2023); the fields are named as in Hugging Face transformers.
public struct PromptLookup: Sendable, Equatable {
    /// The most tokens to guess at a time; at least one.
    public var tokenCount: Int
    /// The most last tokens that are compared; at least one.
    public var matchLimit: Int

    /// A lookup of the given sizes.
    public init(tokenCount: Int, matchLimit: Int) {
        self.tokenCount = tokenCount
        self.matchLimit = matchLimit
    }

    /// Up to `limit` tokens that may follow `ids`; empty if its last id did not occur before.
    ///
    /// Of the places that agree with the end in the most tokens (up to ``matchLimit``), the last one counts. Where what
    /// followed it reaches the end, it goes on with itself: a text in a loop is guessed at full length.
    package func draft(after ids: [Int32], limit: Int) -> [Int32] {
        let wanted = min(tokenCount, limit)
        guard wanted > 0, let place = place(in: ids) else { return [] }
        var draft: [Int32] = []
        for offset in 0..<wanted {
            let index = place + offset
            draft.append(index < ids.count ? ids[index] : draft[index - ids.count])
        }
        return draft
    }

    /// Where what follows the best match begins.
    private func place(in ids: [Int32]) -> Int? {
        ids.withUnsafeBufferPointer { ids in
            let end = ids.count
            var best: (place: Int, length: Int)?
            var place = end - 1
            while place > 0 {
                let most = min(matchLimit, place)
                var length = 0
                while length < most, ids[place - 1 - length] == ids[end - 1 - length] { length += 1 }
                if length > best?.length ?? 0 { best = (place, length) }
                if length == matchLimit { break }
                place -= 1
            }
            return best?.place
        }
    }
}
