// SPDX-License-Identifier: Apache-2.0

public import Compute

extension Tensor {
    /// A copy of this F32 tensor in another type, rounded to nearest; nil if it is not F32, the type is not F32, F16,
    /// BF16 or Q8_0, or a row does not hold whole blocks.
    ///
    /// Q8_0 as ggml's reference has it: the scale of a block is its largest magnitude divided by 127.
    public func converted(to type: ElementType) -> Tensor? {
        guard self.type == .f32, columns % type.blockSize == 0, [.f32, .f16, .bf16, .q8_0].contains(type),
            let byteCount = type.byteCount(elementCount: elementCount)
        else { return nil }
        if type == .f32 { return self }
        let storage = Storage(byteCount: byteCount) { memory in
            for index in 0..<elementCount / type.blockSize {
                let place = index * type.blockBytes
                switch type {
                case .f16: memory.storeBytes(of: Float16(float(index)).bitPattern, toByteOffset: place, as: UInt16.self)
                case .bf16: memory.storeBytes(of: BFloat.bits(float(index)), toByteOffset: place, as: UInt16.self)
                default: storeBlock(index, in: memory, at: place)
                }
            }
        }
        return Tensor(storage: storage, byteOffset: 0, type: type, shape: shape)
    }

    private func float(_ index: Int) -> Float {
        Float(bitPattern: UInt32(littleEndian: address.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
    }

    /// Block `block` of Q8_0: a binary16 scale, 32 signed bytes.
    private func storeBlock(_ block: Int, in memory: UnsafeMutableRawBufferPointer, at place: Int) {
        var largest: Float = 0
        for index in 0..<32 { largest = max(largest, abs(float(block * 32 + index))) }
        let scale = largest / 127
        let inverse = scale == 0 ? 0 : 1 / scale
        memory.storeBytes(of: Float16(scale).bitPattern, toByteOffset: place, as: UInt16.self)
        for index in 0..<32 {
            let rounded = (float(block * 32 + index) * inverse).rounded(.toNearestOrAwayFromZero)
            let byte = rounded.isFinite ? Int8(max(-128, min(127, rounded))) : 0
            memory.storeBytes(of: byte, toByteOffset: place + 2 + index, as: Int8.self)
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
