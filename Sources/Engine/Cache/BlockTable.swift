// SPDX-License-Identifier: Apache-2.0

import Compute

/// The blocks of one sequence, in order, with their addresses where the attention kernel reads them.
final class BlockTable {
    private let pool: BlockPool
    private var blocks: [Int32] = []
    /// How many of them, from the first, are in the pool's tree.
    private var sharedCount = 0
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
        for block in blocks.reversed() { pool.release(block) }
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
        copy.sharedCount = min(sharedCount, full)
        if tokenCount % KVLayout.blockTokens != 0 {
            guard let block = pool.copy(blocks[full]) else { return nil }
            copy.append(block)
        }
        return copy
    }

    /// Takes up what the pool still has of a sequence of which this table holds the first `tokenCount` ids. Full
    /// blocks are shared; of one that begins as the sequence goes on, a copy is taken.
    ///
    /// - Returns: how many of `ids` the table holds then.
    func takeUp(_ ids: ArraySlice<Int32>, after tokenCount: Int) -> Int {
        let size = KVLayout.blockTokens
        guard sharedCount * size == tokenCount, blocks.count == sharedCount else { return tokenCount }
        let match = pool.match(ids[tokenCount...], after: blocks.last)
        for block in match.blocks {
            pool.retain(block)
            append(block)
        }
        sharedCount = blocks.count
        guard let (source, count) = match.partial, let block = pool.copy(source) else { return sharedCount * size }
        append(block)
        return sharedCount * size + count
    }

    /// Makes the blocks known that the first `tokenCount` of `ids` fill; if nothing will be written to this table any
    /// more, also the one that they fill in part.
    func share(_ ids: [Int32], tokenCount: Int, isFinal: Bool = false) {
        let size = KVLayout.blockTokens
        while sharedCount * size < tokenCount {
            let end = min((sharedCount + 1) * size, tokenCount)
            let isFull = end == (sharedCount + 1) * size
            guard isFull || isFinal else { return }
            let parent = sharedCount > 0 ? blocks[sharedCount - 1] : nil
            guard let block = pool.share(blocks[sharedCount], ids[sharedCount * size..<end], after: parent) else {
                return
            }
            blocks[sharedCount] = block
            addresses[sharedCount] = pool.address(block)
            guard isFull else { return }
            sharedCount += 1
        }
    }

    private func append(_ block: Int32) {
        addresses[blocks.count] = pool.address(block)
        blocks.append(block)
    }
}
