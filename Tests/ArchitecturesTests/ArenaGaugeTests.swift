// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("The memory of activations")
struct ArenaGaugeTests {
    @Test("is known before a pass, to the float, and never grows", arguments: GoldenModel.all)
    func isKnown(_ golden: GoldenModel) throws {
        let rows = golden.ids.count
        try #require(rows > 2)
        let path = golden.folder.appending(path: golden.checkpoints[0]).path
        let runner = try SequenceRunner(path: path, reservedRows: rows)
        let expected = runner.arenaFloatCount(rows: rows)
        let reserved = runner.arena.bytes
        #expect(reserved == 4 * expected)
        // All outputs but one take the most; all of them, or fewer rows, less.
        for (skipped, count) in [(0, rows - 1), (1, rows)] {
            let runner = try SequenceRunner(path: path, reservedRows: rows)
            _ = runner.append(golden.ids.prefix(count), skipped: skipped)
            #expect(runner.arena.bytes == reserved)
            #expect(runner.arena.peakFloatCount <= expected)
            #expect((runner.arena.peakFloatCount == expected) == (count == rows), "\(runner.arena.peakFloatCount)")
        }
    }
}
