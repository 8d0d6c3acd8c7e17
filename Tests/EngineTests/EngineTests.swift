// SPDX-License-Identifier: Apache-2.0

import Checkpoints
import Decoding
import Dispatch
import Engine
import Foundation
import Synchronization
import Testing
import Tokenizers

@Suite("Engine")
struct EngineTests {
    @Test("gives the same bits alone, in company, with any thread count and step size")
    func invariance() throws {
        let prompts = (0..<24).map { String(repeating: "the quick brown fox ", count: 1 + $0 % 5) + "\($0)" }
        var requests: [GenerationRequest] = []
        let alone = try Harness(threads: 1) { $0.stepDuration = .seconds(1) }
        for (index, prompt) in prompts.enumerated() {
            var request = alone.request(prompt, seed: UInt64(index % 3), max: 8 + index % 7)
            request.choiceCount = 1 + index % 3
            request.sampling.temperature = [0, 0.7, 1.5][index % 3]
            request.sampling.topK = [0, 5, 40][index % 3]
            requests.append(request)
        }
        let expected = try requests.map { try alone.run([$0])[0] }
        alone.engine.stop()
        for (threads, step) in [(2, Duration.seconds(1)), (3, .microseconds(1))] {
            let crowd = try Harness(threads: threads) { $0.stepDuration = step }
            let started = try requests.map { try crowd.start([$0]).0 }
            for (index, recorder) in started.enumerated() {
                recorder.wait()
                #expect(recorder.texts[0] == expected[index], "\(threads) threads, request \(index)")
            }
            crowd.engine.stop()
        }
    }

    @Test("choice j of n is choice j of any other n, and of a request that starts at j")
    func choices() throws {
        let harness = try Harness()
        var many = harness.request("a b c")
        many.choiceCount = 5
        let five = try harness.run([many])[0]
        many.choiceCount = 2
        #expect(try harness.run([many])[0] == Array(five.prefix(2)))
        many.choiceCount = 1
        many.firstChoice = 3
        #expect(try harness.run([many])[0] == [five[3]])
        #expect(Set(five.map(\.ids)).count == 5)
        harness.engine.stop()
    }

    @Test("continues from its own output as if it had not been cut")
    func forcedPrefix() throws {
        let harness = try Harness()
        let whole = harness.request("one two", max: 20)
        let text = try harness.run([whole])[0][0]
        var rest = whole
        rest.prompt += text.ids.prefix(9)
        rest.maxTokens = 11
        #expect(try harness.run([rest])[0][0].ids == Array(text.ids.dropFirst(9)))
        harness.engine.stop()
    }

    @Test("reports the prompt's log-probabilities as generation reports them")
    func promptLogprobs() throws {
        let harness = try Harness()
        var request = harness.request("score me, please", max: 6)
        request.reportsPromptLogprobs = true
        let (recorder, _) = try harness.start([request])
        recorder.wait()
        let generated = recorder.texts[0][0]
        var scored = request
        scored.prompt += generated.ids
        scored.maxTokens = 0
        let (second, _) = try harness.start([scored])
        second.wait()
        let tokens = second.prompts[0]
        #expect(tokens.map(\.id) == scored.prompt)
        #expect(tokens.first?.logprob == nil)
        #expect(tokens.suffix(6).map { $0.logprob?.bitPattern } == generated.logprobs)
        #expect(tokens.dropFirst().allSatisfy { $0.top.count == 2 && ($0.logprob ?? 1) <= $0.top[0].logprob })
        #expect(second.texts[0][0].reason == .length)
        #expect(second.usages?.first?.generatedTokens == 0)
        harness.engine.stop()
    }

