// SPDX-License-Identifier: Apache-2.0

/// A run of floats, aligned to 64 bytes; it goes back to its memory when the last reference goes.
final class Buffer {
    let start: UnsafeMutablePointer<Float>
    let count: Int
    private let capacity: Int
    private let memory: TapeMemory

    fileprivate init(start: UnsafeMutablePointer<Float>, count: Int, capacity: Int, memory: TapeMemory) {
        self.start = start
        self.count = count
        self.capacity = capacity
        self.memory = memory
    }

    deinit { memory.take(back: start, count: count, capacity: capacity) }
}

/// Memory for activations and gradients: what one pass gives back, the next one uses again.
///
/// It holds at most a quarter more than the most that was ever asked for at once. A dry memory counts, but has none: its
/// buffers must not be touched.
final class TapeMemory {
    let isDry: Bool
    /// The most bytes that were ever held.
    private(set) var peakBytes = 0
    /// What ``peakBytes`` cannot exceed, whatever the order of the requests so far.
    var limitBytes: Int { mostUsedBytes + mostUsedBytes / 4 }
    private var heldBytes = 0
    /// The bytes that buffers in use asked for, and the most that these ever were.
    private var usedBytes = 0
    private var mostUsedBytes = 0
    /// Runs not in use, ascending by capacity.
    private var free: [(capacity: Int, start: UnsafeMutablePointer<Float>)] = []

    init(isDry: Bool) {
        self.isDry = isDry
    }

    deinit { release(downTo: 0) }

    /// `count` floats, not initialized.
    func allocate(_ count: Int) -> Buffer {
        let needed = Self.rounded(count)
        usedBytes += needed * 4
        mostUsedBytes = max(mostUsedBytes, usedBytes)
        var found = 0
        while found < free.count, free[found].capacity < needed { found += 1 }
        if found < free.count, free[found].capacity <= needed + needed / 4 {
            let run = free.remove(at: found)
            return Buffer(start: run.start, count: count, capacity: run.capacity, memory: self)
        }
        release(downTo: limitBytes - needed * 4)
        heldBytes += needed * 4
        peakBytes = max(peakBytes, heldBytes)
        return Buffer(start: make(needed), count: count, capacity: needed, memory: self)
    }

    /// The floats that are asked for so that `count` fit: whole cache lines.
    private static func rounded(_ count: Int) -> Int { max((count + 15) / 16 * 16, 16) }

    fileprivate func take(back start: UnsafeMutablePointer<Float>, count: Int, capacity: Int) {
        usedBytes -= Self.rounded(count) * 4
        var place = 0
        while place < free.count, free[place].capacity < capacity { place += 1 }
        free.insert((capacity, start), at: place)
    }

    /// Gives unused runs back to the system, the largest first, until `limit` bytes are held at most.
    private func release(downTo limit: Int) {
        while heldBytes > limit, let run = free.popLast() {
            heldBytes -= run.capacity * 4
            if !isDry { UnsafeMutableRawPointer(run.start).deallocate() }
        }
    }

    private func make(_ count: Int) -> UnsafeMutablePointer<Float> {
        guard !isDry else { return Self.nowhere }
        let raw = UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: 64)
        return raw.bindMemory(to: Float.self, capacity: count)
    }

    /// An address for buffers that are never touched.
    private static var nowhere: UnsafeMutablePointer<Float> { UnsafeMutablePointer(bitPattern: 64).unsafelyUnwrapped }
}
