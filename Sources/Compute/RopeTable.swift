// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Cosines and sines of rotary position embedding, per position and pair, computed in double and kept in float.
public struct RopeTable: Sendable {
    /// Which elements of a head are rotated together.
    public enum Pairing: Sendable {
        /// Elements 2i and 2i + 1.
        case interleaved
        /// Elements i and i + dimensions / 2.
        case halves
    }

    /// The elements of a head that are rotated, an even number; those after stay as they are.
    public let dimensions: Int
    /// Which elements are rotated together.
    public let pairing: Pairing
    /// The positions it covers, from 0.
    public let positionCount: Int
    /// Per position `dimensions / 2` cosines.
    private let cosines: [Float]
    /// Per position `dimensions / 2` sines.
    private let sines: [Float]

    /// A table for positions `0..<positionCount`: the angle of pair i at position p is `p * frequencies[i]`, cosine and
    /// sine are multiplied by `magnitude` (YaRN's attention factor, otherwise 1). There are `dimensions / 2` frequencies.
    public init(
        dimensions: Int, pairing: Pairing, frequencies: [Double], magnitude: Float = 1, positionCount: Int
    ) {
        precondition(dimensions >= 0 && dimensions % 2 == 0, "dimensions go in pairs")
        precondition(frequencies.count == dimensions / 2, "there is one frequency per pair")
        precondition(positionCount >= 0, "a table does not have a negative length")
        self.dimensions = dimensions
        self.pairing = pairing
        self.positionCount = positionCount
        let count = positionCount * frequencies.count
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(count)
        sines.reserveCapacity(count)
        for position in 0..<positionCount {
            for frequency in frequencies {
                let angle = Double(position) * frequency
                cosines.append(Float(cos(angle) * Double(magnitude)))
                sines.append(Float(sin(angle) * Double(magnitude)))
            }
        }
        self.cosines = cosines
        self.sines = sines
    }

    /// Calls `body` with the cosines and sines of all positions.
    func withTable<Result>(_ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Result) -> Result? {
        cosines.withUnsafeBufferPointer { cosines in
            sines.withUnsafeBufferPointer { sines in
                guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return nil }
                return body(cosines, sines)
            }
        }
    }
}
