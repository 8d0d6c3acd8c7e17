// SPDX-License-Identifier: Apache-2.0

internal import CNative
internal import Glibc
internal import Synchronization

/// Fork-join over a fixed set of threads.
///
/// The chunks of a job are claimed one by one by compare-and-swap, so a thread that the system delays costs no more
/// than the chunk it holds. Between jobs a thread spins for about 200 µs, which is more than lies between two jobs of a
/// forward pass or between two passes, and less than anybody notices; then it parks. It parks earlier where another
/// thread wants its processor, and at once where the pool has more threads than there are processors.
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
        let state = State(threadCount: threadCount)
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
    private let isStopping = Atomic<Bool>(false)
    private var body: Body?
    private var chunkCount = 0
    /// Where helpers sleep while no chunk is open.
    private let workArrived: UnsafeMutablePointer<tpr_gate>
    /// Where the caller sleeps while helpers are active.
    private let helpersLeft: UnsafeMutablePointer<tpr_gate>
    private let spinNanoseconds: UInt64
    private(set) var threads: [pthread_t] = []

    init(threadCount: Int) {
        spinNanoseconds = threadCount > Int(tpr_usable_processors()) ? 0 : 200_000
        workArrived = .allocate(capacity: 1)
        helpersLeft = .allocate(capacity: 1)
        workArrived.initialize(to: tpr_gate())
        helpersLeft.initialize(to: tpr_gate())
    }

    deinit {
        helpersLeft.deallocate()
        workArrived.deallocate()
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
        tpr_gate_open(workArrived)
        for thread in threads { pthread_join(thread, nil) }
    }

    // MARK: The caller's side

    func run(chunkCount: Int, _ body: Body) {
        withoutActuallyEscaping(body) { body in
            self.body = body
            self.chunkCount = chunkCount
            openChunks.store(chunkCount, ordering: .sequentiallyConsistent)
            tpr_gate_open(workArrived)
            while let chunk = claim() { body(chunk, 0) }
            waitForHelpers()
            self.body = nil
        }
    }

    private func waitForHelpers() {
        wait(at: helpersLeft) { activeHelpers.load(ordering: .sequentiallyConsistent) == 0 }
    }

    // MARK: The helpers' side

    private func help(number: Int) {
        while true {
            wait(at: workArrived) {
                openChunks.load(ordering: .sequentiallyConsistent) > 0 || isStopping.load(ordering: .relaxed)
            }
            if isStopping.load(ordering: .sequentiallyConsistent) { return }
            work(number: number)
        }
    }

    private func work(number: Int) {
        activeHelpers.add(1, ordering: .sequentiallyConsistent)
        runChunks(number: number)
        let (_, left) = activeHelpers.subtract(1, ordering: .sequentiallyConsistent)
        if left == 0 { tpr_gate_open(helpersLeft) }
    }

    /// The reference to the body that this holds is gone when it returns, before the caller may go on.
    @inline(never)
    private func runChunks(number: Int) {
        guard let first = claim(), let body else { return }
        body(first, number)
        while let chunk = claim() { body(chunk, number) }
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

    /// Returns when `condition` holds: spins, then sleeps at `gate`, which is opened after the condition came to hold.
    @inline(__always)
    private func wait(at gate: UnsafeMutablePointer<tpr_gate>, until condition: () -> Bool) {
        if spin(until: condition) { return }
        while true {
            let ticket = tpr_gate_enter(gate)
            let holds = condition()
            if !holds { tpr_gate_wait(gate, ticket) }
            tpr_gate_leave(gate)
            if holds { return }
        }
    }

    /// Spins until `condition` holds; false if it does not for ``spinNanoseconds``, or if another thread wants the
    /// processor: then spinning takes time from what it may be waiting for.
    @inline(__always)
    private func spin(until condition: () -> Bool) -> Bool {
        let start = now()
        var nextOffer = start &+ State.firstOfferNanoseconds
        while true {
            for _ in 0..<32 {
                if condition() { return true }
                tpr_spin_pause()
            }
            let time = now()
            guard time &- start < spinNanoseconds else { return false }
            if time >= nextOffer {
                sched_yield()
                let back = now()
                if back &- time > State.acceptedNanoseconds { return condition() }
                nextOffer = back &+ State.offerNanoseconds
            }
        }
    }

    /// How long a thread spins before it offers its processor to others: longer than most waits within a pass, as what
    /// accepts it keeps it for milliseconds.
    private static let firstOfferNanoseconds: UInt64 = 50_000
    /// How often it offers it after that.
    private static let offerNanoseconds: UInt64 = 10_000
    /// An offer that takes longer was accepted.
    private static let acceptedNanoseconds: UInt64 = 20_000

    private func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
