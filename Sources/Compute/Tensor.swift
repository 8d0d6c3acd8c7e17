// SPDX-License-Identifier: Apache-2.0

/// A run of bytes that outlives every tensor in it: a mapped file or memory of our own.
///
/// The bytes are never written once a tensor refers to them, so a storage may be read from any thread.
public final class Storage: @unchecked Sendable {
    /// The bytes. The start is aligned to 64 for owned memory and to a page for a mapped file.
    public let bytes: UnsafeRawBufferPointer
    /// The place of a mapped file among the guarded ranges, or -1.
    let guardSlot: Int32
    private let release: @Sendable (UnsafeRawBufferPointer) -> Void

    /// A storage over `bytes`, which `release` gives back when the last reference goes.
    public convenience init(
        bytes: UnsafeRawBufferPointer, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) {
        self.init(bytes: bytes, guardSlot: -1, release: release)
    }

    init(
        bytes: UnsafeRawBufferPointer, guardSlot: Int32,
        release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) {
        self.bytes = bytes
        self.guardSlot = guardSlot
        self.release = release
    }

    /// Memory of `byteCount` bytes (at least one), filled by `fill` before it is shared.
    public convenience init(byteCount: Int, fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
        do {
            try fill(UnsafeMutableRawBufferPointer(rebasing: memory[..<max(byteCount, 0)]))
        } catch {
            memory.deallocate()
            throw error
        }
        self.init(bytes: UnsafeRawBufferPointer(memory)) { $0.deallocate() }
    }

    deinit { release(bytes) }
}

/// A read-only array of numbers in a ``Storage``, row-major, outermost dimension first.
///
/// A weight of a linear layer has shape `[outputs, inputs]`: one row per output, contiguous along the inputs.
/// Rows of block formats hold whole blocks.
public struct Tensor: Sendable {
    /// Where the bytes are.
    public let storage: Storage
    /// Where the first element starts in `storage`, in bytes.
    public let byteOffset: Int
    /// How elements are stored.
    public let type: ElementType
    /// Sizes of the dimensions, outermost first; at least one dimension, all positive.
    public let shape: [Int]

    /// A tensor at `byteOffset` of `storage`, or nil if a size is not positive, a row does not hold whole blocks,
    /// a product overflows, or the elements do not lie within the storage.
    public init?(storage: Storage, byteOffset: Int, type: ElementType, shape: [Int]) {
        guard !shape.isEmpty, shape.allSatisfy({ $0 > 0 }), let last = shape.last, last % type.blockSize == 0,
            byteOffset >= 0, byteOffset <= storage.bytes.count
        else { return nil }
        var elementCount = 1
        for size in shape {
            let (product, overflow) = elementCount.multipliedReportingOverflow(by: size)
            guard !overflow else { return nil }
            elementCount = product
        }
        guard let byteCount = type.byteCount(elementCount: elementCount),
            byteCount <= storage.bytes.count - byteOffset
        else { return nil }
        self.storage = storage
        self.byteOffset = byteOffset
        self.type = type
        self.shape = shape
    }

    /// The size of the innermost dimension.
    public var columns: Int { shape[shape.count - 1] }
    /// The product of all other dimensions.
    public var rows: Int { shape.dropLast().reduce(1, *) }
    /// The number of elements.
    public var elementCount: Int { rows * columns }
    /// The bytes of one row.
    public var rowBytes: Int { columns / type.blockSize * type.blockBytes }
    /// The bytes of all elements.
    public var byteCount: Int { rows * rowBytes }
    /// The address of the first element; valid while this tensor's storage is referenced.
    public var address: UnsafeRawPointer {
        // A storage is never empty.
        storage.bytes.baseAddress.unsafelyUnwrapped + byteOffset
    }
}
