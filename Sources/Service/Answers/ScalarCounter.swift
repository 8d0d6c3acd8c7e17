// SPDX-License-Identifier: Apache-2.0

/// Counts the Unicode scalars of a text that arrives as bytes in pieces, which may cut characters.
///
/// The count is that of the text as decoded with U+FFFD for bytes that are not UTF-8: what a client sees, and counts.
struct ScalarCounter: Sendable {
    /// Scalars that are complete.
    private(set) var count = 0
    private var pending: [UInt8] = []

    /// A counter that starts at `count`.
    init(count: Int = 0) { self.count = count }

    /// Completes a character that `bytes`, which come next, do not go on with: it becomes U+FFFD, before them.
    mutating func prepare(for bytes: [UInt8]) {
        guard !pending.isEmpty, let next = bytes.first, next & 0xC0 != 0x80 else { return }
        count += String(decoding: pending, as: UTF8.self).unicodeScalars.count
        pending = []
    }

    /// Takes the next bytes.
    mutating func append(_ bytes: [UInt8]) {
        if pending.isEmpty, bytes.allSatisfy({ $0 < 0x80 }) {
            count += bytes.count
            return
        }
        pending.append(contentsOf: bytes)
        let complete = pending.count - Self.openSuffixLength(pending)
        count += String(decoding: pending[..<complete], as: UTF8.self).unicodeScalars.count
        pending.removeFirst(complete)
    }

    /// The number of bytes at the end that begin a character without finishing it.
    private static func openSuffixLength(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length <= bytes.count {
            let byte = bytes[bytes.count - length]
            switch byte {
            case 0x80...0xBF: continue
            case 0xC2...0xDF: return length < 2 ? length : 0
            case 0xE0...0xEF: return length < 3 ? length : 0
            case 0xF0...0xF4: return length < 4 ? length : 0
            default: return 0
            }
        }
        return 0
    }
}
