// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing
import Tokenizers

@Suite struct CurveTests {
    // MARK: Scoring

    @Test(arguments: [
        (" Paris\n", "Paris", AnswerScoring.Normalization.trim, 1.0), ("paris", "Paris", .trim, 0),
        ("The  PARIS!", "a paris", .loose, 1), ("parish", "paris", .loose, 0), ("", "x", .loose, 0),
        ("theatre", "atre", .loose, 0), ("e\u{301}", "\u{e9}", .trim, 0),
    ])
    func exactMatch(_ text: String, _ reference: String, _ normalization: AnswerScoring.Normalization, _ score: Double)
    {
        let scoring = AnswerScoring(metric: .exactMatch, normalization: normalization)
        #expect(scoring.score(text, reference: reference) == score)
    }

    @Test(arguments: [
        ("So the answer is 3. No: the answer is 4.\nthe end", "4"), ("the answer is  -7.5 apples.", "-7.5 apples"),
        ("nothing", ""), ("the answer is", ""),
    ])
    func theAnswerFollowsTheLastMarker(_ text: String, _ answer: String) {
        #expect(AnswerScoring(metric: .exactMatch, marker: "the answer is").answer(in: text) == answer)
    }

    /// Source of the values: the package rouge_score, rougeL without stemming.
    @Test(arguments: [
        ("the cat sat", "the cat sat on the mat", 2.0 / 3), ("a b c d", "a c d b", 0.75), ("x", "y", 0), ("", "y", 0),
        ("Hello, World!", "hello world", 1),
    ])
    func rougeL(_ answer: String, _ reference: String, _ score: Double) {
        #expect(abs(AnswerScoring(metric: .rougeL).score(answer, reference: reference) - score) < 1e-12)
    }

    // MARK: The route

    /// An engine that answers with the query's last word, if an example is shown, else "no".
    private static func engine() -> FakeEngine {
        FakeEngine(models: [FakeEngine.model(contextLength: 512)]) { requests in
            var events: [GenerationEvent] = []
            for (index, request) in requests.enumerated() {
                let text = FakeTokenizer().decode(request.prompt)
                let hasExample = text.contains("\n\n")
                let word = text.split(separator: "\n").dropLast().last?.split(separator: " ").last ?? ""
                events.append(
                    .prompt(index: index, tokens: request.reportsPromptLogprobs ? FakeEngine.prompt(request) : []))
                events.append(.delta(index: index, choice: 0, text: hasExample ? " \(word)" : "no", tokens: []))
                events.append(.finished(index: index, choice: 0, reason: .length))
            }
            events.append(.completed(requests.map { FakeEngine.usage($0, generated: 2, cached: 1) }))
            return events
        }
    }

    private static func body(_ more: String = "") -> String {
        let test = (0..<40).map { "{\"input\":\"say \($0)\",\"output\":\"\($0)\"}" }.joined(separator: ",")
        return """
            {"shots":{"examples":[{"input":"say x","output":"x"},{"input":"say y","output":"y"}]},"test":[\(test)],\
            "counts":[0,1,2]\(more)}
            """
    }

    @Test func pointsAreMeasured() throws {
        let service = TestService(Self.engine())
        let answer = try service.send(.post, "/v1/prompts/curve", Self.body())
        #expect(answer.status == 200, "\(answer.text)")
        let points = try #require(answer.json["points"]?.arrayValue)
        #expect(points.map { $0["score"]?.doubleValue } == [0, 1, 1])
        #expect(points.map { $0["n"]?.integerValue } == [40, 40, 40])
        #expect(points.map { $0["shown"]?.doubleValue } == [0, 1, 2])
        #expect(points[1]["cached_tokens"] == .integer(40))
        #expect(answer.json["usage"]?["completion_tokens"] == .integer(240))
        // 40 items take two groups of at most 32.
        #expect(service.engine.submissions.map(\.requests.count) == [32, 8, 32, 8, 32, 8])
        let request = try #require(service.engine.submissions.first?.requests.first)
        #expect(request.sampling.temperature == 0 && request.stopStrings == ["\n"] && request.maxTokens == 32)
    }