    @Test("cuts the text before a stop string and counts what it cost")
    func stopStrings() throws {
        let harness = try Harness()
        let request = harness.request("stop here", max: 30)
        let text = try harness.run([request])[0][0].text
        // Random weights make bytes that are no UTF-8: take a stop string that the text spells in ASCII.
        let characters = Array(text)
        let start = try #require(
            characters.indices.dropFirst(4).dropLast(2).first { characters[$0].isASCII && characters[$0 + 1].isASCII })
        let stop = String(characters[start...start + 1])
        var stopping = request
        stopping.stopStrings = [stop, "\u{1}never"]
        let (recorder, _) = try harness.start([stopping])
        recorder.wait()
        let cut = recorder.texts[0][0]
        #expect(cut.reason == .stopString(stop))
        #expect(text.hasPrefix(cut.text) && !cut.text.contains(stop))
        #expect((recorder.usages?.first?.generatedTokens ?? 99) < 30)
        harness.engine.stop()
    }

    @Test("ends at a stop id, reports it and does not show it")
    func stopIDs() throws {
        let harness = try Harness()
        var request = harness.request("ids", max: 12)
        let ids = try harness.run([request])[0][0].ids
        request.stopIDs = [ids[4]]
        let first = ids.firstIndex(of: ids[4]) ?? 4
        let stopped = try harness.run([request])[0][0]
        #expect(stopped.ids == Array(ids.prefix(first + 1)))
        #expect(stopped.isShown == Array(repeating: true, count: first) + [false])
        #expect(stopped.reason == .endToken(ids[4]))
        harness.engine.stop()
    }

    @Test("shows what ended the text where it is to be included, and passes over stops before the least length")
    func includedStopsAndLeastLength() throws {
        let harness = try Harness()
        let request = harness.request("stop here", max: 30)
        let plain = try harness.run([request])[0][0]
        let characters = Array(plain.text)
        let start = try #require(
            characters.indices.dropFirst(4).dropLast(2).first { characters[$0].isASCII && characters[$0 + 1].isASCII })
        let stop = String(characters[start...start + 1])
        var stopping = request
        stopping.stopStrings = [stop]
        stopping.includesStop = true
        let included = try harness.run([stopping])[0][0]
        #expect(included.reason == .stopString(stop))
        #expect(plain.text.hasPrefix(included.text) && included.text.hasSuffix(stop))
        #expect(included.text.components(separatedBy: stop).count == 2)
        stopping.minTokens = 30
        #expect(try harness.run([stopping])[0][0] == plain)
        stopping.minTokens = included.ids.count
        #expect(try harness.run([stopping])[0][0].text.count > included.text.count)
        stopping.minTokens = included.ids.count - 1
        #expect(try harness.run([stopping])[0][0] == included)

        var ending = request
        let end = try #require(
            plain.ids.dropFirst(3).first { id in
                let bytes = harness.info.tokenizer.bytes(of: id)
                return !bytes.isEmpty && bytes.allSatisfy { $0 < 128 }
            })
        ending.stopIDs = [end]
        ending.includesStop = true
        let ended = try harness.run([ending])[0][0]
        #expect(ended.reason == .endToken(end) && ended.isShown.allSatisfy { $0 })
        ending.includesStop = false
        #expect(try harness.run([ending])[0][0].text.utf8.count < ended.text.utf8.count)
        ending.minTokens = 20
        ending.sampling.minTokens = MinTokensParameters(count: 20, ids: ending.stopIDs)
        let later = try harness.run([ending])[0][0]
        #expect(later.ids.count > 20 && !later.ids.prefix(20).contains(end))
        harness.engine.stop()
    }

    @Test("gives the place of a reader that is too slow to who waits for it")
    func slowReader() throws {
        let harness = try Harness {
            $0.choiceLimit = 1
            $0.pauseLimit = .milliseconds(100)
        }
        let (slow, handle) = try harness.start([harness.request("slow", max: 400)])
        while slow.eventCount < 2 { usleepBriefly() }
        handle.pause()
        usleep(300_000)
        #expect(slow.error == nil)
        let (waiting, _) = try harness.start([harness.request("waiting", max: 4)])
        #expect(waiting.wait(seconds: 20) && waiting.error == nil)
        #expect(slow.wait(seconds: 1) && slow.error == .readerTooSlow)
        harness.engine.stop()
    }

    @Test("reports what was drawn from, alone and beside the model's own")
    func processedLogprobs() throws {
        let harness = try Harness()
        func tokens(_ mode: LogprobMode, _ temperature: Float) throws -> [ReportedToken] {
            var request = harness.request("probabilities", max: 6)
            request.sampling.temperature = temperature
            request.sampling.topK = 2
            request.logprobMode = mode
            request.logprobCount = 4
            let collected = Mutex<[ReportedToken]>([])
            let done = DispatchSemaphore(value: 0)
            _ = try harness.engine.submit([request], model: harness.id) { event in
                if case .delta(_, _, _, let tokens) = event { collected.withLock { $0 += tokens } }
                if case .completed = event { done.signal() }
            }
            done.wait()
            return collected.withLock { $0 }
        }
        let (raw, processed, both) = (try tokens(.raw, 0.5), try tokens(.processed, 0.5), try tokens(.both, 0.5))
        #expect(raw.map(\.id) == processed.map(\.id) && raw.map(\.id) == both.map(\.id) && raw.count == 6)
        for (index, token) in both.enumerated() {
            #expect(token.logprob == raw[index].logprob && token.top == raw[index].top && token.top.count == 4)
            #expect(raw[index].processed == nil && processed[index].processed == nil)
            let report = try #require(token.processed)
            #expect(report.logprob == processed[index].logprob && report.top == processed[index].top)
            // Two are left, and sum to one.
            #expect(report.top.count == 2 && abs(report.top.reduce(0) { $0 + exp($1.logprob) } - 1) < 1e-5)
            #expect(report.logprob > token.logprob ?? 0 && report.top.contains { $0.id == token.id })
        }
        #expect(try tokens(.processed, 0).allSatisfy { $0.logprob == 0 && $0.top.count == 1 })
        harness.engine.stop()
    }

    @Test("choices with feedback and memory are the same alone and together")
    func statefulChoices() throws {
        let harness = try Harness()
        for order in SamplingOrder.allCases {
            var request = harness.request("together", seed: 5, max: 20)
            request.sampling.order = order
            request.sampling.repetitionPenalty = order == .llamaCpp ? 1 : 1.3
            request.sampling.mirostat = MirostatParameters(version: .two, tau: 3)
            let alone = try harness.run([request])[0][0]
            request.choiceCount = 3
            let (first, second) = (try harness.run([request]), try harness.run([request, request]))
            #expect(first[0][0] == alone && second[0] == first[0] && second[1] == first[0], "\(order)")
            #expect(Set(first[0].map(\.ids)).count == 3)
        }
        harness.engine.stop()
    }

    @Test("stops within a step when cancelled, in the queue, in the prompt and in the answer")
    func cancellation() throws {
        let harness = try Harness { $0.choiceLimit = 1 }
        let long = harness.request("cancel", max: 400)
        let (running, runningHandle) = try harness.start([long])
        let (queued, queuedHandle) = try harness.start([long])
        while running.eventCount < 5 { usleepBriefly() }
        queuedHandle.cancel()
        #expect(queued.wait(seconds: 1))
        #expect(queued.error == .cancelled)
        runningHandle.cancel()
        #expect(running.wait(seconds: 1))
        #expect(running.error == .cancelled)
        var metrics = harness.engine.metrics(model: harness.id)
        for _ in 0..<100 where metrics.usedBlocks > 0 || metrics.cancelledGroups < 2 {
            usleepBriefly()
            metrics = harness.engine.metrics(model: harness.id)
        }
        #expect(metrics.runningSequences == 0 && metrics.usedBlocks == 0 && metrics.cancelledGroups == 2)
        harness.engine.stop()
    }

    @Test("produces nothing while paused, and the same text after")
    func pause() throws {
        let harness = try Harness()
        let request = harness.request("pause", max: 200)
        let expected = try harness.run([request])[0]
        let (recorder, handle) = try harness.start([request])
        handle.pause()
        for _ in 0..<20 { usleepBriefly() }
        let before = recorder.eventCount
        for _ in 0..<20 { usleepBriefly() }
        #expect(recorder.eventCount == before)
        handle.resume()
        recorder.wait()
        #expect(recorder.texts[0] == expected)
        harness.engine.stop()
    }

    @Test("refuses what cannot be run, and says why")
    func refusals() throws {
        let harness = try Harness {
            $0.contextLength = 64; $0.cacheBytes = 1 << 22
        }
        func refusal(_ change: (inout GenerationRequest) -> Void) -> EngineError? {
            var request = harness.request("x", max: 4)
            change(&request)
            do throws(EngineError) {
                _ = try harness.engine.submit([request], model: harness.id) { _ in }
                return nil
            } catch {
                return error
            }
        }
        let size = harness.info.config.vocabularySize
        #expect(refusal { $0.prompt = [] } == .emptyPrompt(index: 0))
        #expect(
            refusal { $0.prompt = [1, Int32(size)] }
                == .tokenOutOfRange(index: 0, position: 1, id: Int32(size), vocabularySize: size))
        #expect(
            refusal { $0.prompt = [-1] } == .tokenOutOfRange(index: 0, position: 0, id: -1, vocabularySize: size))
        #expect(
            refusal {
                $0.prompt = Array(repeating: 1, count: 60); $0.maxTokens = 5
            }
                == .contextOverflow(index: 0, promptTokens: 60, maxTokens: 5, contextLength: 64))
        #expect(refusal { $0.maxTokens = .max } != nil)
        #expect(refusal { $0.choiceCount = 10_000 } != nil)
        #expect(throws: EngineError.unknownModel("other")) {
            _ = try harness.engine.submit([], model: "other") { _ in }
        }
        harness.engine.drain()
        #expect(refusal { _ in } == .shuttingDown)
        harness.engine.stop()
    }

    @Test("bounds its queue")
    func queueLimit() throws {
        let harness = try Harness {
            $0.choiceLimit = 1; $0.queueLimit = 3
        }
        var handles: [any GenerationHandle] = []
        var refusals = 0
        for _ in 0..<10 {
            do throws(EngineError) {
                handles.append(
                    try harness.engine.submit([harness.request("full", max: 500)], model: harness.id) { _ in })
            } catch {
                #expect(error == .queueFull(limit: 3))
                refusals += 1
            }
        }
        #expect(refusals >= 5 && handles.count >= 3)
        for handle in handles { handle.cancel() }
        harness.engine.stop()
    }

    @Test("ends at its deadline with what there is")
    func deadline() throws {
        let harness = try Harness()
        var request = harness.request("late", max: 500)
        request.deadline = .now + .milliseconds(30)
        let (recorder, _) = try harness.start([request])
        recorder.wait()
        let reason = recorder.texts[0][0].reason
        #expect(reason == .deadline || reason == .length)
        request.deadline = .now - .seconds(1)
        #expect(try harness.run([request])[0][0].reason == .deadline)
        harness.engine.stop()
    }

    @Test("fails what it holds when it stops")
    func stopping() throws {
        let harness = try Harness()
        let (recorder, _) = try harness.start([harness.request("bye", max: 500)])
        harness.engine.stop()
        #expect(recorder.wait(seconds: 1))
        #expect(recorder.error == .shuttingDown || recorder.usages != nil)
    }
}
