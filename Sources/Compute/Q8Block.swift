// SPDX-License-Identifier: Apache-2.0

/// Q8_0, a block of 32 numbers: a binary16 scale, the greatest magnitude divided by 127, and signed bytes (GGUF
/// specification; rounded as ggml's reference does).
public enum Q8Block {
    /// The numbers of a block.
    public static let size = 32
    /// The bytes of a block.
    public static let bytes = 34

    /// Stores 32 numbers as a block at any address. Where one is NaN or infinite, all that is read back is NaN.
    public static func store(_ x: UnsafePointer<Float>, at block: UnsafeMutableRawPointer) {
        var greatest: Float = 0
        var defect: Float = 0
        for index in 0..<size {
            greatest = max(greatest, abs(x[index]))
            defect += x[index] * 0
        }
        let scale = greatest / 127 + defect
        block.storeBytes(of: Float16(scale).bitPattern.littleEndian, as: UInt16.self)
        let inverse = scale > 0 ? 1 / scale : 0
        for index in 0..<size {
            let rounded = (x[index] * inverse).rounded(.toNearestOrAwayFromZero)
            let byte = rounded.isFinite ? Int8(max(-127, min(127, rounded))) : 0
            block.storeBytes(of: byte, toByteOffset: 2 + index, as: Int8.self)
        }
    }
}
