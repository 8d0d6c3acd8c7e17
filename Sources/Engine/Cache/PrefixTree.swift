// SPDX-License-Identifier: Apache-2.0

/// Which tokens the blocks of a KV cache hold: a radix tree over exact ids.
///
/// A node is a block: the keys and values of up to ``blockTokens`` ids, which depend on all ids on the way from the
/// root. A node with fewer has no children. No two children of a node begin with the same ``blockTokens`` ids, and
/// none is the beginning of another.
package struct PrefixTree: Sendable {
    /// What is known of a sequence.
    package struct Match: Sendable, Equatable {
        /// Full blocks, in order.
        package var blocks: [Int32]
        /// A block that begins with the ids that follow those, and how many of its ids do.
        package var partial: (block: Int32, count: Int)?

        /// A match of the given parts.
        package init(blocks: [Int32] = [], partial: (block: Int32, count: Int)? = nil) {
            self.blocks = blocks
            self.partial = partial
        }

        package static func == (a: Match, b: Match) -> Bool {
            a.blocks == b.blocks && a.partial?.block == b.partial?.block && a.partial?.count == b.partial?.count
        }
    }

    private struct Node {
        let ids: [Int32]
        /// Nil below the root.
        let parent: Int32?
        /// By their first id.
        var children: [Int32: [Int32]] = [:]
    }

    /// The ids of a full block.
    package let blockTokens: Int
    private var nodes: [Int32: Node] = [:]
    /// The root's children, by their first id.
    private var roots: [Int32: [Int32]] = [:]

    /// An empty tree of blocks of `blockTokens` ids.
    package init(blockTokens: Int) {
        self.blockTokens = blockTokens
    }

    /// The number of blocks in it.
    package var count: Int { nodes.count }

    /// Whether the block is in it.
    package func contains(_ block: Int32) -> Bool { nodes[block] != nil }

    /// The longest beginning of `ids` that the tree holds below the block `parent`; nil is the root.
    package func match(_ ids: ArraySlice<Int32>, after parent: Int32?) -> Match {
        var match = Match()
        var rest = ids
        var parent = parent
        while let (block, common) = closestChild(rest, of: parent) {
            guard common == blockTokens else {
                match.partial = (block, common)
                break
            }
            match.blocks.append(block)
            rest = rest.dropFirst(common)
            parent = block
        }
        return match
    }

    /// Adds a block with these ids, at least one, below the full block `parent`, which is in the tree; nil is the root.
    ///
    /// - Returns: the block that holds these ids from now on: `block`, or the one that did before. Then, the blocks
    ///   that went because `block` holds what they held, and more.
    package mutating func insert(
        _ block: Int32, _ ids: ArraySlice<Int32>, after parent: Int32?
    ) -> (holder: Int32, superseded: [Int32]) {
        precondition(!ids.isEmpty && ids.count <= blockTokens, "a block with ids")
        precondition(parent.map { nodes[$0]?.ids.count == blockTokens } ?? true, "a full block precedes")
        var superseded: [Int32] = []
        for other in children(of: parent, beginningWith: ids.first) {
            guard let held = nodes[other]?.ids else { continue }
            let common = Self.commonCount(ids, held)
            if common == ids.count { return (other, []) }
            if common == held.count { superseded.append(other) }
        }
        precondition(nodes[block] == nil, "a block holds one beginning of one sequence")
        for other in superseded { remove(other) }
        nodes[block] = Node(ids: Array(ids), parent: parent)
        change(parent, ids.first) { $0.append(block) }
        return (block, superseded)
    }

    /// Takes a block without children out.
    package mutating func remove(_ block: Int32) {
        guard let node = nodes.removeValue(forKey: block) else { return }
        precondition(node.children.isEmpty, "a block goes after those that follow it")
        change(node.parent, node.ids.first) { children in children.removeAll { $0 == block } }
    }

    private func children(of parent: Int32?, beginningWith id: Int32?) -> [Int32] {
        guard let id else { return [] }
        return (parent.map { nodes[$0]?.children ?? [:] } ?? roots)[id] ?? []
    }

    private mutating func change(_ parent: Int32?, _ id: Int32?, _ body: (inout [Int32]) -> Void) {
        guard let id else { return }
        if let parent {
            body(&nodes[parent, default: Node(ids: [], parent: nil)].children[id, default: []])
            if nodes[parent]?.children[id]?.isEmpty == true { nodes[parent]?.children[id] = nil }
        } else {
            body(&roots[id, default: []])
            if roots[id]?.isEmpty == true { roots[id] = nil }
        }
    }

    private func closestChild(_ ids: ArraySlice<Int32>, of parent: Int32?) -> (block: Int32, common: Int)? {
        var best: (block: Int32, common: Int)?
        for block in children(of: parent, beginningWith: ids.first) {
            let common = Self.commonCount(ids, nodes[block]?.ids ?? [])
            if common > best?.common ?? 0 { best = (block, common) }
        }
        return best
    }

    private static func commonCount(_ a: ArraySlice<Int32>, _ b: [Int32]) -> Int {
        var count = 0
        for (x, y) in zip(a, b) {
            guard x == y else { break }
            count += 1
        }
        return count
    }
}
