// SPDX-License-Identifier: Apache-2.0

import Compute
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    @Test(arguments: [1, 2, 3, 5], [0, 1, 2, 3, 4, 7, 64, 1000])
    func runsEveryChunkOnce(threadCount: Int, chunkCount: Int) {
        let pool = WorkerPool(threadCount: threadCount)
        let runs = UnsafeMutableBufferPointer<Int>.allocate(capacity: max(chunkCount, 1))
        defer { runs.deallocate() }
        runs.initialize(repeating: 0)
        // Often enough, one after the other, that the helpers are awake and contend for chunks.
        let jobCount = chunkCount < 100 ? 2000 : 200
        for _ in 0..<jobCount {
            pool.run(chunkCount: chunkCount) { runs[$0] += 1 }
        }
        for chunk in 0..<chunkCount { #expect(runs[chunk] == jobCount, "chunk \(chunk)") }
        #expect(chunkCount > 0 || runs[0] == 0)
    }

    @Test func jobsSeeWhatEarlierJobsWrote() {
        let pool = WorkerPool(threadCount: 3)
        let values = UnsafeMutableBufferPointer<Int>.allocate(capacity: 16)
        defer { values.deallocate() }
        values.initialize(repeating: 0)
        let next = UnsafeMutableBufferPointer<Int>.allocate(capacity: 16)
        defer { next.deallocate() }
        next.initialize(repeating: 0)
        for _ in 0..<2000 {
            // A chunk reads its neighbour's last result: a lost or late chunk would show.
            pool.run(chunkCount: 16) { next[$0] = values[($0 + 1) % 16] + 1 }
            pool.run(chunkCount: 16) { values[$0] = next[$0] }
        }
        #expect(values.allSatisfy { $0 == 2000 })
    }

    @Test func helpersWakeAfterTheyHaveParked() {
        let pool = WorkerPool(threadCount: 2)
        for _ in 0..<20 {
            let sum = Atomic<Int>(0)
            pool.run(chunkCount: 8) { sum.add($0, ordering: .relaxed) }
            let total = sum.load(ordering: .relaxed)
            #expect(total == 28)
            let clock = ContinuousClock()
            let end = clock.now + .microseconds(300)
            while clock.now < end {}
        }
    }

    @Test func threadNumbersLieInTheirRange() {
        let pool = WorkerPool(threadCount: 3)
        let isWrong = Atomic<Bool>(false)
        pool.run(chunkCount: 500) { _, thread in
            if thread < 0 || thread >= 3 { isWrong.store(true, ordering: .relaxed) }
        }
        let anyIsWrong = isWrong.load(ordering: .relaxed)
        #expect(!anyIsWrong)
    }

    @Test func manyPoolsStartAndStop() {
        for threadCount in 1...4 {
            for _ in 0..<10 {
                let pool = WorkerPool(threadCount: threadCount)
                #expect(pool.threadCount == threadCount)
            }
        }
    }
}
