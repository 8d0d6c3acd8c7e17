// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import Service
import StrictJSON
import Synchronization
import Testing

/// Examples that are chosen and ordered by what the model knows of them.
@Suite struct ModelSelectionTests {
    private static let examples = """
        [{"input":"rrr","output":"x"},{"input":"bbb","output":"y"},{"input":"rrb","output":"x"},\
        {"input":"rbb","output":"y"}]
        """

    private static func text(_ request: GenerationRequest) -> String {
        String(decoding: request.prompt.filter { $0 < 256 }.map { UInt8($0) }, as: UTF8.self)
    }

    /// An embedding counts letters; a text is the likelier the more b stand in its first line; what is made up is told by
    /// the prompt's length; a generation says "Hi".
    private static let script: FakeEngine.Script = { requests in
        var events: [GenerationEvent] = []
        for (index, request) in requests.enumerated() {
            let text = text(request)
            events.append(
                .prompt(
                    index: index,
                    tokens: request.reportsPromptLogprobs
                        ? [FakeEngine.token(65, Float(text.prefix { $0 != "\n" }.count { $0 == "b" }) - 9)] : []))
            if request.reportsEmbedding {
                let (r, b) = (text.count { $0 == "r" }, text.count { $0 == "b" })
                events.append(.embedding(index: index, [Float(r), Float(b)]))
            }
            if request.maxTokens > 0 {
                events.append(.delta(index: index, choice: 0, text: "made \(text.count)", tokens: []))
            }
            events.append(.finished(index: index, choice: 0, reason: .length))
        }
        return events + [.completed(requests.map { FakeEngine.usage($0, generated: 0) })]
    }

    private static func service() -> TestService {
        TestService(FakeEngine(models: [FakeEngine.model(contextLength: 512)], script: script))
    }

    private static func body(_ shots: String, prompt: String = "rb") -> String {
        """
        {"prompt":"\(prompt)","max_tokens":4,"return":["assembled"],"shots":{"examples":\(examples),\
        "template":"arrow",\(shots)}}
        """
    }

    private static func shown(_ answer: Answer) -> [Int64] {
        answer.json["assembled"]?.arrayValue?.first?["examples"]?.arrayValue?.compactMap(\.integerValue) ?? []
    }

    @Test func theNearestByEmbeddingAreShown() throws {
        let service = Self.service()
        let answer = try service.complete(Self.body("\"select\":\"knn\",\"count\":2"))
        // The cosines with (1, 1) of (3,0), (0,3), (2,1), (1,2) are 0.71, 0.71, 0.95, 0.95; the nearest stands last.
        #expect(Self.shown(answer) == [3, 2], "\(answer.text)")
        #expect(service.engine.submissions.count == 2)
        let asked = service.engine.submissions[0].requests
        #expect(asked.map { Self.text($0) } == ["rrr", "bbb", "rrb", "rbb", "rb"])
        #expect(asked.allSatisfy { $0.reportsEmbedding && $0.maxTokens == 0 })
        #expect(Self.text(service.engine.submissions[1].requests[0]) == "rbb -> y\nrrb -> x\nrb ->")

        // What is known is not asked for again.
        let second = try service.complete(
            Self.body("\"select\":\"knn\",\"count\":1,\"order\":\"selected\"", prompt: "bb"))
        #expect(Self.shown(second) == [1])
        #expect(service.engine.submissions[2].requests.map { Self.text($0) } == ["bb"])
        let third = try service.complete(Self.body("\"select\":\"knn\"", prompt: "bb"))
        #expect(third.status == 200 && service.engine.submissions.count == 5)
    }

    @Test func relevanceAndDistanceAreBalanced() throws {
        // Near (1, 2) stand 3 and 1; 1 is nearer to 3 than 0 is.
        let near = try Self.service().complete(
            Self.body("\"select\":\"mmr\",\"count\":2,\"lambda\":1,\"order\":\"selected\"", prompt: "rbb b"))
        let far = try Self.service().complete(
            Self.body("\"select\":\"mmr\",\"count\":2,\"lambda\":0,\"order\":\"selected\"", prompt: "rbb b"))
        #expect(Self.shown(near).count == 2 && Self.shown(far).count == 2)
        #expect(Self.shown(near) == [3, 1] && Self.shown(far).last == 0, "\(near.text) \(far.text)")
    }

