// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct TraceTests {
    /// One token "a" with a trace.
    private static let script: FakeEngine.Script = { requests in
        var token = FakeEngine.token(97, -0.5)
        let top = requests[0].trace == .summary ? [] : [TokenLogprob(id: 98, logprob: -0.25)]
        token.trace = DrawTrace(
            raw: .init(survivorCount: 262, entropy: 2.5, rank: 2, logprob: -1.5, top: top),
            steps: [
                .init(
                    stage: .topK, removedMass: 0.25,
                    after: .init(survivorCount: 4, entropy: 1.25, rank: 2, logprob: -1.25, top: top)),
                .init(
                    stage: .temperature, removedMass: 0,
                    after: .init(survivorCount: 4, entropy: 0.5, rank: 2, logprob: -2, top: top)),
            ])
        if requests[0].trace == nil { token.trace = nil }
        return [
            .prompt(index: 0, tokens: []), .delta(index: 0, choice: 0, text: "a", tokens: [token]),
            .finished(index: 0, choice: 0, reason: .length), .completed([FakeEngine.usage(requests[0], generated: 1)]),
        ]
    }

    private static let summary = """
        "raw":{"survivors":262,"entropy":2.5,"rank":2,"logprob":-1.5},"stages":[\
        {"stage":"top_k","survivors":4,"mass_removed":0.25,"entropy_before":2.5,"entropy_after":1.25,"rank":2,"logprob":-1.25},\
        {"stage":"temperature","survivors":4,"mass_removed":0.0,"entropy_before":1.25,"entropy_after":0.5,"rank":2,\
        "logprob":-2.0}]
        """

    private func service() -> TestService { TestService(FakeEngine(script: Self.script)) }

    @Test func completionHoldsATraceOfEachToken() throws {
        let answer = try service().complete("{\"prompt\":\"a\",\"trace\":\"summary\"}")
        let choice = try #require(answer.json["choices"]?.arrayValue?[0])
        #expect(try choice["trace"] == parse("[{\"id\":97,\"text\":\"a\",\(Self.summary)}]"))
        let stream = try service().complete("{\"prompt\":\"a\",\"trace\":\"summary\",\"stream\":true}")
        let traces = stream.eventObjects.flatMap { $0["choices"]?.arrayValue?[0]["trace"]?.arrayValue ?? [] }
        #expect(JSON.array(traces) == choice["trace"])
    }

    @Test func chatAndComparisonHoldTheSame() throws {
        let chat = try TestService(FakeEngine(models: [FakeEngine.chatModel()], script: Self.script)).chat(
            "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"trace\":{\"level\":\"summary\"}}")
        #expect(
            try chat.json["choices"]?.arrayValue?[0]["trace"] == parse("[{\"id\":97,\"text\":\"a\",\(Self.summary)}]"))
        let compared = try service().send(
            .post, "/v1/compare", "{\"prompt\":\"a\",\"trace\":\"summary\",\"lanes\":[{}]}")
        let token = compared.json["lanes"]?.arrayValue?[0]["choices"]?.arrayValue?[0]["tokens"]?.arrayValue?[0]
        #expect(try token?["trace"] == parse("{\(Self.summary)}"))
    }

    @Test func fullListsTheLikeliest() throws {
        let answer = try service().complete("{\"prompt\":\"a\",\"trace\":{\"top\":3}}")
        let trace = answer.json["choices"]?.arrayValue?[0]["trace"]?.arrayValue?[0]
        let top = try parse("[{\"id\":98,\"text\":\"b\",\"logprob\":-0.25}]")
        #expect(trace?["raw"]?["top"] == top && trace?["stages"]?.arrayValue?[1]["top"] == top)
    }

    @Test(
        arguments: [
            ("\"off\"", nil), ("null", nil), ("\"summary\"", .summary), ("\"full\"", .full(count: 5)),
            ("{\"level\":\"full\",\"top\":50}", .full(count: 50)),
            ("{}", .full(count: 5)), ("{\"level\":\"off\"}", nil),
        ] as [(String, TraceDetail?)])
    func whatIsAskedForReachesTheEngine(_ value: String, _ expected: TraceDetail?) throws {
        let service = service()
        let answer = try service.complete("{\"prompt\":\"a\",\"trace\":\(value)}")
        #expect(service.engine.submissions[0].requests[0].trace == expected)
        #expect((answer.json["choices"]?.arrayValue?[0]["trace"] == nil) == (expected == nil))
    }

    @Test(arguments: [
        ("\"trace\":\"all\"", "trace"), ("\"trace\":true", "trace"), ("\"trace\":{\"top\":51}", "trace.top"),
        ("\"trace\":{\"level\":\"summary\",\"top\":3}", "trace.top"), ("\"trace\":{\"level\":3}", "trace.level"),
    ])
    func badValueIsRefused(_ field: String, _ param: String) throws {
        let answer = try service().complete("{\"prompt\":\"a\",\(field)}")
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
    }

    @Test func traceTooLargeIsRefusedWithTheFigures() throws {
        let engine = FakeEngine(models: [FakeEngine.model(contextLength: 4096)], script: Self.script)
        let answer = try TestService(engine).complete(
            "{\"prompt\":\"a\",\"n\":64,\"max_tokens\":200,\"top_k\":3,\"trace\":{\"top\":50}}")
        #expect(answer.status == 400 && answer.param == "trace")
        #expect(answer.text.contains(String(64 * 200 * 2 * 51)))
    }
}
