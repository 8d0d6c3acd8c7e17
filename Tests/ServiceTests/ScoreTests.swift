// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct ScoreTests {
    /// Each token of a choice has -1, but the letter b, which has -3 and is not the likeliest.
    private static let script: FakeEngine.Script = { requests in
        var events: [GenerationEvent] = requests.enumerated().map { index, request in
            .prompt(
                index: index,
                tokens: request.prompt[request.promptLogprobStart...].map { id in
                    id == 98
                        ? FakeEngine.token(id, -3, top: [(97, -0.1)]) : FakeEngine.token(id, -1, top: [(id, -1)])
                })
        }
        events += requests.indices.map { .finished(index: $0, choice: 0, reason: .length) }
        return events + [.completed(requests.map { FakeEngine.usage($0, generated: 0) })]
    }

    private func score(_ body: String, chat: Bool = false) throws -> (Answer, FakeEngine) {
        let engine =
            chat
            ? FakeEngine(models: [FakeEngine.chatModel()], script: Self.script) : FakeEngine(script: Self.script)
        return (try TestService(engine).send(.post, "/v1/score", body), engine)
    }

    @Test func sumsPerTokenAndPerByteAndTheBest() throws {
        let (answer, engine) = try score("{\"prompt\":\"x\",\"choices\":[\"ab\",\"aaa\",[261]]}")
        let group = engine.submissions[0].group
        #expect(group.requests.map(\.prompt) == [[256, 120, 97, 98], [256, 120, 97, 97, 97], [256, 120, 261]])
        #expect(group.requests.allSatisfy { $0.maxTokens == 0 && $0.promptLogprobStart == 2 })
        // The last token of the shortest is not shared: it needs no computation.
        #expect(group.sharedTokens == 2)
        let choices = try #require(answer.json["choices"]?.arrayValue)
        #expect(choices.map { $0["logprob"] } == [-4.0, -3.0, -1.0])
        #expect(choices.map { $0["logprob_per_token"] } == [-2.0, -1.0, -1.0])
        #expect(choices.map { $0["logprob_per_byte"] } == [-2.0, -1.0, -0.2])
        #expect(choices.map { $0["bytes"] } == [2, 3, 5])
        #expect(choices.map { $0["is_greedy"] } == [.bool(false), .bool(true), .bool(true)])
        let shares = choices.compactMap { $0["share"]?.doubleValue }
        #expect(abs(shares.reduce(0, +) - 1) < 1e-12 && abs(shares[0] / shares[2] - 0.049787) < 1e-6)
        #expect(
            try choices[0]["tokens"]
                == parse(
                    """
                    [{"id":97,"text":"a","logprob":-1.0,"is_likeliest":true},\
                    {"id":98,"text":"b","logprob":-3.0,"is_likeliest":false}]
                    """))
        #expect(
            try answer.json["best"] == parse("{\"logprob\":2,\"logprob_per_token\":1,\"logprob_per_byte\":2}"))
        #expect(
            try answer.json["usage"] == parse("{\"prompt_tokens\":2,\"scored_tokens\":6,\"total_tokens\":8}"))
    }

    @Test(
        arguments: [
            // White space at the prompt's end is the choice's.
            ("\"prompt\":\"x \",\"choices\":[\"a\"]", [256, 120, 32, 97], 2),
            ("\"prompt\":\"x \",\"choices\":[\"a\"],\"boundary\":\"apart\"", [256, 120, 32, 97], 3),
            ("\"prompt\":\"  \",\"choices\":[\"a\"]", [256, 32, 32, 97], 1),
            // Nothing but the start.
            ("\"prompt\":\"\",\"choices\":[\"a\"]", [256, 97], 1),
            ("\"prompt\":\"\",\"choices\":[\"a\"],\"add_special_tokens\":false", [256, 97], 1),
            ("\"prompt\":[120,32],\"choices\":[\"a\"]", [120, 32, 97], 2),
            // A control token is one in the prompt, and text in a choice.
            ("\"prompt\":\"</s>\",\"choices\":[\"</s>\"]", [256, 257, 60, 47, 115, 62], 2),
            ("\"prompt\":\"</s>\",\"choices\":[\"a\"],\"parse_special\":false", [256, 60, 47, 115, 62, 97], 5),
            (
                "\"prompt\":\"x\",\"template\":{\"example\":\"{input}={output}\"},\"choices\":[\"a\"]",
                [256, 120, 61, 97], 3
            ),
        ] as [(String, [Int32], Int)])
    func seamOfPromptAndChoice(_ body: String, _ ids: [Int32], _ start: Int) throws {
        let (answer, engine) = try score("{\(body)}")
        try #require(answer.status == 200, "\(answer.text)")
        let request = engine.submissions[0].requests[0]
        #expect(request.prompt == ids && request.promptLogprobStart == start)
    }

    @Test func choiceFollowsAConversation() throws {
        let (_, engine) = try score(
            "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"choices\":[\"a\"]}", chat: true)
        let prompt = engine.submissions[0].requests[0].prompt
        #expect(prompt.last == 97 && prompt.first == 258)
        #expect(engine.submissions[0].requests[0].promptLogprobStart == prompt.count - 1)
    }

    @Test(arguments: [
        ("{\"prompt\":\"x\"}", "choices"), ("{\"choices\":[\"a\"]}", "prompt"),
        ("{\"prompt\":\"x\",\"choices\":[]}", "choices"), ("{\"prompt\":\"x\",\"choices\":[\"\"]}", "choices[0]"),
        ("{\"prompt\":\"x\",\"choices\":[[]]}", "choices[0]"),
        ("{\"prompt\":\"x\",\"choices\":[[262]]}", "choices[0][0]"),
        ("{\"prompt\":\"x\",\"choices\":[\"a\",3]}", "choices[1]"),
        ("{\"prompt\":\"x\",\"choices\":[\"a\"],\"boundary\":\"no\"}", "boundary"),
        ("{\"prompt\":\"x\",\"choices\":[\"a\"],\"temperature\":0.5}", "temperature"),
        ("{\"prompt\":\"x\",\"choices\":[\"a\"],\"n\":2}", "n"),
    ])
    func badBodyIsRefusedByName(_ body: String, _ param: String) throws {
        let (answer, _) = try score(body)
        #expect(answer.status == 400 && answer.param == param, "\(body): \(answer.text)")
    }

    @Test func choiceThatDoesNotFitIsRefused() throws {
        let choice = String(repeating: "a", count: 63)
        let (answer, _) = try score("{\"prompt\":\"x\",\"choices\":[\"a\",\"\(choice)\"]}")
        #expect(answer.status == 400 && answer.errorCode == "context_length_exceeded" && answer.param == "choices[1]")
    }
}

