// SPDX-License-Identifier: Apache-2.0

import Compute
import Glibc

/// The memory of a KV cache: equal blocks, counted references.
///
/// Blocks whose ids are known stay in a tree when no one holds them any more, and can be taken up again; they count as
/// free, and the one that was let go first is given away when a block is needed. The address range is reserved at
/// once; pages are taken when a block is first written. Owned by the engine's thread.
final class BlockPool {
    /// How a block is laid out.
    let layout: KVLayout
    /// The number of blocks.
    let blockCount: Int
    private let memory: UnsafeMutableRawPointer
    private let byteCount: Int
    private var references: [Int32]
    /// Blocks that hold nothing of use.
    private var free: [Int32]
    /// What the blocks in it hold is known; nil where nothing is to be used again.
    private var tree: PrefixTree?
    /// Blocks in the tree that no one holds. Who holds a block holds those before it, and lets go of it first: so the
    /// oldest has no children.
    private var idle: RecencyList
    /// Blocks that are held for prompts to come, in order from the root, and how many of their tokens count.
    private var pins: [PinKey: (blocks: [Int32], tokenCount: Int)] = [:]

    /// A pool of `blockCount` blocks, or nil if the address range cannot be had.
    ///
    /// - Parameter keepsPrefixes: whether blocks that are let go of can be found again.
    init?(layout: KVLayout, blockCount: Int, keepsPrefixes: Bool) {
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
        tree = keepsPrefixes ? PrefixTree(blockTokens: layout.blockTokens) : nil
        idle = RecencyList(limit: blockCount)
    }

    deinit { munmap(memory, byteCount) }

    /// Blocks that no one holds.
    var freeCount: Int { free.count + idle.count }
    /// Blocks that no one holds but whose content can be used again.
    var idleCount: Int { idle.count }

    /// The memory of a block.
    func address(_ block: Int32) -> UnsafeMutableRawPointer {
        memory + Int(block) * layout.blockBytes
    }

    /// A block with one reference, or nil if all are in use.
    func take() -> Int32? {
        let taken: Int32
        if let block = free.popLast() {
            taken = block
        } else if let block = idle.popOldest() {
            tree?.remove(block)
            taken = block
        } else {
            return nil
        }
        references[Int(taken)] = 1
        return taken
    }

    /// A copy of a block, with one reference, or nil if all others are in use.
    func copy(_ source: Int32) -> Int32? {
        retain(source)
        defer { release(source) }
        guard let block = take() else { return nil }
        address(block).copyMemory(from: address(source), byteCount: layout.blockBytes)
        return block
    }

    /// Adds a reference.
    func retain(_ block: Int32) {
        idle.remove(block)
        references[Int(block)] += 1
    }

    /// Drops a reference; the last one frees the block. Who holds a sequence lets go of its last block first.
    func release(_ block: Int32) {
        references[Int(block)] -= 1
        guard references[Int(block)] == 0 else { return }
        if tree?.contains(block) == true { idle.append(block) } else { free.append(block) }
    }

    /// The longest beginning of `ids` that blocks hold after the block `parent`, which is in the tree.
    func match(_ ids: ArraySlice<Int32>, after parent: Int32?) -> PrefixTree.Match {
        tree?.match(ids, after: parent) ?? PrefixTree.Match()
    }

    // MARK: Pins

    /// Blocks that pins hold.
    private(set) var pinnedCount = 0

    /// Holds what there is of the sequence `key.ids`, from its beginning.
    ///
    /// - Returns: how many tokens are held in how many blocks; nil where nothing of it is here.
    func pin(_ key: PinKey) -> (tokenCount: Int, blockCount: Int)? {
        if let pin = pins[key] { return (pin.tokenCount, pin.blocks.count) }
        let match = match(key.ids[...], after: nil)
        var blocks = match.blocks
        var tokenCount = blocks.count * layout.blockTokens
        if let (block, count) = match.partial, tokenCount + count == key.ids.count {
            blocks.append(block)
            tokenCount += count
        }
        guard !blocks.isEmpty else { return nil }
        for block in blocks { retain(block) }
        pins[key] = (blocks, tokenCount)
        countPins()
        return (tokenCount, blocks.count)
    }

    /// Lets go of what ``pin(_:)`` holds.
    func unpin(_ key: PinKey) {
        for block in (pins.removeValue(forKey: key)?.blocks ?? []).reversed() { release(block) }
        countPins()
    }

    /// Lets pins hold the block that holds what `old`, their last one, did and more.
    private func movePins(from old: Int32, to holder: Int32) {
        for (key, pin) in pins where pin.blocks.last == old {
            retain(holder)
            pins[key]?.blocks = pin.blocks.dropLast() + [holder]
            release(old)
        }
        countPins()
    }

    private func countPins() {
        pinnedCount = Set(pins.values.lazy.flatMap(\.blocks)).count
    }

    /// Makes it known that `block`, which the caller holds, has the keys and values of `ids` after `parent`.
    ///
    /// - Returns: the block to hold instead: what two blocks hold of the same sequence is the same to the bit. Nil where
    ///   nothing is to be used again.
    func share(_ block: Int32, _ ids: ArraySlice<Int32>, after parent: Int32?) -> Int32? {
        guard let (holder, superseded) = tree?.insert(block, ids, after: parent) else { return nil }
        for old in superseded {
            if references[Int(old)] == 0 {
                idle.remove(old)
                free.append(old)
            } else {
                movePins(from: old, to: holder)
            }
        }
        if holder != block {
            retain(holder)
            release(block)
        }
        return holder
    }
}
