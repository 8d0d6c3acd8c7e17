// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct ShotsTests {
    private static let examples = """
        [{"input":"red fox","output":"fox"},{"input":"blue whale","output":"whale"},{"input":"red hen","output":"hen"}]
        """

    private static func service(contextLength: Int = 512, chat: Bool = false) -> TestService {
        TestService(
            FakeEngine(models: [
                chat
                    ? FakeEngine.chatModel(contextLength: contextLength)
                    : FakeEngine.model(contextLength: contextLength)
            ]))
    }

    private static func assembled(_ answer: Answer) throws -> JSON {
        try #require(answer.json["assembled"]?.arrayValue?.first, "\(answer.text)")
    }

    private static func integers(_ json: JSON?) -> [Int64]? { json?.arrayValue?.compactMap(\.integerValue) }

    @Test func theNearestExamplesAreShown() throws {
        let service = Self.service()
        let answer = try service.complete(
            """
            {"prompt":"a red hen house","return":["assembled"],"shots":{"examples":\(Self.examples),"count":2,\
            "select":"bm25","instruction":"Name it.","template":"arrow"}}
            """)
        let assembled = try Self.assembled(answer)
        #expect(assembled["text"] == .string("Name it.\nred fox -> fox\nred hen -> hen\na red hen house ->"))
        #expect(Self.integers(assembled["examples"]) == [0, 2])
        #expect(assembled["spans"]?.arrayValue?.compactMap { $0["index"]?.integerValue } == [0, 2])
        #expect(assembled["dropped"] == .array([]) && assembled["budget_tokens"] == .integer(496))
        // A byte is a token, after BOS.
        #expect(assembled["tokens"]?.integerValue == 58)
        #expect(service.engine.submissions.first?.requests.first?.prompt.count == 58)
    }

    @Test func whatDoesNotFitIsLeftOutWholeAndNamed() throws {
        let service = Self.service()
        let answer = try service.complete(
            """
            {"prompt":"x","return":["assembled"],"shots":{"examples":\(Self.examples),"budget_tokens":45}}
            """)
        let assembled = try Self.assembled(answer)
        #expect(assembled["text"] == .string("Q: red fox\nA: fox\n\nQ: x\nA:"))
        #expect(assembled["tokens"]?.integerValue ?? 99 <= 45 && assembled["budget_tokens"] == .integer(45))
        #expect(
            try assembled["dropped"]
                == parse("[{\"index\":2,\"reason\":\"budget\"},{\"index\":1,\"reason\":\"budget\"}]"))
        let warning = answer.json["warnings"]?.arrayValue?.first
        #expect(warning?["code"] == .string("examples_dropped") && warning?["param"] == .string("prompt"))
    }

    @Test func theContextIsABudgetToo() throws {
        let answer = try Self.service(contextLength: 64).complete(
            "{\"prompt\":\"x\",\"max_tokens\":20,\"return\":[\"assembled\"],\"shots\":{\"examples\":\(Self.examples)}}")
        let assembled = try Self.assembled(answer)
        #expect(assembled["budget_tokens"] == .integer(44) && Self.integers(assembled["examples"]) == [0])
        #expect(answer.status == 200)
    }

    @Test func theQueryItselfIsNoExample() throws {
        let answer = try Self.service().complete(
            "{\"prompt\":\" RED  hen\",\"return\":[\"assembled\"],\"shots\":{\"examples\":\(Self.examples)}}")
        let assembled = try Self.assembled(answer)
        #expect(Self.integers(assembled["examples"]) == [0, 1])
        #expect(try assembled["dropped"] == parse("[{\"index\":2,\"reason\":\"is_query\"}]"))
        #expect(answer.json["warnings"] == nil)
    }

    @Test func aChatHasExamplesAsTurns() throws {
        let service = Self.service(chat: true)
        let answer = try service.chat(
            """
            {"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"},\
            {"role":"user","content":"red fox cub"}],"max_tokens":4,"return":["assembled"],\
            "shots":{"examples":\(Self.examples),"count":1,"select":"ngram","instruction":"Name it."}}
            """)
        let assembled = try Self.assembled(answer)
        #expect(
            assembled["text"]
                == .string(
                    "<|im_start|>system\nName it.<|im_end|>\n<|im_start|>user\nred fox<|im_end|>\n<|im_start|>assistant\n"
                        + "fox<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyes?<|im_end|>\n"
                        + "<|im_start|>user\nred fox cub<|im_end|>\n<|im_start|>assistant\n"))
        let spans = try #require(assembled["spans"]?.arrayValue)
        #expect(
            spans.compactMap { $0["kind"]?.stringValue } == ["instruction", "example", "message", "message", "query"])
        #expect(spans.map { $0["index"]?.integerValue } == [nil, 0, 0, 1, nil])
        let scalars = Array((assembled["text"]?.stringValue ?? "").unicodeScalars)
        let ids = Self.integers(assembled["token_ids"]) ?? []
        for (span, text) in zip(spans, ["Name it.", nil, "hi", "yes?", "red fox cub"]) {
            guard let text, let start = span["start"]?.integerValue, let end = span["end"]?.integerValue else {
                continue
            }
            #expect(String(String.UnicodeScalarView(scalars[Int(start)..<Int(end)])) == text)
            let tokens = Int(span["token_start"]?.integerValue ?? 0)..<Int(span["token_end"]?.integerValue ?? 0)
            #expect(ids[tokens].elementsEqual(text.utf8.map { Int64($0) }))
        }
    }

    @Test func cuesAndRationales() throws {
        let answer = try Self.service().complete(
            """
            {"prompt":"3+3","return":["assembled"],"shots":{"examples":[{"input":"1+1","output":"2",\
            "rationale":"One and one."}],"cue":"Hm.","rationale_format":"{rationale} So: {output}"}}
            """)
        #expect(
            try Self.assembled(answer)["text"] == .string("Q: 1+1\nA: Hm. One and one. So: 2\n\nQ: 3+3\nA: Hm."))
        let without = try Self.service().complete(
            """
            {"prompt":"3+3","return":["assembled"],"shots":{"examples":[{"input":"1+1","output":"2",\
            "rationale":"One and one."}],"rationale":false}}
            """)
        #expect(try Self.assembled(without)["text"] == .string("Q: 1+1\nA: 2\n\nQ: 3+3\nA:"))
    }

    @Test func zeroShotHasTheSameTemplate() throws {
        let answer = try Self.service().complete(
            "{\"prompt\":\"x\",\"return\":[\"assembled\"],\"shots\":{\"examples\":\(Self.examples),\"count\":0}}")
        #expect(try Self.assembled(answer)["text"] == .string("Q: x\nA:"))
    }

    @Test func assemblyIsADryRun() throws {
        let service = Self.service(chat: true)
        let body = "{\"prompt\":\"x\",\"temperature\":0.5,\"shots\":{\"examples\":\(Self.examples)}}"
        let dry = try service.send(.post, "/v1/prompts/assemble", body)
        #expect(dry.status == 200 && service.engine.submissions.isEmpty)
        #expect(dry.json["object"] == .string("prompt.assembly") && dry.json["warnings"] == .array([]))
        let real = try service.complete(String(body.dropLast()) + ",\"return\":[\"assembled\"]}")
        #expect(dry.json["assembled"] == real.json["assembled"])
        let chat = try service.send(
            .post, "/v1/prompts/assemble", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}")
        let spans = try Self.assembled(chat)["spans"]?.arrayValue
        #expect(spans?.first?["kind"] == .string("message") && spans?.first?["index"] == .integer(0))
        #expect(try service.send(.post, "/v1/prompts/assemble", "{\"temperature\":-1,\"prompt\":\"x\"}").status == 400)
        #expect(try service.send(.post, "/v1/prompts/assemble", "{}").param == "prompt")
    }

    @Test(arguments: [
        ("{}", "shots.examples", "missing_required_parameter"),
        ("{\"examples\":[],\"set\":\"a\"}", "shots.set", "conflicting_fields"),
        ("{\"set\":\"nope\"}", "shots.set", "example_set_not_found"),
        ("{\"examples\":[{\"input\":\"a\"}]}", "shots.examples[0].output", "missing_required_parameter"),
        ("{\"examples\":[],\"version\":\"x\"}", "shots.version", "invalid_value"),
        ("{\"examples\":[],\"select\":\"best\"}", "shots.select", "invalid_value"),
        ("{\"examples\":[],\"order\":\"up\"}", "shots.order", "invalid_value"),
        ("{\"examples\":[],\"count\":-1}", "shots.count", "invalid_value"),
        ("{\"examples\":[],\"seed\":1.5}", "shots.seed", "invalid_type"),
        ("{\"examples\":[],\"template\":\"nope\"}", "shots.template", "invalid_value"),
        (
            "{\"examples\":[],\"template\":{\"example\":\"{input}{output}{x}\"}}", "shots.template.example",
            "invalid_value"
        ),
        ("{\"examples\":[],\"rationale_format\":\"{rationale}\"}", "shots.rationale_format", "invalid_value"),
        (
            "{\"examples\":[],\"rationale_format\":\"{rationale}{output}\",\"rationale\":false}",
            "shots.rationale_format",
            "conflicting_fields"
        ),
        ("{\"examples\":[],\"budget_tokens\":5}", "shots.budget_tokens", "invalid_value"),
        ("{\"examples\":[],\"budget_tokens\":0}", "shots.budget_tokens", "invalid_value"),
        (
            "{\"examples\":[{\"input\":\"a\",\"output\":\"b\"}],\"budget_tokens\":12,\"overflow\":\"error\"}", "shots",
            "invalid_value"
        ),
    ])
    func badShotsAreRefusedByPlace(_ shots: String, _ param: String, _ code: String) throws {
        let service = Self.service()
        let answer = try service.complete("{\"prompt\":\"x\",\"shots\":\(shots)}")
        #expect(answer.status == (code == "example_set_not_found" ? 404 : 400), "\(answer.text)")
        #expect(answer.param == param && answer.errorCode == code, "\(answer.text)")
        #expect(service.engine.submissions.isEmpty)
    }

    @Test(arguments: [
        ("instruction", "\"a\""), ("examples", "[{\"input\":\"a\",\"output\":\"b\"}]"), ("template", "\"qa\""),
        ("truncate_prompt_tokens", "5"),
    ])
    func theShortFormIsAnotherWay(_ name: String, _ value: String) throws {
        let answer = try Self.service().complete(
            "{\"prompt\":\"x\",\"shots\":{\"examples\":[]},\"\(name)\":\(value)}")
        #expect(answer.status == 400 && answer.param == name && answer.errorCode == "conflicting_fields")
    }

    @Test(arguments: [
        ("\"template\":\"qa\"", "shots.template"), ("\"cue\":\"So\"", "shots.cue"),
        ("\"instruction\":\"x\"", "shots.instruction"),
    ])
    func whatAChatCannotHonourIsRefused(_ member: String, _ param: String) throws {
        let answer = try Self.service(chat: true).chat(
            """
            {"messages":[{"role":"system","content":"s"},{"role":"user","content":"x"}],\
            "shots":{"examples":[],\(member)}}
            """)
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
    }
}
