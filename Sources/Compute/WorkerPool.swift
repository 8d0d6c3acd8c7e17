// SPDX-License-Identifier: Apache-2.0

internal import CNative
internal import Glibc
internal import Synchronization

/// Fork-join over a fixed set of threads.
///
/// The chunks of a job are claimed one by one by compare-and-swap, so a thread that the system delays costs no more
/// than the chunk it holds. Between jobs a thread spins for about 20 µs, then parks.
///
/// Concurrency: one caller of ``run(chunkCount:_:)`` at a time, and none from inside a body.
public final class WorkerPool: Sendable {
    /// How many threads work on a job; the caller is one of them.
    public let threadCount: Int
    private let state: State

    /// A pool of `threadCount` threads (at least one), of which all but the caller's are started now. Where the system
    /// refuses to start one, the pool has fewer.
    public init(threadCount: Int) {
        precondition(threadCount >= 1, "a pool has at least one thread")
        let state = State()
        state.start(helperCount: threadCount - 1)
        self.state = state
        self.threadCount = state.threads.count + 1
    }

    deinit { state.stop() }

    /// Runs `body(chunk)` for every chunk in `0..<chunkCount`, on any thread, in any order; returns when all are done.
    public func run(chunkCount: Int, _ body: (Int) -> Void) {
        run(chunkCount: chunkCount) { chunk, _ in body(chunk) }
    }

    /// As ``run(chunkCount:_:)``; the body also gets the number of its thread, in `0..<threadCount`, 0 the caller.
    package func run(chunkCount: Int, _ body: (_ chunk: Int, _ thread: Int) -> Void) {
        guard chunkCount > 1, threadCount > 1 else {
            for chunk in 0..<max(chunkCount, 0) { body(chunk, 0) }
            return
        }
        state.run(chunkCount: chunkCount, body)
    }
}

/// What the threads share.
///
/// A job (`body`, `chunkCount`) is written only while `openChunks` is 0 and `activeHelpers` is 0, and read only by a
/// thread that has claimed one of its chunks. A helper counts itself active before it looks for chunks: the caller, who
/// waits for `activeHelpers` to fall to 0 after the last chunk is claimed, therefore never takes a job away from under it.
/// Both sides write their flag and then read the other's, so these operations are sequentially consistent.
private final class State: @unchecked Sendable {
    typealias Body = (Int, Int) -> Void

    private let openChunks = Atomic<Int>(0)
    private let activeHelpers = Atomic<Int>(0)
    private let parkedHelpers = Atomic<Int>(0)
    private let callerIsParked = Atomic<Bool>(false)
    private let isStopping = Atomic<Bool>(false)
    private var body: Body?
    private var chunkCount = 0

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let workArrived: UnsafeMutablePointer<pthread_cond_t>
    private let helpersLeft: UnsafeMutablePointer<pthread_cond_t>
    private(set) var threads: [pthread_t] = []

    init() {
        mutex = .allocate(capacity: 1)
        workArrived = .allocate(capacity: 1)
        helpersLeft = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        workArrived.initialize(to: pthread_cond_t())
        helpersLeft.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(workArrived, nil)
        pthread_cond_init(helpersLeft, nil)
    }

    deinit {
        pthread_cond_destroy(helpersLeft)
        pthread_cond_destroy(workArrived)
        pthread_mutex_destroy(mutex)
        helpersLeft.deallocate()
        workArrived.deallocate()
        mutex.deallocate()
    }

    // MARK: Threads

    private final class Start {
        let state: State
        let number: Int
        init(state: State, number: Int) {
            self.state = state
            self.number = number
        }
    }

    func start(helperCount: Int) {
        for number in 1..<(helperCount + 1) {
            var thread = pthread_t()
            let start = Unmanaged.passRetained(Start(state: self, number: number))
            let status = pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                    tpr_name_thread("compute-\(start.number)")
                    start.state.help(number: start.number)
                    return nil
                }, start.toOpaque())
            guard status == 0 else {
                start.release()
                return
            }
            threads.append(thread)
        }
    }

    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(workArrived)
        pthread_mutex_unlock(mutex)
        for thread in threads { pthread_join(thread, nil) }
    }

    // MARK: The caller's side

    func run(chunkCount: Int, _ body: Body) {
        withoutActuallyEscaping(body) { body in
            self.body = body
            self.chunkCount = chunkCount
            openChunks.store(chunkCount, ordering: .sequentiallyConsistent)
            if parkedHelpers.load(ordering: .sequentiallyConsistent) > 0 {
                pthread_mutex_lock(mutex)
                pthread_cond_broadcast(workArrived)
                pthread_mutex_unlock(mutex)
            }
            while let chunk = claim() { body(chunk, 0) }
            waitForHelpers()
            self.body = nil
        }
    }

    private func waitForHelpers() {
        if spin(while: { activeHelpers.load(ordering: .sequentiallyConsistent) > 0 }) { return }
        pthread_mutex_lock(mutex)
        callerIsParked.store(true, ordering: .sequentiallyConsistent)
        while activeHelpers.load(ordering: .sequentiallyConsistent) > 0 { pthread_cond_wait(helpersLeft, mutex) }
        callerIsParked.store(false, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
    }

    // MARK: The helpers' side

    private func help(number: Int) {
        while !isStopping.load(ordering: .sequentiallyConsistent) {
            if openChunks.load(ordering: .relaxed) > 0 {
                work(number: number)
            } else if !spin(while: { openChunks.load(ordering: .relaxed) <= 0 && !isStopping.load(ordering: .relaxed) })
            {
                park()
            }
        }
    }

    private func work(number: Int) {
        activeHelpers.add(1, ordering: .sequentiallyConsistent)
        runChunks(number: number)
        let (_, left) = activeHelpers.subtract(1, ordering: .sequentiallyConsistent)
        guard left == 0, callerIsParked.load(ordering: .sequentiallyConsistent) else { return }
        pthread_mutex_lock(mutex)
        pthread_cond_signal(helpersLeft)
        pthread_mutex_unlock(mutex)
    }

    /// The reference to the body that this holds is gone when it returns, before the caller may go on.
    @inline(never)
    private func runChunks(number: Int) {
        guard let first = claim(), let body else { return }
        body(first, number)
        while let chunk = claim() { body(chunk, number) }
    }

    private func park() {
        pthread_mutex_lock(mutex)
        parkedHelpers.add(1, ordering: .sequentiallyConsistent)
        while openChunks.load(ordering: .sequentiallyConsistent) <= 0,
            !isStopping.load(ordering: .sequentiallyConsistent)
        {
            pthread_cond_wait(workArrived, mutex)
        }
        parkedHelpers.subtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
    }

    // MARK: Both

    /// Takes a chunk of the open job, or nil if none is left.
    private func claim() -> Int? {
        var open = openChunks.load(ordering: .relaxed)
        while open > 0 {
            let (exchanged, original) = openChunks.compareExchange(
                expected: open, desired: open - 1, ordering: .sequentiallyConsistent)
            if exchanged { return chunkCount - open }
            open = original
        }
        return nil
    }

    /// Spins while `condition` holds, about 20 µs at most; false if it still holds then.
    private func spin(while condition: () -> Bool) -> Bool {
        let end = now() &+ 20_000
        repeat {
            for _ in 0..<16 {
                if !condition() { return true }
                tpr_spin_pause()
            }
        } while now() < end
        return false
    }

    private func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
