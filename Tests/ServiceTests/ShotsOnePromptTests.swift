// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

/// `shots` on the routes that look at one prompt from several sides.
@Suite struct ShotsOnePromptTests {
    private static let examples = """
        [{"input":"red fox","output":"fox"},{"input":"blue whale","output":"whale"},{"input":"red hen","output":"hen"}]
        """

    private static let all = "\"shots\":{\"examples\":\(examples),\"template\":\"arrow\",\"count\":1}"

    private func post(_ path: String, _ body: String, chat: Bool = false) throws -> (Answer, FakeEngine) {
        let model = chat ? FakeEngine.chatModel(contextLength: 512) : FakeEngine.model(contextLength: 512)
        let engine = FakeEngine(models: [model])
        return (try TestService(engine).send(.post, path, body), engine)
    }

    /// The prompts that the engine was given, as text without the start token.
    private func texts(_ engine: FakeEngine) -> [String] {
        (engine.submissions.first?.requests ?? []).map { request in
            String(decoding: request.prompt.filter { $0 < 256 }.map { UInt8($0) }, as: UTF8.self)
        }
    }

    @Test(arguments: [
        ("/v1/compare", "\"lanes\":[{},{\"top_k\":1}]", ["red fox -> fox\na ->", "red fox -> fox\na ->"]),
        ("/v1/distribution", "\"lanes\":[{},{\"top_k\":1}]", ["red fox -> fox\na ->"]),
        ("/v1/score", "\"choices\":[\" x\",\" y\"]", ["red fox -> fox\na -> x", "red fox -> fox\na -> y"]),
    ])
    func examplesStandBeforeTheOnePrompt(_ path: String, _ own: String, _ expected: [String]) throws {
        let (answer, engine) = try post(path, "{\"prompt\":\"a\",\(Self.all),\(own),\"return\":[\"assembled\"]}")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(texts(engine) == expected)
        let assembled = answer.json["assembled"]
        #expect(assembled?["text"] == .string("red fox -> fox\na ->") && assembled?["examples"] == .array([0]))
    }

    @Test(arguments: [
        ("/v1/compare", "\"lanes\":[{}]"), ("/v1/distribution", "\"lanes\":[{}]"), ("/v1/score", "\"choices\":[\"x\"]"),
    ])
    func messagesHaveThemAsTurnsAndRulesAreTheSame(_ path: String, _ own: String) throws {
        let messages = "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
        let (answer, engine) = try post(
            path, "{\(messages),\"shots\":{\"examples\":\(Self.examples),\"count\":1},\(own)}", chat: true)
        #expect(answer.status == 200, "\(answer.text)")
        let text = try #require(texts(engine).first)
        #expect(text.contains("red fox") && text.contains("fox") && !text.contains("whale"))
        for (body, param) in [
            ("{\(messages),\(Self.all),\(own)}", "shots.template"),
            ("{\"prompt\":[1,2],\(Self.all),\(own)}", "prompt"),
            ("{\"prompt\":\"a\",\"template\":\"qa\",\(Self.all),\(own)}", "template"),
            ("{\"prompt\":\"a\",\"shots\":{\"count\":1},\(own)}", "shots.examples"),
            ("{\"prompt\":\"a\",\"shots\":{\"set\":\"none\"},\(own)}", "shots.set"),
        ] {
            let refused = try post(path, body, chat: true).0
            #expect(refused.status == (param == "shots.set" ? 404 : 400) && refused.param == param, "\(refused.text)")
        }
    }

    @Test func whatIsScoredHasRoom() throws {
        let choice = String(repeating: "x", count: 440)
        let (answer, engine) = try post("/v1/score", "{\"prompt\":\"a\",\"choices\":[\"\(choice)\"],\(Self.all)}")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(engine.submissions.first?.requests.first?.prompt.count ?? 999 <= 512)
        let long = String(repeating: "x", count: 500)
        let dropped = try post("/v1/score", "{\"prompt\":\"a\",\"choices\":[\"\(long)\"],\(Self.all)}").0
        #expect(dropped.json["warnings"]?.arrayValue?.first?["code"] == .string("examples_dropped"), "\(dropped.text)")
    }

    // MARK: Lanes

