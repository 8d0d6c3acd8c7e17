// SPDX-License-Identifier: Apache-2.0

public import Compute

extension ElementType {
    /// The types that ``Tensor/converted(to:on:)`` makes.
    public static let writable: [ElementType] = [.f32, .f16, .bf16, .q8_0, .q4_0, .q5_0, .q4_K, .q5_K, .q6_K]
}

extension Tensor {
    /// A copy of this tensor in another type, rounded to nearest; nil if the type is not among
    /// ``ElementType/writable`` or a row does not hold whole blocks of it.
    ///
    /// - Parameter pool: the threads that convert; nil: the caller's alone.
    public func converted(to type: ElementType, on pool: WorkerPool? = nil) -> Tensor? {
        guard columns % type.blockSize == 0, ElementType.writable.contains(type),
            let byteCount = type.byteCount(elementCount: elementCount)
        else { return nil }
        if type == self.type { return self }
        let rowBytes = columns / type.blockSize * type.blockBytes
        let storage = Storage(byteCount: byteCount) { memory in
            forEachRow(on: pool) { row, floats in
                let bytes = UnsafeMutableRawBufferPointer(rebasing: memory[row * rowBytes..<(row + 1) * rowBytes])
                Self.store(floats, as: type, to: bytes)
            }
        }
        return Tensor(storage: storage, byteOffset: 0, type: type, shape: shape)
    }

    /// The greatest magnitude of all elements; NaN if one is.
    public func greatestMagnitude(on pool: WorkerPool? = nil) -> Float {
        let greatest = UnsafeMutablePointer<Float>.allocate(capacity: max(rows, 1))
        defer { greatest.deallocate() }
        greatest.initialize(repeating: 0, count: max(rows, 1))
        func larger(_ a: Float, _ b: Float) -> Float { b > a || b.isNaN ? b : a }
        forEachRow(on: pool) { row, floats in
            var most: Float = 0
            for value in floats { most = larger(most, value.magnitude) }
            greatest[row] = most
        }
        return (0..<rows).reduce(0) { larger($0, greatest[$1]) }
    }

    /// Calls `body` with the number and the elements of each row, on the threads of `pool`.
    private func forEachRow(on pool: WorkerPool?, _ body: (Int, UnsafeBufferPointer<Float>) -> Void) {
        func cover(_ range: Range<Int>) {
            let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: columns)
            defer { floats.deallocate() }
            guard let base = floats.baseAddress else { return }
            for row in range {
                // A row of a tensor is a tensor.
                let start = byteOffset + row * self.rowBytes
                guard let tensor = Tensor(storage: storage, byteOffset: start, type: type, shape: [columns]) else {
                    return
                }
                Kernels.dequantize(tensor, into: base)
                body(row, UnsafeBufferPointer(floats))
            }
        }
        guard let pool else { return cover(0..<rows) }
        let size = 16
        pool.run(chunkCount: (rows + size - 1) / size) { chunk in
            cover(chunk * size..<min((chunk + 1) * size, rows))
        }
    }

    private static func store(
        _ floats: UnsafeBufferPointer<Float>, as type: ElementType, to bytes: UnsafeMutableRawBufferPointer
    ) {
        guard let source = floats.baseAddress, let target = bytes.baseAddress else { return }
        for index in 0..<floats.count / type.blockSize {
            let block = source + index * type.blockSize
            let place = target + index * type.blockBytes
            switch type {
            case .f16: place.storeBytes(of: Float16(block[0]).bitPattern.littleEndian, as: UInt16.self)
            case .bf16: place.storeBytes(of: bfloatBits(block[0]).littleEndian, as: UInt16.self)
            case .q8_0: Q8Block.store(block, at: place)
            case .q4_0: BlockQuantization.q4_0(block, to: place)
            case .q5_0: BlockQuantization.q5_0(block, to: place)
            case .q4_K: SuperblockQuantization.q4_K(block, to: place)
            case .q5_K: SuperblockQuantization.q5_K(block, to: place)
            case .q6_K: SuperblockQuantization.q6_K(block, to: place)
            default: place.storeBytes(of: block[0].bitPattern.littleEndian, as: UInt32.self)
            }
        }
    }

    /// The upper half of `value`, rounded to nearest, ties to even.
    private static func bfloatBits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(bits >> 16) | 0x40 }
        return UInt16((bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    }
}