    @Test func theLikeliestQueryDecides() throws {
        let service = Self.service()
        let answer = try service.complete(
            Self.body("\"select\":\"nll\",\"count\":2,\"order\":\"selected\",\"instruction\":\"\""))
        #expect(Self.shown(answer) == [1, 3], "\(answer.text)")
        let asked = service.engine.submissions[0]
        let texts = Set(asked.requests.map { Self.text($0) })
        #expect(texts == ["rrr -> x\nrb", "bbb -> y\nrb", "rrb -> x\nrb", "rbb -> y\nrb"])
        // Only the query is measured.
        #expect(asked.requests.allSatisfy { $0.promptLogprobStart == 1 + "rrr -> x\n".count })
    }

    @Test func lanesAskForWhatTheyLack() throws {
        let service = Self.service()
        let answer = try service.send(
            .post, "/v1/compare",
            """
            {"prompt":"rb","shots":{"examples":\(Self.examples),"template":"arrow","count":1},"return":["assembled"],\
            "lanes":[{"shots":{"select":"knn"}},{"shots":{"select":"nll"}},{}]}
            """)
        let lanes = try #require(answer.json["lanes"]?.arrayValue, "\(answer.text)")
        #expect(lanes.map { $0["assembled"]?["examples"] } == [.array([2]), .array([1]), .array([0])])
    }

    @Test func theOrderOfTheMostEvenPredictionsIsTaken() throws {
        let service = Self.service()
        let answer = try service.complete(Self.body("\"order\":\"entropy_probed\",\"count\":3,\"probe_orders\":6"))
        #expect(Self.shown(answer).sorted() == [0, 1, 2], "\(answer.text)")
        let submissions = service.engine.submissions
        // One input made up after each order, of which all are as long; then all labels after each order.
        #expect(submissions[0].requests.count == 6 && submissions[0].requests.allSatisfy { $0.maxTokens == 48 })
        #expect(submissions.dropFirst().dropLast().allSatisfy { $0.requests.count == 2 })
        #expect(submissions.count == 8)
        let again = try service.complete(
            Self.body("\"order\":\"entropy_probed\",\"count\":3,\"probe_orders\":6", prompt: "another"))
        #expect(Self.shown(again) == Self.shown(answer) && service.engine.submissions.count == 9)
        let one = try service.complete(
            """
            {"prompt":"q","shots":{"examples":[{"input":"a","output":"x"},{"input":"b","output":"x"}],\
            "order":"entropy_probed"}}
            """)
        #expect(one.status == 400 && one.param == "shots.order", "\(one.text)")
    }

    @Test func aCurveAsksForEachItem() throws {
        let service = Self.service()
        let answer = try service.send(
            .post, "/v1/prompts/curve",
            """
            {"shots":{"examples":\(Self.examples),"select":"knn"},"counts":[0,2],\
            "test":[{"input":"rrrb","output":"x"},{"input":"bbbr","output":"y"}]}
            """)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["points"]?.arrayValue?.map { $0["n"] } == [2, 2])
    }

    @Test func whatTheEngineRefusesIsTold() throws {
        let service = Self.service()
        service.engine.refuse(.queueFull(limit: 3))
        let answer = try service.complete(Self.body("\"select\":\"knn\""))
        #expect(answer.status == 429 || answer.status == 503, "\(answer.text)")
        let many = (0..<4096).map { "{\"input\":\"\($0)\",\"output\":\"x\"}" }.joined(separator: ",")
        let refused = try Self.service().complete(
            "{\"prompt\":\"x\",\"shots\":{\"select\":\"knn\",\"examples\":[\(many)]}}")
        #expect(refused.status == 400 && refused.param == "shots.select", "\(refused.status)")
    }

    @Test func whoLeavesStopsTheInquiry() throws {
        let engine = FakeEngine(models: [FakeEngine.model(contextLength: 512)], script: FakeEngine.silent)
        let service = TestService(engine)
        let responder = service.begin(.post, "/v1/completions", Self.body("\"select\":\"knn\""))
        #expect(responder.wait { _ in engine.submissions.count == 1 })
        responder.disconnect()
        #expect(responder.wait { _ in engine.submissions[0].handle.log == ["cancel"] })
        engine.submissions[0].sink(.failed(.cancelled))
        #expect(engine.submissions.count == 1)
    }
}
