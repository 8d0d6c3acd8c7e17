// SPDX-License-Identifier: Apache-2.0

/// How the elements of a tensor are stored. The raw values are those of the GGUF specification (`ggml_type`).
public enum ElementType: UInt32, Sendable, CaseIterable {
    /// IEEE 754 binary32.
    case f32 = 0
    /// IEEE 754 binary16.
    case f16 = 1
    /// Blocks of 32: one f16 scale, 4-bit values minus 8.
    case q4_0 = 2
    /// Blocks of 32: f16 scale and minimum, 4-bit values.
    case q4_1 = 3
    /// Blocks of 32: one f16 scale, 5-bit values minus 16.
    case q5_0 = 6
    /// Blocks of 32: f16 scale and minimum, 5-bit values.
    case q5_1 = 7
    /// Blocks of 32: one f16 scale, signed bytes.
    case q8_0 = 8
    /// Super-blocks of 256, 2-bit values, 4-bit scales and minima.
    case q2_K = 10
    /// Super-blocks of 256, 3-bit values, 6-bit scales.
    case q3_K = 11
    /// Super-blocks of 256, 4-bit values, 6-bit scales and minima.
    case q4_K = 12
    /// Super-blocks of 256, 5-bit values, 6-bit scales and minima.
    case q5_K = 13
    /// Super-blocks of 256, 6-bit values, 8-bit scales.
    case q6_K = 14
    /// Upper half of an IEEE 754 binary32.
    case bf16 = 30

    /// The number of elements in one block; 1 for plain types.
    public var blockSize: Int {
        switch self {
        case .f32, .f16, .bf16: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0: 32
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K: 256
        }
    }

    /// The size of one block in bytes.
    public var blockBytes: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .q4_0: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q8_0: 34
        case .q2_K: 84
        case .q3_K: 110
        case .q4_K: 144
        case .q5_K: 176
        case .q6_K: 210
        }
    }

    /// The name as GGUF tools write it, such as `Q4_K`.
    public var name: String {
        switch self {
        case .f32: "F32"
        case .f16: "F16"
        case .bf16: "BF16"
        case .q4_0: "Q4_0"
        case .q4_1: "Q4_1"
        case .q5_0: "Q5_0"
        case .q5_1: "Q5_1"
        case .q8_0: "Q8_0"
        case .q2_K: "Q2_K"
        case .q3_K: "Q3_K"
        case .q4_K: "Q4_K"
        case .q5_K: "Q5_K"
        case .q6_K: "Q6_K"
        }
    }

    /// The bytes that `elementCount` elements take, or nil if they do not fill whole blocks, are negative in number,
    /// or the product overflows.
    public func byteCount(elementCount: Int) -> Int? {
        guard elementCount >= 0, elementCount % blockSize == 0 else { return nil }
        let (bytes, overflow) = (elementCount / blockSize).multipliedReportingOverflow(by: blockBytes)
        return overflow ? nil : bytes
    }
}
