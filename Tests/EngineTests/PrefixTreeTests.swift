// SPDX-License-Identifier: Apache-2.0

import Engine
import Testing

@Suite("PrefixTree")
struct PrefixTreeTests {
    private typealias Match = PrefixTree.Match

    @Test("finds full blocks, then the child that shares most")
    func matches() {
        var tree = PrefixTree(blockTokens: 2)
        func match(_ ids: [Int32]) -> Match { tree.match(ids[...], after: nil) }
        #expect(match([1, 2]) == Match())
        #expect(tree.insert(7, [1, 2], after: nil).holder == 7)
        #expect(tree.insert(8, [3, 4], after: 7).holder == 8)
        #expect(tree.insert(9, [3, 5], after: 7).holder == 9)
        #expect(tree.insert(5, [3, 4], after: nil).holder == 5)
        #expect(match([1, 2, 3, 5, 6]) == Match(blocks: [7, 9]))
        #expect(match([1, 2, 3, 4]) == Match(blocks: [7, 8]))
        #expect(match([1, 2, 3, 9]) == Match(blocks: [7], partial: (8, 1)))
        #expect(match([1, 2, 4, 4]) == Match(blocks: [7]))
        #expect(match([3, 4, 3, 4]) == Match(blocks: [5]))
        #expect(match([1]) == Match(partial: (7, 1)))
        #expect(tree.match([3, 4, 1][...], after: 7) == Match(blocks: [8]))
        tree.remove(8)
        #expect(match([1, 2, 3, 4]) == Match(blocks: [7], partial: (9, 1)))
        #expect(tree.count == 3 && !tree.contains(8) && tree.contains(9))
    }

    @Test("keeps one block per beginning, the one that holds most")
    func supersedes() {
        var tree = PrefixTree(blockTokens: 4)
        #expect(tree.insert(0, [1, 2], after: nil) == (0, []))
        #expect(tree.insert(1, [1], after: nil) == (0, []))
        #expect(tree.insert(1, [1, 2], after: nil) == (0, []))
        #expect(tree.insert(1, [1, 3], after: nil) == (1, []))
        #expect(tree.insert(2, [1, 2, 3, 4], after: nil) == (2, [0]))
        #expect(tree.insert(3, [1, 2, 3, 4], after: nil) == (2, []))
        #expect(tree.insert(2, [1, 2, 3, 4], after: nil) == (2, []))
        #expect(tree.count == 2 && !tree.contains(0))
    }

    @Test("agrees with a search through all that was inserted", arguments: 0..<20)
    func random(_ seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var tree = PrefixTree(blockTokens: 4)
        /// The whole sequence that each block ends.
        var held: [Int32: [Int32]] = [:]
        for block in Int32(0)..<120 {
            // Full beginnings in the tree, the empty one among them.
            let parents = [(nil, [])] + held.filter { $0.value.count % 4 == 0 }.map { (Optional($0.key), $0.value) }
            let parent = parents.sorted { $0.0 ?? -1 < $1.0 ?? -1 }.randomElement(using: &generator)!
            let ids = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                Int32.random(in: 0..<3, using: &generator)
            }
            let whole = parent.1 + ids
            let siblings = held.filter { $0.value.count > parent.1.count && $0.value.count <= parent.1.count + 4 }
            let (holder, superseded) = tree.insert(block, ids[...], after: parent.0)
            if holder == block {
                #expect(!siblings.values.contains { $0.starts(with: whole) })
                for other in superseded { #expect(whole.starts(with: held.removeValue(forKey: other) ?? [9])) }
                held[block] = whole
            } else {
                #expect(held[holder]?.starts(with: whole) == true && superseded.isEmpty)
            }
            // Now and then the oldest leaf goes.
            func isLeaf(_ ids: [Int32]) -> Bool {
                !held.values.contains { $0.count > ids.count && $0.starts(with: ids) }
            }
            if block % 5 == 4, let leaf = held.filter({ isLeaf($0.value) }).keys.min() {
                tree.remove(leaf)
                held[leaf] = nil
            }
            #expect(tree.count == held.count)
            let query = (0..<14).map { _ in Int32.random(in: 0..<3, using: &generator) }
            let match = tree.match(query[...], after: nil)
            let found = match.blocks.count * 4 + (match.partial?.count ?? 0)
            let best = held.values.map { sequence in zip(sequence, query).prefix { $0 == $1 }.count }.max() ?? 0
            #expect(found == best)
            for (index, block) in match.blocks.enumerated() {
                #expect(held[block] == Array(query.prefix(4 * (index + 1))))
            }
        }
    }

    @Test("a list gives back the oldest first, whatever was taken out between")
    func recency() {
        var generator = SeededGenerator(seed: 3)
        var list = RecencyList(limit: 16)
        var expected: [Int32] = []
        for _ in 0..<2000 {
            let number = Int32.random(in: 0..<16, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                list.remove(number)
                expected.removeAll { $0 == number }
            case 1:
                #expect(list.popOldest() == expected.first)
                expected = Array(expected.dropFirst())
            default:
                guard !expected.contains(number) else { continue }
                list.append(number)
                expected.append(number)
            }
            #expect(list.count == expected.count)
        }
    }
}
