// SPDX-License-Identifier: Apache-2.0

/// The smallest and largest of a vocabulary's logits.
///
/// Logits are compared as integers that order as they do. NaN lies beyond plus or minus infinity there, so that one pass
/// finds both ends and everything that has no place among logits.
struct LogitRange {
    let minimum: Float
    let maximum: Float

    /// The range of logits known to be finite or minus infinity; of none, an empty one.
    init(_ logits: UnsafeBufferPointer<Float>) {
        let (low, high) = Self.ends(logits)
        minimum = Self.logit(low)
        maximum = Self.logit(high)
    }

    /// The range of a model's logits.
    ///
    /// - Throws: ``DecodingError`` for NaN, plus infinity, and if all are minus infinity.
    init(_ logits: UnsafeBufferPointer<Float>, position: Int) throws(DecodingError) {
        let (low, high) = Self.ends(logits)
        guard low >= Self.key(-.infinity), high < Self.key(.infinity) else {
            guard let index = logits.firstIndex(where: { !($0 < .infinity) }) else {
                throw .noCandidates(position: position)
            }
            throw .badLogit(
                id: Int32(truncatingIfNeeded: index), value: logits[index].description, position: position)
        }
        guard high > Self.key(-.infinity) else { throw .noCandidates(position: position) }
        minimum = Self.logit(low)
        maximum = Self.logit(high)
    }

    private static func ends(_ logits: UnsafeBufferPointer<Float>) -> (low: Int32, high: Int32) {
        var low = Int32.max
        var high = Int32.min
        for logit in logits {
            let key = key(logit)
            low = key < low ? key : low
            high = key > high ? key : high
        }
        return (low, high)
    }

    @inline(__always)
    private static func key(_ logit: Float) -> Int32 {
        let bits = Int32(bitPattern: logit.bitPattern)
        return bits ^ ((bits >> 31) & .max)
    }

    @inline(__always)
    private static func logit(_ key: Int32) -> Float {
        Float(bitPattern: UInt32(bitPattern: key ^ ((key >> 31) & .max)))
    }
}
