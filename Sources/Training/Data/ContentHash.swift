// SPDX-License-Identifier: Apache-2.0

/// XXH64 of a run of bytes: fast, the same everywhere, not for use against an adversary.
///
/// Source: github.com/Cyan4973/xxHash, `doc/xxhash_spec.md`.
public enum ContentHash {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// The hash of `bytes`.
    public static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var offset = 0
        var state: UInt64
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        if bytes.count >= 32 {
            var lane1 = seed &+ prime1 &+ prime2
            var lane2 = seed &+ prime2
            var lane3 = seed
            var lane4 = seed &- prime1
            while offset + 32 <= bytes.count {
                lane1 = round(lane1, word(offset))
                lane2 = round(lane2, word(offset + 8))
                lane3 = round(lane3, word(offset + 16))
                lane4 = round(lane4, word(offset + 24))
                offset += 32
            }
            state = rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
            for lane in [lane1, lane2, lane3, lane4] {
                state = (state ^ round(0, lane)) &* prime1 &+ prime4
            }
        } else {
            state = seed &+ prime5
        }
        state &+= UInt64(bytes.count)
        while offset + 8 <= bytes.count {
            state = rotate(state ^ round(0, word(offset)), 27) &* prime1 &+ prime4
            offset += 8
        }
        if offset + 4 <= bytes.count {
            let half = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            state = rotate(state ^ UInt64(half) &* prime1, 23) &* prime2 &+ prime3
            offset += 4
        }
        while offset < bytes.count {
            state = rotate(state ^ UInt64(bytes[offset]) &* prime5, 11) &* prime1
            offset += 1
        }
        return mix(state)
    }

    /// The hash of `bytes`.
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 { hash(UnsafeRawBufferPointer(bytes)) }

    /// The hash of a text's UTF-8.
    static func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hash($0) }
    }

    /// One hash of several words.
    static func combine(_ words: [UInt64]) -> UInt64 {
        words.map(\.littleEndian).withUnsafeBytes { hash($0) }
    }

    /// The last step of the hash: each bit of the result depends on each bit of `state`.
    static func mix(_ state: UInt64) -> UInt64 {
        var state = state
        state = (state ^ (state >> 33)) &* prime2
        state = (state ^ (state >> 29)) &* prime3
        return state ^ (state >> 32)
    }

    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
}
