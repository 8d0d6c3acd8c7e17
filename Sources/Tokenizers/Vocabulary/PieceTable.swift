// SPDX-License-Identifier: Apache-2.0

/// The pieces of a vocabulary as bytes, by id, and their ids, by bytes.
///
/// Open addressing over a seeded hash, so that a vocabulary cannot be made to collide.
struct PieceTable: Sendable {
    /// All pieces, one after the other.
    private var bytes: [UInt8] = []
    /// Where each piece starts in `bytes`, and the end of the last.
    private var starts: [UInt32] = [0]
    /// Ids by hash; -1 is free.
    private var slots: [Int32] = []
    private(set) var longestByteCount = 0

    /// The number of pieces.
    var count: Int { starts.count - 1 }

    /// A table for about this many pieces.
    init(capacity: Int) {
        starts.reserveCapacity(capacity + 1)
        bytes.reserveCapacity(capacity * 8)
    }

    /// Appends the next piece. It is found by its bytes once ``index(_:)`` has been called.
    mutating func append(_ piece: some Sequence<UInt8>) throws(TokenizerError) {
        let start = bytes.count
        bytes.append(contentsOf: piece)
        let length = bytes.count - start
        guard length <= VocabularyLimits.pieceBytes else {
            throw .pieceTooLong(id: count, byteCount: length, limit: VocabularyLimits.pieceBytes)
        }
        guard count < VocabularyLimits.pieces, let end = UInt32(exactly: bytes.count) else {
            throw .vocabularyTooLarge(count: count + 1, limit: VocabularyLimits.pieces)
        }
        longestByteCount = max(longestByteCount, length)
        starts.append(end)
    }

    /// Makes the pieces that `includes` accepts findable by their bytes. Of equal pieces the last is found. Empty
    /// pieces are never found.
    mutating func index(_ includes: (Int) -> Bool = { _ in true }) {
        var size = 16
        while size < count * 2 { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
        let bytes = bytes
        bytes.withUnsafeBufferPointer { all in
            for id in 0..<count where includes(id) {
                let piece = UnsafeBufferPointer(rebasing: all[Int(starts[id])..<Int(starts[id + 1])])
                guard !piece.isEmpty else { continue }
                let slot = slot(of: piece)
                slots[slot] = Int32(id)
            }
        }
    }

    /// The bytes of piece `id`, which must be in range.
    subscript(id: Int) -> ArraySlice<UInt8> { bytes[Int(starts[id])..<Int(starts[id + 1])] }

    /// The id of the piece of exactly these bytes.
    func find(_ piece: UnsafeBufferPointer<UInt8>) -> Int32? {
        guard !piece.isEmpty, piece.count <= longestByteCount, !slots.isEmpty else { return nil }
        let id = slots[slot(of: piece)]
        return id < 0 ? nil : id
    }

    /// The id of the piece spelt exactly so, scalar by scalar.
    func find(_ piece: String) -> Int32? {
        var piece = piece
        return piece.withUTF8 { find($0) }
    }

    /// The id of the piece of exactly these bytes.
    func find(_ piece: some Collection<UInt8>) -> Int32? {
        let found: Int32?? = piece.withContiguousStorageIfAvailable { find($0) }
        if let found { return found }
        return ContiguousArray(piece).withUnsafeBufferPointer { find($0) }
    }

    /// The slot that holds `piece`, or the free one where it belongs.
    private func slot(of piece: UnsafeBufferPointer<UInt8>) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: SeededHash.hash(piece)) & mask
        while true {
            let id = Int(slots[slot])
            if id < 0 { return slot }
            let start = Int(starts[id])
            if Int(starts[id + 1]) - start == piece.count {
                let isEqual = bytes.withUnsafeBytes { all in
                    Self.areEqual(UnsafeRawBufferPointer(rebasing: all[start..<start + piece.count]), piece)
                }
                if isEqual { return slot }
            }
            slot = (slot + 1) & mask
        }
    }
}

extension PieceTable {
    /// Whether two stretches of one length are equal, eight bytes at a time.
    private static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
        let right = UnsafeRawBufferPointer(right)
        var offset = 0
        while offset + 8 <= left.count {
            guard
                left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    == right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            else { return false }
            offset += 8
        }
        while offset < left.count {
            guard left[offset] == right[offset] else { return false }
            offset += 1
        }
        return true
    }
}

/// What a vocabulary may hold at most; a file that holds more is refused before it is read.
package enum VocabularyLimits {
    /// Ids of a vocabulary, and merges of one.
    package static let pieces = 1 << 22
    /// Bytes of one piece.
    package static let pieceBytes = 4096
    /// Bytes that a normalizer may put in place of a match.
    package static let replacementBytes = 64
}

/// A fast hash seeded anew in each process.
enum SeededHash {
    private static let seed = UInt64.random(in: .min ... .max)
    private static let multiplier = UInt64.random(in: .min ... .max) | 1

    /// The hash of `bytes`.
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        let raw = UnsafeRawBufferPointer(bytes)
        var offset = 0
        while offset + 8 <= raw.count {
            state = mix(state ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < raw.count {
            tail = tail << 8 | UInt64(raw[offset])
            offset += 1
        }
        return mix(mix(state ^ tail))
    }

    /// The hash of one word.
    static func hash(_ word: UInt64) -> UInt64 { mix(seed ^ word) }

    private static func mix(_ word: UInt64) -> UInt64 {
        let product = word.multipliedFullWidth(by: multiplier)
        return product.high ^ product.low
    }
}
