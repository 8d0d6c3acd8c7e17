// SPDX-License-Identifier: Apache-2.0

internal import CNative
internal import Compute

/// What a tape computes with: threads, kernels, memory, and the weights with their gradients.
///
/// How work is cut into chunks depends on shapes alone, never on the number of threads, and every sum over chunks is
/// taken in their order: so results are the same bits on any number of threads. A dry machine does no arithmetic and
/// only counts memory.
final class TapeMachine {
    let pool: WorkerPool
    let kernels: Kernels
    let training: UnsafePointer<tpr_training_ops>
    let inference: UnsafePointer<tpr_ops>
    let memory: TapeMemory
    /// The elements of all weights, as ``ParameterLayout`` lays them out.
    let weights: UnsafeMutablePointer<Float>
    /// Their gradients, in the same layout.
    let gradients: UnsafeMutablePointer<Float>
    private let threadCount: Int

    /// - Parameters:
    ///   - isPortable: whether the scalar reference is used.
    ///   - dryThreads: not nil: nothing is computed, memory is counted for that many threads.
    init(
        pool: WorkerPool, weights: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>,
        isPortable: Bool, dryThreads: Int? = nil
    ) {
        self.pool = pool
        self.weights = weights
        self.gradients = gradients
        kernels = Kernels(pool: pool, isPortable: isPortable)
        training = isPortable ? tpr_training_ops_scalar() : tpr_training_ops_best()
        inference = isPortable ? tpr_ops_scalar() : tpr_ops_best()
        memory = TapeMemory(isDry: dryThreads != nil)
        threadCount = dryThreads ?? pool.threadCount
    }

    func allocate(_ count: Int) -> Buffer { memory.allocate(count) }

    func weight(_ parameter: TrainableParameter) -> UnsafeMutablePointer<Float> { weights + parameter.offset }

    func gradient(_ parameter: TrainableParameter) -> UnsafeMutablePointer<Float> { gradients + parameter.offset }

    /// Runs `body` for every chunk on the threads of the pool.
    func run(_ chunkCount: Int, _ body: (Int) -> Void) {
        guard !memory.isDry else { return }
        pool.run(chunkCount: chunkCount, body)
    }

    /// The same, with `floats` floats of scratch for each thread.
    func run(_ chunkCount: Int, scratch floats: Int, _ body: (Int, UnsafeMutablePointer<Float>) -> Void) {
        let floats = (floats + 15) / 16 * 16
        let scratch = allocate(floats * threadCount)
        guard !memory.isDry else { return }
        pool.run(chunkCount: chunkCount) { chunk, thread in body(chunk, scratch.start + thread * floats) }
    }

    /// Runs `body` over `0..<count` in ranges of `size`.
    func run(_ count: Int, by size: Int, _ body: (Range<Int>) -> Void) {
        run((count + size - 1) / size) { chunk in body(chunk * size..<min((chunk + 1) * size, count)) }
    }

    /// Runs `body` on single values, in ranges worth a thread.
    func runElements(_ count: Int, _ body: (Range<Int>) -> Void) { run(count, by: 1 << 14, body) }

    /// Runs `body` on rows of `columns` elements, in ranges worth a thread.
    func runRows(_ rows: Int, columns: Int, _ body: (Range<Int>) -> Void) {
        run(rows, by: Self.rowsPerChunk(columns), body)
    }

    /// Rows of `columns` elements that are worth a thread.
    static func rowsPerChunk(_ columns: Int) -> Int { max((1 << 14) / max(columns, 1), 1) }

    func sum(_ a: Buffer, _ b: Buffer, into output: Buffer) {
        runElements(output.count) { range in
            let start = range.lowerBound
            training.pointee.sum(a.start + start, b.start + start, range.count, output.start + start)
        }
    }

    func copy(_ source: Buffer, into output: Buffer) {
        runElements(output.count) { range in
            (output.start + range.lowerBound).update(from: source.start + range.lowerBound, count: range.count)
        }
    }

    func zero(_ buffer: Buffer) {
        runElements(buffer.count) { range in
            (buffer.start + range.lowerBound).update(repeating: 0, count: range.count)
        }
    }

    /// Adds the rows of `buffer` to `output`, in order: one row of `columns` elements.
    func addRows(_ buffer: Buffer, columns: Int, to output: UnsafeMutablePointer<Float>) {
        run(columns, by: 64) { range in
            training.pointee.scatter_add(
                buffer.start, buffer.count / columns, columns, nil, range.lowerBound, range.upperBound, output)
        }
    }
}
