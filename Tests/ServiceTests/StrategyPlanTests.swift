// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite("The strategy of a request")
struct StrategyPlanTests {
    private func strategy(_ fields: String, prompt: String = "\"abc\"") throws -> DecodingStrategy? {
        let service = TestService()
        let answer = try service.complete("{\"prompt\":\(prompt),\(fields)}")
        #expect(answer.status == 200, "\(answer.text)")
        return service.engine.submissions.first?.requests.first?.strategy
    }

    @Test("is a beam search under every engine's names")
    func beams() throws {
        var wanted = BeamParameters(width: 4)
        #expect(try strategy("\"beam_width\":4") == .beam(wanted))
        #expect(try strategy("\"num_beams\":4,\"temperature\":0") == .beam(wanted))
        #expect(try strategy("\"use_beam_search\":true,\"n\":4") == .beam(wanted))
        #expect(try strategy("\"use_beam_search\":true,\"beam_width\":4,\"n\":2") == .beam(wanted))
        #expect(try strategy("\"num_beams\":1,\"length_penalty\":1,\"early_stopping\":false") == .sample)
        wanted.groupCount = 2
        wanted.diversityPenalty = 0.5
        wanted.lengthPenalty = -1
        wanted.lengthNorm = .gnmt
        wanted.stopping = .never
        let fields = """
            "beam_width":4,"beam_groups":2,"diversity_penalty":0.5,"length_penalty":-1,"length_norm":"gnmt",
            "early_stopping":"never"
            """
        #expect(try strategy(fields) == .beam(wanted))
    }

