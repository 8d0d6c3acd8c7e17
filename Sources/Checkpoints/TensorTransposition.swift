// SPDX-License-Identifier: Apache-2.0

package import Compute

extension Tensor {
    /// The matrix with its dimensions swapped, in memory of its own; nil if this is no matrix of a plain type.
    package func transposed() -> Tensor? {
        guard shape.count == 2, type.blockSize == 1 else { return nil }
        let storage = Storage(byteCount: byteCount) { memory in
            switch type.blockBytes {
            case 2: Self.transpose(address, memory, rows: rows, columns: columns, as: UInt16.self)
            default: Self.transpose(address, memory, rows: rows, columns: columns, as: UInt32.self)
            }
        }
        return Tensor(storage: storage, byteOffset: 0, type: type, shape: [columns, rows])
    }

    /// Writes the transpose tile by tile, so that both sides stay in cache.
    private static func transpose<Element: FixedWidthInteger>(
        _ source: UnsafeRawPointer, _ target: UnsafeMutableRawBufferPointer, rows: Int, columns: Int,
        as type: Element.Type
    ) {
        let size = MemoryLayout<Element>.size
        let tile = 32
        for rowStart in stride(from: 0, to: rows, by: tile) {
            for columnStart in stride(from: 0, to: columns, by: tile) {
                for row in rowStart..<min(rowStart + tile, rows) {
                    for column in columnStart..<min(columnStart + tile, columns) {
                        let element = source.loadUnaligned(
                            fromByteOffset: (row * columns + column) * size, as: Element.self)
                        target.storeBytes(of: element, toByteOffset: (column * rows + row) * size, as: Element.self)
                    }
                }
            }
        }
    }
}
