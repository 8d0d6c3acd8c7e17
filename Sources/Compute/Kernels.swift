// SPDX-License-Identifier: Apache-2.0

internal import CNative

/// Every numeric operation of inference.
///
/// All pointers are to binary32, rows contiguous unless a stride is given. A row's result never depends on the other
/// rows of the batch, their number, or the number of threads, bit for bit.
///
/// Concurrency: one caller at a time; it owns scratch memory that grows to what the largest call needs.
public final class Kernels: @unchecked Sendable {
    /// The threads that calls are spread over.
    public let pool: WorkerPool
    let operations: UnsafePointer<tpr_ops>
    let activations: ActivationScratch
    /// One run of scratch per thread of the pool.
    private let threadScratch: UnsafeMutableRawBufferPointer
    private let threadScratchBytes: Int
    /// A weight or bias that is not stored as aligned floats, as floats.
    private let conversions: [ScratchBuffer]

    /// Kernels that run on `pool`, with the best instruction set of this machine.
    public convenience init(pool: WorkerPool) {
        self.init(pool: pool, isPortable: false)
    }

    /// Kernels that run on `pool`; if `isPortable`, with the scalar reference.
    package init(pool: WorkerPool, isPortable: Bool) {
        self.pool = pool
        operations = isPortable ? tpr_ops_scalar() : tpr_ops_best()
        activations = ActivationScratch()
        conversions = [ScratchBuffer(), ScratchBuffer()]
        threadScratchBytes = (tpr_attention_scratch_bytes(Kernels.greatestHeadSize) + 63) & ~63
        threadScratch = .allocate(byteCount: threadScratchBytes * pool.threadCount, alignment: 64)
    }

    deinit { threadScratch.deallocate() }

    /// The instruction set in use, for the log: such as `AVX2+FMA+F16C`, `NEON`, or `scalar`.
    public static var instructionSet: String { String(cString: tpr_ops_best().pointee.name) }

    func scratch(thread: Int) -> UnsafeMutableRawPointer {
        // The pool has at least one thread, so there is memory.
        threadScratch.baseAddress.unsafelyUnwrapped + thread * threadScratchBytes
    }

    /// The most elements of a head that ``attention`` takes.
    static let greatestHeadSize = 1024

    /// Where the elements of a vector stand, if they are aligned floats.
    func alignedFloats(_ vector: Tensor) -> UnsafePointer<Float>? {
        let address = vector.address
        guard vector.type == .f32, UInt(bitPattern: address) % 4 == 0 else { return nil }
        return address.assumingMemoryBound(to: Float.self)
    }

    /// The elements of a vector as aligned floats; a conversion lives until the next call with the same `slot`.
    func floats(_ vector: Tensor, slot: Int) -> UnsafePointer<Float> {
        if let floats = alignedFloats(vector) { return floats }
        let floats = conversions[slot].floats(count: vector.elementCount)
        Kernels.dequantize(vector, into: floats)
        return UnsafePointer(floats)
    }

    /// Runs `body` over ranges that cover `0..<count`, on several threads if an item of `nanoseconds` each is worth it.
    func split(_ count: Int, nanoseconds: Double, _ body: (Range<Int>) -> Void) {
        guard count > 0 else { return }
        let total = Double(count) * nanoseconds
        guard isWorthThreads(nanoseconds: total) else { return body(0..<count) }
        let wanted = min(total / Kernels.handOffNanoseconds * 2, Double(pool.threadCount * 8))
        let chunkCount = max(1, min(count, Int(wanted)))
        pool.run(chunkCount: chunkCount) { chunk, _ in
            body(count * chunk / chunkCount..<count * (chunk + 1) / chunkCount)
        }
    }

    /// Whether work that takes one thread so long is done earlier by several.
    func isWorthThreads(nanoseconds: Double) -> Bool {
        pool.threadCount > 1 && nanoseconds > 2 * Kernels.handOffNanoseconds
    }

    /// What a fork-join costs while the other threads are awake, about, with what they then read from each other's caches.
    static let handOffNanoseconds = 2_000.0

    /// Dequantizes all elements of `tensor` into `output`; for tests and conversions.
    public static func dequantize(_ tensor: Tensor, into output: UnsafeMutablePointer<Float>) {
        tpr_ops_best().pointee.dequantize(tensor.type.rawValue, tensor.address, tensor.elementCount, output)
    }

    /// Row `ids[i]` of `table` as floats at row i of `output`, each `table.columns` long. Ids lie in the table.
    public func gather(
        table: Tensor, ids: UnsafePointer<Int32>, rows: Int, output: UnsafeMutablePointer<Float>
    ) {
        let columns = table.columns
        let rowBytes = table.rowBytes
        let tableRows = table.rows
        split(rows, nanoseconds: Double(columns)) { range in
            for row in range {
                let id = Int(ids[row])
                precondition(id >= 0 && id < tableRows, "an id lies outside of the table")
                operations.pointee.dequantize(
                    table.type.rawValue, table.address + id * rowBytes, columns, output + row * columns)
            }
        }
    }
}

/// Memory that grows to what it is asked for; one user at a time.
final class ScratchBuffer: @unchecked Sendable {
    private var memory = UnsafeMutableRawBuffer(bytes: 64)

    /// At least `count` bytes, aligned to 64; what stood there before may be gone.
    func bytes(count: Int) -> UnsafeMutableRawPointer {
        if memory.count < count { memory = UnsafeMutableRawBuffer(bytes: count + count / 4) }
        return memory.start
    }

    /// At least `count` floats.
    func floats(count: Int) -> UnsafeMutablePointer<Float> {
        bytes(count: count * 4).assumingMemoryBound(to: Float.self)
    }
}

/// Owned aligned bytes.
private final class UnsafeMutableRawBuffer {
    let start: UnsafeMutableRawPointer
    let count: Int

    init(bytes: Int) {
        start = .allocate(byteCount: bytes, alignment: 64)
        count = bytes
    }

    deinit { start.deallocate() }
}