    @Test func lanesDifferInTheirExamples() throws {
        let (answer, engine) = try post(
            "/v1/compare",
            """
            {"prompt":"a","max_tokens":4,"return":["assembled","token_ids"],\
            "shots":{"examples":\(Self.examples),"template":"arrow"},\
            "lanes":[{"shots":{"count":0}},{"shots":{"count":2,"order":"similar_first","select":"random","seed":3}},\
            {"shots":{"count":1},"top_k":1},{"shots":{"examples":[{"input":"i","output":"o"}],"template":null}},\
            {"shots":null,"name":"bare"},{}]}
            """)
        try #require(answer.status == 200, "\(answer.text)")
        let found = texts(engine)
        #expect(found[0] == "a ->" && found[2] == "red fox -> fox\na ->" && found[3] == "i -> o\na ->")
        #expect(found[1].hasSuffix("\na ->") && found[1].split(separator: "\n").count == 3)
        #expect(found[4] == "a" && found[5] == "red fox -> fox\nblue whale -> whale\nred hen -> hen\na ->")
        // What all begin with is the start token alone: the rest of "a" is the last token of a lane.
        let group = engine.submissions[0].group
        #expect(group.sharedTokens == 1 && !group.reportsDivergence)
        let lanes = try #require(answer.json["lanes"]?.arrayValue)
        #expect(lanes[2]["assembled"]?["text"] == .string(found[2]) && answer.json["assembled"] == nil)
        #expect(lanes[2]["prompt_token_ids"]?.arrayValue?.count == group.requests[2].prompt.count)
        #expect(lanes[2]["name"] == .string("shots.count=1, top_k=1"))
        let total = group.requests.reduce(1) { $0 + $1.prompt.count - 1 }
        #expect(answer.json["usage"]?["prompt_tokens"] == .integer(Int64(total)))
    }

    @Test func aLaneIsTheRequestAlone() throws {
        let shots = ["{\"count\":0}", "{\"count\":2,\"select\":\"bm25\"}", "{\"budget_tokens\":40,\"seed\":2}"]
        let lanes = shots.map { "{\"shots\":\($0)}" }.joined(separator: ",")
        let (_, engine) = try post(
            "/v1/compare",
            "{\"prompt\":\"red\",\"shots\":{\"examples\":\(Self.examples),\"select\":\"random\"},\"lanes\":[\(lanes)]}")
        for (number, own) in shots.enumerated() {
            let merged = "{\"examples\":\(Self.examples),\"select\":\"random\",".dropLast(
                own.contains("select") ? "\"select\":\"random\",".count : 0)
            let alone = try post("/v1/completions", "{\"prompt\":\"red\",\"shots\":\(merged)\(own.dropFirst())}")
            #expect(alone.0.status == 200, "\(alone.0.text)")
            #expect(engine.submissions[0].requests[number].prompt == alone.1.submissions[0].requests[0].prompt)
        }
    }

    @Test func examplesCanBeSwept() throws {
        let (answer, engine) = try post(
            "/v1/compare",
            """
            {"prompt":"a","shots":{"examples":\(Self.examples),"template":"arrow"},"stream":true,\
            "return":["assembled"],"grid":{"shots":[{"count":0},{"count":1}],"temperature":[0,1]}}
            """)
        #expect(texts(engine) == ["a ->", "a ->", "red fox -> fox\na ->", "red fox -> fox\na ->"])
        let start = try #require(answer.eventObjects.first)
        #expect(start["lanes"]?.arrayValue?.compactMap { $0["assembled"]?["text"]?.stringValue } == texts(engine))
        let last = try #require(answer.eventObjects.last)
        #expect(last["lanes"]?.arrayValue?.first?["assembled"] == nil)
    }

    @Test func aLaneAtFaultIsNamed() throws {
        for (lane, param) in [
            ("{\"shots\":{\"count\":-1}}", "lanes[0].shots.count"),
            ("{\"shots\":{\"template\":\"none\"}}", "lanes[0].shots.template"),
            ("{\"shots\":{\"set\":\"none\"}}", "lanes[0].shots.set"),
            ("{\"shots\":{\"budget_tokens\":2}}", "lanes[0].shots.budget_tokens"),
            ("{\"shots\":{\"version\":\"\(String(repeating: "a", count: 64))\"}}", "lanes[0].shots.version"),
        ] {
            let (answer, _) = try post(
                "/v1/compare", "{\"prompt\":\"a\",\"shots\":{\"examples\":\(Self.examples)},\"lanes\":[\(lane)]}")
            #expect(answer.status >= 400 && answer.param == param, "\(answer.text)")
        }
        let (answer, _) = try post(
            "/v1/distribution",
            "{\"prompt\":\"a\",\"shots\":{\"examples\":\(Self.examples)},\"lanes\":[{\"shots\":{\"count\":1}}]}")
        #expect(answer.status == 400 && answer.param == "lanes[0].shots", "\(answer.text)")
    }
}
