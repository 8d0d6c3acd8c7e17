// SPDX-License-Identifier: Apache-2.0

/// Blocks of 32 numbers, as ggml's reference makes them: a binary16 scale, then integers.
enum BlockQuantization {
    private static let size = 32

    /// Q4_0: the scale is the number of the greatest magnitude divided by -8; of two numbers from 0 to 15, which stand
    /// for -8 to 7, a byte: elements 0 to 15 in the low halves, 16 to 31 in the high ones.
    static func q4_0(_ x: UnsafePointer<Float>, to block: UnsafeMutableRawPointer) {
        let inverse = storeScale(extreme(x) / -8, to: block)
        for index in 0..<size / 2 {
            let low = number(x[index] * inverse, middle: 8)
            let high = number(x[size / 2 + index] * inverse, middle: 8)
            block.storeBytes(of: low | high << 4, toByteOffset: 2 + index, as: UInt8.self)
        }
    }

    /// Q5_0: as Q4_0 with -16; the fifth bits stand before the halves, element 0 in the lowest.
    static func q5_0(_ x: UnsafePointer<Float>, to block: UnsafeMutableRawPointer) {
        let inverse = storeScale(extreme(x) / -16, to: block)
        var fifth: UInt32 = 0
        for index in 0..<size / 2 {
            let low = number(x[index] * inverse, middle: 16)
            let high = number(x[size / 2 + index] * inverse, middle: 16)
            fifth |= UInt32(low >> 4) << UInt32(index) | UInt32(high >> 4) << UInt32(size / 2 + index)
            block.storeBytes(of: low & 15 | (high & 15) << 4, toByteOffset: 6 + index, as: UInt8.self)
        }
        block.storeBytes(of: fifth.littleEndian, toByteOffset: 2, as: UInt32.self)
    }

    /// Writes the scale and returns its inverse, before it is rounded.
    private static func storeScale(_ scale: Float, to block: UnsafeMutableRawPointer) -> Float {
        block.storeBytes(of: Float16(scale).bitPattern.littleEndian, as: UInt16.self)
        return scale == 0 ? 0 : 1 / scale
    }

    /// The number of the greatest magnitude, the first of them.
    private static func extreme(_ x: UnsafePointer<Float>) -> Float {
        var extreme: Float = 0
        for index in 0..<size where abs(x[index]) > abs(extreme) { extreme = x[index] }
        return extreme
    }

    /// `value` as an integer from 0 to 2 · middle - 1, which stands for itself minus `middle`.
    private static func number(_ value: Float, middle: Float) -> UInt8 {
        let shifted = value + (middle + 0.5)
        return shifted.isFinite ? UInt8(max(0, min(2 * middle - 1, shifted))) : UInt8(middle)
    }
}
