// SPDX-License-Identifier: Apache-2.0

/// A vocabulary as a tree of bytes: what tokens have in common is looked at once.
///
/// Nodes stand in depth-first order, so that a subtree is a range; node 0 is the root.
public struct TokenTrie: Sendable {
    /// V, the number of ids.
    public let vocabularySize: Int
    /// Bytes of the longest token.
    public let depthLimit: Int

    struct Node {
        /// One past the last node of its subtree.
        var end: Int32
        /// The first of ``tokens`` that end here; the next node's is one past the last.
        var firstToken: Int32
        var depth: UInt16
        /// The byte that leads here.
        var byte: UInt8
    }

    /// The nodes, and one more behind the last.
    let nodes: [Node]
    /// Ids of tokens, in the order of the nodes where they end.
    let tokens: [Int32]
    private let pieces: [[UInt8]]

    /// The tree of the pieces by id. Ids without bytes, such as control tokens, and those of more than 65,535 bytes
    /// are in no place of it.
    ///
    /// - Parameter pieces: the bytes of each id of the vocabulary.
    public init(pieces: [[UInt8]]) {
        self.pieces = pieces
        vocabularySize = pieces.count
        let ids = pieces.indices.filter { !pieces[$0].isEmpty && pieces[$0].count <= Int(UInt16.max) }
            .sorted { pieces[$0].lexicographicallyPrecedes(pieces[$1]) }
        var nodes = [Node(end: 0, firstToken: 0, depth: 0, byte: 0)]
        var tokens: [Int32] = []
        var deepest = 0
        // The nodes on the way to the last token.
        var path: [Int] = [0]
        func close(to depth: Int) {
            while path.count > depth + 1 { nodes[path.removeLast()].end = Int32(nodes.count) }
        }
        var last: [UInt8] = []
        for id in ids {
            let piece = pieces[id]
            var shared = 0
            while shared < min(last.count, piece.count), last[shared] == piece[shared] { shared += 1 }
            close(to: shared)
            for byte in piece[shared...] {
                path.append(nodes.count)
                nodes.append(
                    Node(end: 0, firstToken: Int32(tokens.count), depth: UInt16(path.count - 1), byte: byte))
            }
            deepest = max(deepest, piece.count)
            tokens.append(Int32(id))
            last = piece
        }
        close(to: 0)
        nodes[0].end = Int32(nodes.count)
        nodes.append(Node(end: Int32(nodes.count), firstToken: Int32(tokens.count), depth: 0, byte: 0))
        depthLimit = deepest
        self.nodes = nodes
        self.tokens = tokens
    }

    /// The bytes of a token; none for an id outside the vocabulary.
    public func piece(_ id: Int32) -> [UInt8] {
        id >= 0 && Int(id) < pieces.count ? pieces[Int(id)] : []
    }

    /// The child of the root that `byte` leads to.
    func child(_ byte: UInt8) -> Int? {
        var node = 1
        while node < Int(nodes[0].end) {
            if nodes[node].byte == byte { return node }
            node = Int(nodes[node].end)
        }
        return nil
    }
}