    @Test func aStreamGrowsAndEndsWithTheWhole() throws {
        let service = TestService(Self.engine())
        let answer = try service.send(.post, "/v1/prompts/curve", Self.body(",\"stream\":true"))
        #expect(answer.isStreamed && answer.events.last == "[DONE]")
        let events = answer.eventObjects
        #expect(events.dropLast().map { $0["point"]?["n"]?.integerValue } == [32, 40, 32, 40, 32, 40])
        #expect(events.dropLast().map { $0["is_complete"]?.boolValue } == [false, true, false, true, false, true])
        let whole = try service.send(.post, "/v1/prompts/curve", Self.body()).json
        #expect(events.last == whole)
    }

    @Test func choicesAreRankedByTheirBytes() throws {
        // Every byte has a log-probability of -1, the space before a choice too: the longer choice wins per byte of its own.
        let service = TestService(Self.engine())
        let answer = try service.send(
            .post, "/v1/prompts/curve",
            """
            {"shots":{"examples":[]},"metric":"choice","choices":["yes","no"],\
            "test":[{"input":"a","output":"yes"},{"input":"b","output":"no"}],"counts":[0]}
            """)
        #expect(answer.json["points"]?.arrayValue?.first?["score"] == .number(0.5), "\(answer.text)")
        let requests = service.engine.submissions[0].requests
        #expect(requests.count == 4 && requests.allSatisfy { $0.maxTokens == 0 && $0.reportsPromptLogprobs })
        #expect(FakeTokenizer().decode(requests[3].prompt) == "Q: b\nA: no")
    }

    @Test func leavingStopsTheWork() throws {
        let engine = FakeEngine(models: [FakeEngine.model(contextLength: 512)], script: FakeEngine.silent)
        let service = TestService(engine)
        let responder = service.begin(.post, "/v1/prompts/curve", Self.body(",\"stream\":true"))
        let deadline = ContinuousClock.now + .seconds(30)
        while engine.submissions.isEmpty, ContinuousClock.now < deadline {}
        responder.disconnect()
        let submission = try #require(engine.submissions.first)
        while submission.handle.log.isEmpty, ContinuousClock.now < deadline {}
        #expect(submission.handle.log == ["cancel"])
        submission.sink(.failed(.cancelled))
        #expect(responder.wait { $0.isFinished })
        #expect(engine.submissions.count == 1 && service.service.generationsInFlight == 0)
    }

    @Test(arguments: [
        ("{}", "shots"), ("{\"shots\":{\"examples\":[],\"count\":1},\"strict\":true}", "shots.count"),
        ("{\"shots\":{\"examples\":[]}}", "test"), ("{\"shots\":{\"examples\":[]},\"test\":[]}", "test"),
        ("{\"shots\":{\"examples\":[]},\"test\":[{\"input\":\"a\",\"output\":\"b\"}],\"counts\":[1,1]}", "counts[1]"),
        (
            "{\"shots\":{\"examples\":[]},\"test\":[{\"input\":\"a\",\"output\":\"b\"}],\"metric\":\"choice\"}",
            "choices"
        ),
        (
            "{\"shots\":{\"examples\":[]},\"test\":[{\"input\":\"a\",\"output\":\"b\"}],\"choices\":[\"b\",\"c\"]}",
            "choices"
        ),
        ("{\"shots\":{\"examples\":[]},\"test_set\":\"nope\"}", "test_set"),
    ])
    func badBodiesAreRefused(_ body: String, _ param: String) throws {
        let answer = try TestService(Self.engine()).send(.post, "/v1/prompts/curve", body)
        #expect((400...404).contains(answer.status) && answer.param == param, "\(answer.text)")
    }
}
