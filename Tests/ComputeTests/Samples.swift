// SPDX-License-Identifier: Apache-2.0

import Compute
import Glibc
import Testing

/// Repeatable random numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// About normal, mean 0 and deviation 1.
    mutating func normal() -> Float {
        (0..<4).reduce(0) { sum, _ in sum + Float.random(in: -1...1, using: &self) } * 0.866
    }

    mutating func normals(_ count: Int) -> [Float] { (0..<count).map { _ in normal() } }
}

/// A tensor of `rows` rows of random elements of about unit size, whose first byte lies `misalignment` bytes after an
/// aligned address.
func randomTensor(
    _ type: ElementType, rows: Int, columns: Int, misalignment: Int = 0, using generator: inout SeededGenerator
) throws -> Tensor {
    let byteCount = rows * columns / type.blockSize * type.blockBytes
    var bytes = [UInt8](repeating: 0, count: byteCount)
    switch type {
    case .f32: writeValues(&bytes) { generator.normal().bitPattern }
    case .f16: writeValues(&bytes) { Float16(generator.normal()).bitPattern }
    case .bf16: writeValues(&bytes) { UInt16(generator.normal().bitPattern >> 16) }
    default:
        for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
        for block in 0..<byteCount / type.blockBytes {
            for offset in type.halfOffsets {
                let scale = Float16(Float.random(in: -0.02...0.02, using: &generator))
                let at = block * type.blockBytes + offset
                bytes[at] = UInt8(truncatingIfNeeded: scale.bitPattern)
                bytes[at + 1] = UInt8(truncatingIfNeeded: scale.bitPattern >> 8)
            }
        }
    }
    return try makeTensor(type, rows: rows, columns: columns, misalignment: misalignment, bytes: bytes)
}

func makeTensor(
    _ type: ElementType, rows: Int, columns: Int, misalignment: Int = 0, bytes: [UInt8]
) throws -> Tensor {
    let storage = Storage(byteCount: bytes.count + misalignment) { memory in
        UnsafeMutableRawBufferPointer(rebasing: memory[misalignment...]).copyBytes(from: bytes)
    }
    let tensor = Tensor(storage: storage, byteOffset: misalignment, type: type, shape: [rows, columns])
    return try #require(tensor)
}

private func writeValues<Bits: FixedWidthInteger>(_ bytes: inout [UInt8], _ next: () -> Bits) {
    let size = Bits.bitWidth / 8
    for at in stride(from: 0, to: bytes.count, by: size) {
        let bits = next()
        for byte in 0..<size { bytes[at + byte] = UInt8(truncatingIfNeeded: bits >> (8 * byte)) }
    }
}

extension ElementType {
    /// Where a block keeps its binary16 scales and minima.
    var halfOffsets: [Int] {
        switch self {
        case .f32, .f16, .bf16: []
        case .q4_0, .q5_0, .q8_0: [0]
        case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
        case .q2_K: [80, 82]
        case .q3_K: [108]
        case .q6_K: [208]
        }
    }
}

extension Tensor {
    /// All elements as floats.
    var floats: [Float] {
        [Float](unsafeUninitializedCapacity: elementCount) { buffer, count in
            if let start = buffer.baseAddress { Kernels.dequantize(self, into: start) }
            count = elementCount
        }
    }
}

extension Array where Element == Float {
    /// The bits of all elements: to compare what `==` does not tell apart.
    var bits: [UInt32] { map(\.bitPattern) }
}

/// Where two arrays first differ, or nil: a failed expectation then prints this, not the arrays.
func firstDifference<Element: Equatable>(_ found: [Element], _ expected: [Element]) -> String? {
    guard found.count == expected.count else { return "\(found.count) elements, not \(expected.count)" }
    guard let index = zip(found, expected).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset else {
        return nil
    }
    return "at \(index)"
}

/// e^x in double precision.
func exponential(_ x: Double) -> Double { exp(x) }