    @Test("is guidance away from a text, ids, or the last token")
    func guidance() throws {
        #expect(
            try strategy("\"guidance_scale\":2,\"negative_prompt\":[5,6]")
                == .guided(GuidanceParameters(scale: 2, negativePrompt: [5, 6])))
        guard case .guided(let last) = try strategy("\"cfg_scale\":1.5", prompt: "[7,8,9]") else {
            Issue.record("no guidance")
            return
        }
        #expect(last == GuidanceParameters(scale: 1.5, negativePrompt: [9]))
        let service = TestService()
        _ = try service.complete("{\"prompt\":\"ab\"}")
        let ids = service.engine.submissions[0].requests[0].prompt
        #expect(
            try strategy("\"guidance_scale\":0,\"negative_prompt\":\"ab\"")
                == .guided(GuidanceParameters(scale: 0, negativePrompt: ids)))
    }

    static let faults: [(String, String)] = [
        ("\"beam_width\":0", "beam_width"), ("\"beam_width\":65", "beam_width"), ("\"num_beams\":2,\"n\":3", "n"),
        ("\"beam_width\":4,\"top_k\":5", "top_k"), ("\"beam_width\":4,\"temperature\":0.5", "temperature"),
        ("\"beam_width\":4,\"mirostat\":2", "mirostat"),
        ("\"beam_width\":4,\"xtc_probability\":0.5", "xtc_probability"),
        ("\"beam_width\":4,\"dynatemp_range\":0.5", "dynatemp_range"),
        ("\"beam_width\":4,\"beam_groups\":3", "beam_groups"),
        ("\"beam_width\":4,\"diversity_penalty\":1", "diversity_penalty"),
        ("\"beam_width\":4,\"logprobs\":1,\"logprobs_mode\":\"both\"", "logprobs_mode"),
        ("\"beam_width\":2,\"best_of\":2", "best_of"), ("\"beam_width\":2,\"guidance_scale\":2", "guidance_scale"),
        ("\"beam_width\":2,\"negative_prompt\":\"x\"", "negative_prompt"),
        ("\"length_penalty\":2", "length_penalty"), ("\"length_norm\":\"gnmt\"", "length_norm"),
        ("\"early_stopping\":true", "early_stopping"),
        ("\"early_stopping\":\"always\",\"beam_width\":2", "early_stopping"),
        ("\"early_stopping\":1,\"beam_width\":2", "early_stopping"), ("\"num_beam_groups\":2", "num_beam_groups"),
        ("\"length_penalty\":11,\"beam_width\":2", "length_penalty"), ("\"return\":[\"search\"]", "return"),
        ("\"return\":[\"search\"],\"beam_width\":64,\"max_tokens\":50,\"stop_token_ids\":[\(ids(64))]", "return"),
        ("\"negative_prompt\":\"x\"", "negative_prompt"), ("\"guidance_scale\":-1", "guidance_scale"),
        ("\"guidance_scale\":2,\"negative_prompt\":[1000]", "negative_prompt[0]"),
        ("\"guidance_scale\":2,\"negative_prompt\":[\"a\",\"b\"]", "negative_prompt"),
        ("\"n\":3,\"best_of\":2", "best_of"), ("\"best_of\":65", "best_of"),
        ("\"best_of\":3,\"stream\":true", "best_of"),
        ("\"best_of\":3,\"logprobs\":1,\"logprobs_mode\":\"processed\"", "logprobs_mode"),
        ("\"guidance_scale\":2,\"trace\":\"summary\"", "trace"),
        ("\"dola_layers\":\"high\",\"prompt_lookup_num_tokens\":4", "prompt_lookup_num_tokens"),
        ("\"beam_width\":2,\"keep\":true", "keep"), ("\"best_of\":2,\"return\":[\"receipt\"]", "return"),
    ]

    private static func ids(_ count: Int) -> String { (0..<count).map(String.init).joined(separator: ",") }

    @Test("that cannot be is answered 400 at its place", arguments: faults)
    func refuses(_ fields: String, _ param: String) throws {
        let prompts =
            fields.contains("64,\"max") ? "[\(Array(repeating: "\"a\"", count: 10).joined(separator: ","))]" : "\"a\""
        let service = TestService()
        let answer = try service.complete("{\"prompt\":\(prompts),\(fields)}")
        #expect(answer.status == 400)
        #expect(answer.json["error"]?["param"] == .string(param), "\(answer.text)")
        #expect(service.engine.submissions.isEmpty)
    }

    @Test("best_of returns the n likeliest per token, best first, and counts all")
    func bestOf() throws {
        let engine = FakeEngine { requests in
            var events: [GenerationEvent] = [.prompt(index: 0, tokens: [])]
            let means: [[Float]] = [[-1, -3], [-0.5], [-2.5, -0.5, -0.5], [-1.5]]
            for (choice, logprobs) in means.enumerated() {
                for logprob in logprobs {
                    events.append(
                        .delta(
                            index: 0, choice: choice, text: "\(choice)", tokens: [FakeEngine.token(48, logprob)]))
                }
                events.append(.finished(index: 0, choice: choice, reason: .length))
            }
            events.append(.completed([FakeEngine.usage(requests[0], generated: 7)]))
            return events
        }
        let service = TestService(engine)
        let answer = try service.complete(
            "{\"prompt\":\"a\",\"n\":3,\"best_of\":4,\"return\":[\"effective_settings\"]}")
        #expect(answer.status == 200, "\(answer.text)")
        let choices = try #require(answer.json["choices"]?.arrayValue)
        // Means: -2, -0.5, -1.17, -1.5.
        #expect(choices.map { $0["text"]?.stringValue } == ["1", "222", "3"])
        #expect(choices.map { $0["index"]?.integerValue } == [0, 1, 2])
        #expect(choices.allSatisfy { $0["logprobs"]?.isNull == true })
        #expect(answer.json["usage"]?["completion_tokens"]?.integerValue == 7)
        #expect(answer.json["effective_settings"]?["best_of"]?.integerValue == 4)
        #expect(answer.json["effective_settings"]?["n"]?.integerValue == 3)
        let request = engine.submissions[0].requests[0]
        #expect(request.choiceCount == 4 && request.logprobCount == 0 && request.strategy == .sample)
    }

    @Test("search tells what each step decided, whole and streamed")
    func search() throws {
        let engine = FakeEngine { requests in
            func node(_ id: Int?, _ parent: Int?, _ token: Int32, score: Double? = nil) -> SearchNode {
                SearchNode(
                    id: id, parent: parent, group: 0, token: token, bytes: [UInt8(token)], sum: -1.5, score: score)
            }
            return [
                .prompt(index: 0, tokens: []),
                .searched(
                    index: 0, SearchStep(index: 0, kept: [node(1, nil, 65)], finished: [], pruned: [node(nil, nil, 66)])
                ),
                .searched(
                    index: 0, SearchStep(index: 1, kept: [], finished: [node(2, 1, 67, score: -0.75)], pruned: [])),
                .delta(index: 0, choice: 0, text: "AC", tokens: [FakeEngine.token(65), FakeEngine.token(67)]),
                .finished(index: 0, choice: 0, reason: .length),
                .completed([FakeEngine.usage(requests[0], generated: 2)]),
            ]
        }
        let service = TestService(engine)
        let body = "\"prompt\":\"a\",\"beam_width\":2,\"return\":[\"search\"]"
        let whole = try service.complete("{\(body)}").json
        let steps = try #require(whole["search"]?.arrayValue)
        #expect(steps.count == 2)
        let kept = try #require(steps[0]["kept"]?.arrayValue?.first)
        #expect(kept["parent"]?.isNull == true && kept["token"] == "A" && kept["logprob_sum"]?.doubleValue == -1.5)
        #expect(steps[0]["pruned"]?.arrayValue?.first?["id"] == nil)
        #expect(steps[1]["finished"]?.arrayValue?.first?["score"]?.doubleValue == -0.75)
        let streamed = try service.complete("{\(body),\"stream\":true}")
        let chunks = try streamed.text.split(separator: "\n\n").dropLast().map { try parse(String($0.dropFirst(6))) }
        #expect(chunks.compactMap { $0["search"] } == steps)
        #expect(chunks.filter { $0["search"] != nil }.allSatisfy { $0["choices"]?.arrayValue?.isEmpty == true })
        #expect(engine.submissions.allSatisfy { $0.requests[0].reportsSearch })
    }
}
