// SPDX-License-Identifier: Apache-2.0

import Compute
import Glibc

/// The memory of a KV cache: equal blocks, counted references.
///
/// The address range is reserved at once; pages are taken when a block is first written. Owned by the engine's thread.
final class BlockPool {
    /// How a block is laid out.
    let layout: KVLayout
    /// The number of blocks.
    let blockCount: Int
    private let memory: UnsafeMutableRawPointer
    private let byteCount: Int
    private var references: [Int32]
    private var free: [Int32]

    /// A pool of `blockCount` blocks, or nil if the address range cannot be had.
    init?(layout: KVLayout, blockCount: Int) {
        let (bytes, overflow) = layout.blockBytes.multipliedReportingOverflow(by: blockCount)
        guard blockCount > 0, !overflow, bytes > 0 else { return nil }
        guard
            let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            memory != MAP_FAILED
        else { return nil }
        self.layout = layout
        self.blockCount = blockCount
        self.memory = memory
        byteCount = bytes
        references = Array(repeating: 0, count: blockCount)
        free = (0..<Int32(blockCount)).reversed()
    }

    deinit { munmap(memory, byteCount) }

    /// Blocks that no one holds.
    var freeCount: Int { free.count }

    /// The memory of a block.
    func address(_ block: Int32) -> UnsafeMutableRawPointer {
        memory + Int(block) * layout.blockBytes
    }

    /// A block with one reference, or nil if all are in use.
    func take() -> Int32? {
        guard let block = free.popLast() else { return nil }
        references[Int(block)] = 1
        return block
    }

    /// Adds a reference.
    func retain(_ block: Int32) {
        references[Int(block)] += 1
    }

    /// Drops a reference; the last one frees the block.
    func release(_ block: Int32) {
        references[Int(block)] -= 1
        if references[Int(block)] == 0 { free.append(block) }
    }
}

/// The blocks of one sequence, in order, with their addresses where the attention kernel reads them.
final class BlockTable {
    private let pool: BlockPool
    private var blocks: [Int32] = []
    private let capacity: Int
    /// Addresses of the blocks; stays where it is for the table's life.
    let addresses: UnsafeMutablePointer<UnsafeMutableRawPointer>

    /// An empty table for sequences of up to `tokenCapacity` tokens.
    init(pool: BlockPool, tokenCapacity: Int) {
        self.pool = pool
        capacity = max(1, (tokenCapacity + KVLayout.blockTokens - 1) / KVLayout.blockTokens)
        addresses = .allocate(capacity: capacity)
    }

    deinit {
        for block in blocks { pool.release(block) }
        addresses.deallocate()
    }

    /// The number of blocks held.
    var blockCount: Int { blocks.count }

    /// Takes blocks until `tokenCount` tokens have a place. Returns false if the pool is empty; the scheduler's
    /// reservation rules that out.
    func reserve(tokenCount: Int) -> Bool {
        let needed = (tokenCount + KVLayout.blockTokens - 1) / KVLayout.blockTokens
        precondition(needed <= capacity, "a sequence longer than its table")
        while blocks.count < needed {
            guard let block = pool.take() else { return false }
            append(block)
        }
        return true
    }

    /// A table of the same first `tokenCount` tokens: full blocks are shared, a partial last one is copied.
    /// Nil if the pool is empty.
    func fork(tokenCount: Int, tokenCapacity: Int) -> BlockTable? {
        let copy = BlockTable(pool: pool, tokenCapacity: tokenCapacity)
        let full = tokenCount / KVLayout.blockTokens
        for block in blocks.prefix(full) {
            pool.retain(block)
            copy.append(block)
        }
        if tokenCount % KVLayout.blockTokens != 0 {
            guard let block = pool.take() else { return nil }
            copy.append(block)
            pool.address(block).copyMemory(
                from: pool.address(blocks[full]), byteCount: pool.layout.blockBytes)
        }
        return copy
    }

    private func append(_ block: Int32) {
        addresses[blocks.count] = pool.address(block)
        blocks.append(block)
    }
}
