// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import Testing
import Tokenizers

@Suite("Pinned prefixes")
struct PinTests {
    private static let blockCount = 48
    private let prefix = String(repeating: "once there was a fox that ", count: 10)

    /// An engine whose cache has 48 blocks, of which pins may hold 12.
    private func makeHarness(_ adjust: (inout EngineOptions) -> Void = { _ in }) throws -> Harness {
        let probe = try LoadedModel(path: Harness.checkpoint, options: EngineOptions(threadCount: 1))
        let bytes = 32 * probe.info.kvBytesPerToken
        return try Harness { options in
            options.cacheBytes = Self.blockCount * bytes
            adjust(&options)
        }
    }

    /// A request whose prompt begins with the prefix, which is pinned if it has an owner.
    private func request(
        _ harness: Harness, _ text: String, from prefix: String? = nil, owner: String? = nil
    ) -> (request: GenerationRequest, prefixCount: Int) {
        let start = prefix ?? self.prefix
        var request = harness.request(start + text, max: 4)
        let other = harness.request(start + "#", max: 4)
        let count = zip(request.prompt, other.prompt).prefix { $0 == $1 }.count
        if let owner { request.pin = PrefixPin(owner: owner, tokenCount: count) }
        return (request, count)
    }

    private func cached(_ harness: Harness, _ request: GenerationRequest) throws -> Int {
        try #require(try harness.finish(GenerationGroup([request])).usages?.first?.cachedTokens)
    }

    /// Fills the cache several times over with other prompts.
    private func press(_ harness: Harness) throws {
        for number in 0..<30 {
            let text = String(repeating: "\(number) goats ate \(number * 7) leaves ", count: 12)
            _ = try harness.run([harness.request(text, max: 8)])
        }
    }

    @Test("survive a cache that is filled many times over, and without a pin the same prefix does not")
    func pressure() throws {
        for isPinned in [true, false] {
            let harness = try makeHarness()
            defer { harness.engine.stop() }
            let (first, count) = request(harness, "ran.", owner: isPinned ? "set" : nil)
            #expect(try cached(harness, first) == 0 && count > 64)
            try press(harness)
            let (second, _) = request(harness, "slept.")
            #expect(try cached(harness, second) == (isPinned ? count : 0))
            let pins = harness.engine.pins(model: harness.id)
            #expect(pins.map(\.owner) == (isPinned ? ["set"] : []) && pins.allSatisfy { $0.tokenCount == count })
            #expect(harness.idleMetrics().pinnedBlocks == (isPinned ? (count + 31) / 32 : 0))
        }
    }

    @Test("give the same bits as a computed prefix")
    func sameBits() throws {
        let pinned = try makeHarness()
        let plain = try makeHarness { $0.keepsPrefixes = false }
        defer {
            pinned.engine.stop()
            plain.engine.stop()
        }
        _ = try pinned.run([request(pinned, "ran.", owner: "set").request])
        try press(pinned)
        let (asked, _) = request(pinned, "slept and dreamt.")
        #expect(try pinned.run([asked]) == plain.run([asked]))
    }

    @Test("go when their owner lets go of them, and their room can be used again")
    func release() throws {
        let harness = try makeHarness()
        defer { harness.engine.stop() }
        let short = String(prefix.prefix(130))
        let (first, count) = request(harness, "ran.", from: short, owner: "a")
        _ = try harness.run([first])
        _ = try harness.run([request(harness, "ran.", from: "B" + short, owner: "b").request])
        #expect(harness.engine.pins(model: harness.id).map(\.owner) == ["a", "b"])
        harness.engine.unpin(owner: "a")
        #expect(harness.engine.pins(model: harness.id).map(\.owner) == ["b"])
        try press(harness)
        #expect(try cached(harness, request(harness, "slept.", from: short).request) == 0)
        // Pinned anew, and the other still there.
        _ = try harness.run([first])
        try press(harness)
        #expect(try cached(harness, request(harness, "slept.", from: short).request) >= count)
        #expect(harness.engine.pins(model: harness.id).count == 2)
        for owner in ["a", "b"] { harness.engine.unpin(owner: owner) }
        try press(harness)
        #expect(harness.idleMetrics().pinnedBlocks == 0 && harness.idleMetrics().usedBlocks == 0)
    }

    @Test("have a limit, which is said before anything is computed")
    func limit() throws {
        let harness = try makeHarness()
        defer { harness.engine.stop() }
        let long = String(repeating: "one more fox ", count: 26)
        let (first, count) = request(harness, "ran.", from: long, owner: "a")
        #expect((193...384).contains(count))
        _ = try harness.run([first])
        let before = harness.idleMetrics().promptTokens
        #expect {
            try harness.run([request(harness, "ran.", from: "B" + long, owner: "b").request])
        } throws: { error in
            guard case EngineError.pinOverflow(let needed, let pinned, let limit)? = error as? EngineError else {
                return false
            }
            return needed + pinned > limit && pinned > 0 && limit == 12 * 32 * harness.info.kvBytesPerToken
        }
        #expect(harness.idleMetrics().promptTokens == before)
        // The same prefix takes no more room, and what is let go of makes room.
        _ = try harness.run([request(harness, "slept.", from: long, owner: "a").request])
        harness.engine.unpin(owner: "a")
        _ = try harness.run([request(harness, "ran.", from: "B" + long, owner: "b").request])
        #expect(harness.engine.pins(model: harness.id).map(\.owner) == ["b"])
    }

    @Test("of requests that fail set no room aside")
    func failure() throws {
        let harness = try makeHarness()
        defer { harness.engine.stop() }
        let long = String(repeating: "one more fox ", count: 26)
        for round in 0..<6 {
            var (asked, _) = request(harness, "ran.", from: "\(round)" + long, owner: "a")
            asked.maxTokens = 60
            let (recorder, handle) = try harness.start([asked])
            handle.cancel()
            recorder.wait()
            // It may have been done before it was cancelled.
            if recorder.error == nil { harness.engine.unpin(owner: "a") }
        }
        #expect(harness.engine.pins(model: harness.id).isEmpty)
    }

    @Test("are refused where nothing of past prompts is kept")
    func off() throws {
        let harness = try makeHarness { $0.keepsPrefixes = false }
        defer { harness.engine.stop() }
        #expect(throws: EngineError.pinsOff) { try harness.run([request(harness, "ran.", owner: "a").request]) }
    }

    @Test("leave a request that needs what they hold to be refused, not to wait for ever")
    func room() throws {
        let harness = try makeHarness()
        defer { harness.engine.stop() }
        let text = String(repeating: "one more fox ", count: 26)
        _ = try harness.run([request(harness, "ran.", from: text, owner: "a").request])
        var large = harness.request("x", max: 440)
        large.choiceCount = 3
        let (recorder, _) = try harness.start([large])
        #expect(recorder.wait(seconds: 30))
        guard case .cacheOverflow(_, let capacity)? = recorder.error else {
            Issue.record("\(String(describing: recorder.error))")
            return
        }
        #expect(capacity < Self.blockCount * 32)
        harness.engine.unpin(owner: "a")
        #expect(try harness.run([large])[0].count == 3)
    }
}
