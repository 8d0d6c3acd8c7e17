// SPDX-License-Identifier: Apache-2.0

/// Memory for the activations of one pass: handed out in order, given back in reverse order or all at once.
///
/// It begins with what was reserved, grows to what the largest pass needed and then stays.
final class Arena {
    /// A moment to release to.
    struct Mark {
        fileprivate let slab: Int
        fileprivate let used: Int
    }

    private static let alignment = 64
    private var slabs: [UnsafeMutableBufferPointer<Float>] = []
    private var slab = 0
    private var used = 0

    deinit {
        for slab in slabs { UnsafeMutableRawBufferPointer(slab).deallocate() }
    }

    var capacityBytes: Int { slabs.reduce(0) { $0 + $1.count } * MemoryLayout<Float>.stride }

    /// The most floats that were in use at once since the last ``reset()``, while one slab was enough.
    private(set) var peakCount = 0

    /// Takes memory for `count` floats in one piece ahead; its pages are taken when they are first written.
    func reserve(_ count: Int) {
        precondition(slabs.isEmpty, "an arena is reserved before it is used")
        if count > 0 { slabs = [Self.makeSlab(Self.roundedCount(count))] }
    }

    /// The floats that ``allocate(_:)`` takes for `count`.
    static func roundedCount(_ count: Int) -> Int { max((count + 15) / 16 * 16, 16) }

    var mark: Mark { Mark(slab: slab, used: used) }

    func release(to mark: Mark) {
        slab = mark.slab
        used = mark.used
    }

    /// Gives everything back; several slabs become one, so that the next pass finds its memory in one piece.
    func reset() {
        if slabs.count > 1 {
            let total = slabs.reduce(0) { $0 + $1.count }
            for slab in slabs { UnsafeMutableRawBufferPointer(slab).deallocate() }
            slabs = [Self.makeSlab(total)]
        }
        slab = 0
        used = 0
        peakCount = 0
    }

    /// `count` floats, aligned to 64 bytes, not initialized.
    func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        let size = Self.roundedCount(count)
        while slab < slabs.count {
            if let base = slabs[slab].baseAddress, used + size <= slabs[slab].count {
                defer {
                    used += size
                    peakCount = max(peakCount, used)
                }
                return base + used
            }
            slab += 1
            used = 0
        }
        let made = Self.makeSlab(max(size, 1 << 18))
        slabs.append(made)
        slab = slabs.count - 1
        used = size
        // A slab is never empty.
        return made.baseAddress.unsafelyUnwrapped
    }

    private static func makeSlab(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
        let raw = UnsafeMutableRawBufferPointer.allocate(
            byteCount: count * MemoryLayout<Float>.stride, alignment: alignment)
        return raw.bindMemory(to: Float.self)
    }
}
