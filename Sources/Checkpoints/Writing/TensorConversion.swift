// SPDX-License-Identifier: Apache-2.0

public import Compute

extension ElementType {
    /// The types that ``Tensor/converted(to:)`` makes.
    public static let writable: [ElementType] = [.f32, .f16, .bf16, .q8_0, .q4_0]

    /// `general.file_type` of a GGUF file whose matrices are mostly of this type; nil for types that are not written.
    public var fileType: UInt32? {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q4_0: 2
        case .q8_0: 7
        case .bf16: 32
        default: nil
        }
    }
}

extension Tensor {
    /// A copy of this tensor in another type, rounded to nearest; nil if the type is not among
    /// ``ElementType/writable`` or a row does not hold whole blocks of it.
    ///
    /// Block formats as ggml's reference has them. Q8_0: the scale of a block is its greatest magnitude divided by 127.
    /// Q4_0: the value of the greatest magnitude divided by -8.
    public func converted(to type: ElementType) -> Tensor? {
        guard columns % type.blockSize == 0, ElementType.writable.contains(type),
            let byteCount = type.byteCount(elementCount: elementCount)
        else { return nil }
        if type == self.type { return self }
        let rowBytes = byteCount / rows
        let storage = Storage(byteCount: byteCount) { memory in
            forEachRow { row, floats in
                let bytes = UnsafeMutableRawBufferPointer(rebasing: memory[row * rowBytes..<(row + 1) * rowBytes])
                Self.store(floats, as: type, to: bytes)
            }
        }
        return Tensor(storage: storage, byteOffset: 0, type: type, shape: shape)
    }

    /// The greatest magnitude of all elements; NaN if one is.
    public var greatestMagnitude: Float {
        var greatest: Float = 0
        forEachRow { _, floats in
            for value in floats { greatest = value.magnitude > greatest || value.isNaN ? value.magnitude : greatest }
        }
        return greatest
    }

    /// Calls `body` with the number and the elements of each row.
    private func forEachRow(_ body: (Int, UnsafeBufferPointer<Float>) -> Void) {
        let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: columns)
        defer { floats.deallocate() }
        guard let base = floats.baseAddress else { return }
        for row in 0..<rows {
            let place = byteOffset + row * rowBytes
            // A row of a tensor is a tensor.
            guard let tensor = Tensor(storage: storage, byteOffset: place, type: type, shape: [columns]) else { return }
            Kernels.dequantize(tensor, into: base)
            body(row, UnsafeBufferPointer(floats))
        }
    }

    private static func store(
        _ floats: UnsafeBufferPointer<Float>, as type: ElementType, to bytes: UnsafeMutableRawBufferPointer
    ) {
        for index in 0..<floats.count / type.blockSize {
            let place = index * type.blockBytes
            switch type {
            case .f32: bytes.storeBytes(of: floats[index], toByteOffset: place, as: Float.self)
            case .f16: bytes.storeBytes(of: Float16(floats[index]).bitPattern, toByteOffset: place, as: UInt16.self)
            case .bf16: bytes.storeBytes(of: BFloat.bits(floats[index]), toByteOffset: place, as: UInt16.self)
            case .q4_0: storeQ4(floats, from: index * 32, to: bytes, at: place)
            default: storeQ8(floats, from: index * 32, to: bytes, at: place)
            }
        }
    }

    /// A block of Q8_0: a binary16 scale, 32 signed bytes.
    private static func storeQ8(
        _ floats: UnsafeBufferPointer<Float>, from start: Int, to bytes: UnsafeMutableRawBufferPointer, at place: Int
    ) {
        var greatest: Float = 0
        for index in start..<start + 32 { greatest = max(greatest, abs(floats[index])) }
        let scale = greatest / 127
        let inverse = scale == 0 ? 0 : 1 / scale
        bytes.storeBytes(of: Float16(scale).bitPattern, toByteOffset: place, as: UInt16.self)
        for index in 0..<32 {
            let rounded = (floats[start + index] * inverse).rounded(.toNearestOrAwayFromZero)
            let byte = rounded.isFinite ? Int8(max(-128, min(127, rounded))) : 0
            bytes.storeBytes(of: byte, toByteOffset: place + 2 + index, as: Int8.self)
        }
    }

    /// A block of Q4_0: a binary16 scale, 16 bytes of two numbers from 0 to 15, which stand for -8 to 7: elements 0 to
    /// 15 in the low halves, 16 to 31 in the high ones.
    private static func storeQ4(
        _ floats: UnsafeBufferPointer<Float>, from start: Int, to bytes: UnsafeMutableRawBufferPointer, at place: Int
    ) {
        var greatest: Float = 0
        for index in start..<start + 32 where abs(floats[index]) > abs(greatest) { greatest = floats[index] }
        let scale = greatest / -8
        let inverse = scale == 0 ? 0 : 1 / scale
        bytes.storeBytes(of: Float16(scale).bitPattern, toByteOffset: place, as: UInt16.self)
        func number(_ value: Float) -> UInt8 {
            let shifted = value * inverse + 8.5
            return shifted.isFinite ? UInt8(max(0, min(15, shifted))) : 8
        }
        for index in 0..<16 {
            let (low, high) = (number(floats[start + index]), number(floats[start + 16 + index]))
            bytes.storeBytes(of: low | high << 4, toByteOffset: place + 2 + index, as: UInt8.self)
        }
    }
}

/// The upper half of binary32.
private enum BFloat {
    /// `value` rounded to nearest, ties to even.
    static func bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(bits >> 16) | 0x40 }
        return UInt16((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    }
}
