// SPDX-License-Identifier: Apache-2.0

package import Decoding
import Synchronization
package import Tokenizers

/// From strings that break a repetition to the sequences of tokens that spell them.
///
/// A token that holds a breaker is one alone. A token that ends with the beginning of a breaker is one together with the
/// tokens of the rest, up to 20 of them, if the rest is whole characters. As llama.cpp's
/// `get_overlapping_token_sequences`.
package enum DRYBreakerSpelling {
    static let tailLimit = 20

    package static func breakers(_ strings: [String], _ tokenizer: any Tokenizer) -> DRYBreakers {
        let breakers = strings.map { Array($0.utf8) }
        // The tokens of what is left of each breaker after its first bytes.
        let rests = breakers.map { breaker in
            (0..<breaker.count).map { start -> [Int32]? in
                guard start > 0, let rest = String(validating: breaker[start...], as: UTF8.self) else { return nil }
                let ids = tokenizer.encode(rest, addSpecial: false, parseSpecial: false)
                return Array(ids.prefix(tailLimit))
            }
        }
        var sequences: [[Int32]] = []
        for id in 0..<Int32(clamping: tokenizer.vocabularySize) {
            let bytes = tokenizer.bytes(of: id)
            guard !bytes.isEmpty else { continue }
            for (breaker, rests) in zip(breakers, rests) {
                collect(breaker, rests, of: id, bytes, into: &sequences)
            }
        }
        return DRYBreakers(sequences)
    }

    private static func collect(
        _ breaker: [UInt8], _ rests: [[Int32]?], of id: Int32, _ bytes: [UInt8], into sequences: inout [[Int32]]
    ) {
        var heads: [[Int32]] = []
        for start in bytes.indices where bytes[start] == breaker[0] {
            let length = min(bytes.count - start, breaker.count)
            guard bytes[start..<start + length].elementsEqual(breaker[..<length]) else { continue }
            if length == breaker.count {
                sequences.append([id])
                return
            }
            if let rest = rests[length], !rest.isEmpty { heads.append([id] + rest) }
        }
        sequences += heads
    }
}

/// Keeps the breakers of the last requests: to find them takes a look at the whole vocabulary.
///
/// Concurrency: any thread.
final class DRYBreakerCache: Sendable {
    private struct Key: Hashable {
        var model: String
        var strings: [String]
    }

    private static let limit = 16
    private let entries = Mutex<[(key: Key, breakers: DRYBreakers)]>([])

    func breakers(_ strings: [String], model: String, _ tokenizer: any Tokenizer) -> DRYBreakers {
        let key = Key(model: model, strings: strings)
        if let found = entries.withLock({ $0.first { $0.key == key }?.breakers }) { return found }
        let breakers = DRYBreakerSpelling.breakers(strings, tokenizer)
        entries.withLock { entries in
            entries.removeAll { $0.key == key }
            if entries.count >= Self.limit { entries.removeFirst() }
            entries.append((key, breakers))
        }
        return breakers
    }
}