@Suite struct DistributionRouteTests {
    private static let script: FakeEngine.Script = { requests in
        let raw = DistributionReport.Entry(
            survivorCount: 262, rawMass: 1, entropy: 2, top: [TokenLogprob(id: 97, logprob: -0.5)], rawLogprobs: [-0.5])
        let entry = DistributionReport.Entry(
            survivorCount: 1, rawMass: 0.6, entropy: 0, top: [TokenLogprob(id: 97, logprob: 0)], rawLogprobs: [-0.5])
        let distance = DistributionReport.Distance(
            forward: .infinity, backward: 0.5, jensenShannon: 0.25, totalVariation: 0.375)
        let count = requests[0].distributions?.settings.count ?? 0
        return [
            .prompt(index: 0, tokens: []),
            .distributions(
                index: 0,
                DistributionReport(
                    raw: raw, entries: Array(repeating: entry, count: count),
                    distances: (0..<count).map { Array(repeating: distance, count: count - 1 - $0) },
                    distancesFromRaw: Array(repeating: distance, count: count))),
            .finished(index: 0, choice: 0, reason: .length),
            .completed([FakeEngine.usage(requests[0], generated: 0)]),
        ]
    }

    @Test func settingsOfLanesReachTheEngineAndTheReportTheClient() throws {
        let engine = FakeEngine(script: Self.script)
        let answer = try TestService(engine).send(
            .post, "/v1/distribution",
            """
            {"prompt":"ab","top_k":4,"top":3,"lanes":[{"temperature":0.5},{"top_k":null,"name":"all"}]}
            """)
        try #require(answer.status == 200, "\(answer.text)")
        let request = engine.submissions[0].requests[0]
        #expect(request.maxTokens == 0 && request.distributions?.count == 3)
        #expect(request.distributions?.settings.map(\.temperature) == [0.5, 1])
        #expect(request.distributions?.settings.map(\.topK) == [4, 0])
        #expect(
            try answer.json.stable
                == parse(
                    """
                    {"object":"distribution","model":"fake","raw":{"survivors":262,"entropy":2.0,\
                    "top":[{"id":97,"text":"a","logprob":-0.5}]},"lanes":[\
                    {"index":0,"name":"temperature=0.5","settings":{"temperature":0.5},"survivors":1,"raw_mass":0.6,\
                    "entropy":0.0,"top":[{"id":97,"text":"a","logprob":0.0,"raw_logprob":-0.5}],\
                    "from_raw":{"kl":null,"reverse_kl":0.5,"js":0.25,"tv":0.375}},\
                    {"index":1,"name":"all","settings":{"top_k":null},"survivors":1,"raw_mass":0.6,\
                    "entropy":0.0,"top":[{"id":97,"text":"a","logprob":0.0,"raw_logprob":-0.5}],\
                    "from_raw":{"kl":null,"reverse_kl":0.5,"js":0.25,"tv":0.375}}],\
                    "distances":[{"lanes":[0,1],"kl":null,"reverse_kl":0.5,"js":0.25,"tv":0.375}],\
                    "usage":{"prompt_tokens":3}}
                    """))
    }

    @Test(arguments: [
        ("{\"prompt\":\"a\"}", "lanes"), ("{\"prompt\":\"a\",\"lanes\":[{\"stop\":\"x\"}]}", "lanes[0].stop"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"max_tokens\":3}]}", "lanes[0].max_tokens"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"max_tokens\":3}", "max_tokens"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"stream\":true}", "stream"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"top\":1001}", "top"),
        ("{\"prompt\":\"a\",\"grid\":{\"stop\":[\"x\"]}}", "grid.stop[0]"),
    ])
    func badBodyIsRefusedByName(_ body: String, _ param: String) throws {
        let answer = try TestService(FakeEngine(script: Self.script)).send(.post, "/v1/distribution", body)
        #expect(answer.status == 400 && answer.param == param, "\(body): \(answer.text)")
    }
}
