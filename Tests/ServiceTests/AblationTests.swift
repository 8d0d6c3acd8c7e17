// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing
import Tokenizers

@Suite struct AblationTests {
    /// An engine whose tokens have log-probabilities that tell the prompt: -(bytes of the prompt) / 1000 each.
    private static func engine() -> FakeEngine {
        FakeEngine(models: [FakeEngine.model(contextLength: 512)]) { requests in
            var events: [GenerationEvent] = []
            for (index, request) in requests.enumerated() {
                let value = -Float(request.prompt.count) / 1024
                let tokens = request.prompt.enumerated().map { FakeEngine.token($1, $0 == 0 ? nil : value) }
                events.append(.prompt(index: index, tokens: tokens))
                events.append(.finished(index: index, choice: 0, reason: .length))
            }
            events.append(.completed(requests.map { FakeEngine.usage($0, generated: 0) }))
            return events
        }
    }

    @Test func everyExampleIsLeftOutOnce() throws {
        let service = TestService(Self.engine())
        let answer = try service.send(
            .post, "/v1/prompts/ablate",
            """
            {"prompt":"q","answer":"abc","orders":3,"shots":{"examples":[{"input":"1","output":"a"},\
            {"input":"22","output":"b"},{"input":"333","output":"c"}]}}
            """)
        #expect(answer.status == 200, "\(answer.text)")
        let requests = service.engine.submissions[0].requests
        #expect(requests.count == 1 + 1 + 3 + 3)
        let texts = requests.map { FakeTokenizer().decode($0.prompt) }
        #expect(texts[0] == "Q: 1\nA: a\n\nQ: 22\nA: b\n\nQ: 333\nA: c\n\nQ: q\nA: abc")
        #expect(texts[1] == "Q: q\nA: abc")
        #expect(texts[3] == "Q: 1\nA: a\n\nQ: 333\nA: c\n\nQ: q\nA: abc")
        // Three letters and the space before them are scored.
        func logprob(_ index: Int) -> Double { -Double(requests[index].prompt.count) / 1024 * 4 }
        #expect(answer.json["logprob"]?.doubleValue == logprob(0))
        #expect(answer.json["zero_shot_logprob"]?.doubleValue == logprob(1))
        let examples = try #require(answer.json["examples"]?.arrayValue)
        #expect(examples.map { $0["index"]?.integerValue } == [0, 1, 2])
        for (place, example) in examples.enumerated() {
            #expect(example["logprob_without"]?.doubleValue == logprob(2 + place))
            #expect(example["influence"]?.doubleValue == logprob(0) - logprob(2 + place))
        }
        let orders = try #require(answer.json["orders"]?.arrayValue)
        for order in orders {
            #expect(order["examples"]?.arrayValue?.compactMap(\.integerValue).sorted() == [0, 1, 2])
        }
        // All orders have the same bytes here.
        #expect(answer.json["order_mean"]?.doubleValue == logprob(0))
        #expect(answer.json["order_deviation"]?.doubleValue == 0)
    }

    @Test(arguments: [
        ("{\"prompt\":\"q\",\"answer\":\"a\"}", "shots"),
        ("{\"prompt\":\"q\",\"shots\":{\"examples\":[]}}", "answer"),
        ("{\"prompt\":\"q\",\"answer\":\"a\",\"shots\":{\"examples\":[]}}", "shots"),
        ("{\"answer\":\"a\",\"shots\":{\"examples\":[]}}", "prompt"),
    ])
    func badBodiesAreRefused(_ body: String, _ param: String) throws {
        let answer = try TestService(Self.engine()).send(.post, "/v1/prompts/ablate", body)
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
    }
}
