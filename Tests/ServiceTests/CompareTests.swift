// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct CompareTests {
    private func compare(_ body: String, _ engine: FakeEngine = FakeEngine()) throws -> (Answer, FakeEngine) {
        (try TestService(engine).send(.post, "/v1/compare", body), engine)
    }

    /// What the engine is asked to do for a body.
    private func requests(_ body: String) throws -> [GenerationRequest] {
        let (answer, engine) = try compare(body)
        try #require(answer.status == 200, "\(answer.text)")
        return engine.submissions[0].requests
    }

    private func token(_ id: Int32, logprob: Float, entropy: Double) -> ReportedToken {
        var token = FakeEngine.token(id, logprob, top: [(65, -0.5)])
        token.statistics = DrawStatistics(
            rawLogprob: Double(logprob), rawEntropy: entropy, processedLogprob: Double(logprob) / 2,
            processedEntropy: entropy / 2, survivorCount: 3)
        return token
    }

    /// Lane 0 says "ab" in every choice, lane 1 "ac" in choice 0 and "ab" in choice 1.
    private var scripted: FakeEngine {
        let divergence = Divergence(
            position: 3, reference: 98, other: 99, raw: .init(reference: -1, other: -2),
            inReference: .init(reference: -1, other: -2), inOther: .init(reference: -.infinity, other: 0),
            cause: .removed(by: .topK, on: .other))
        let tokens = [
            [
                [token(97, logprob: -1, entropy: 2), token(98, logprob: -1, entropy: 4)],
                [token(97, logprob: -1, entropy: 2), token(98, logprob: -1, entropy: 4)],
            ],
            [
                [token(97, logprob: -1, entropy: 2), token(99, logprob: -3, entropy: 4)],
                [token(97, logprob: -1, entropy: 2), token(98, logprob: -1, entropy: 4)],
            ],
        ]
        return FakeEngine { requests in
            var events: [GenerationEvent] = requests.indices.map { .prompt(index: $0, tokens: []) }
            for lane in 0..<2 {
                for choice in 0..<2 {
                    if lane == 1, choice == 0 {
                        events.append(.diverged(index: 1, choice: 0, divergence))
                    }
                    let text = lane == 1 && choice == 0 ? "ac" : "ab"
                    events.append(.delta(index: lane, choice: choice, text: text, tokens: tokens[lane][choice]))
                    events.append(.finished(index: lane, choice: choice, reason: .length))
                }
            }
            events.append(
                .completed(
                    requests.enumerated().map { FakeEngine.usage($1, generated: 4, cached: $0 > 0 ? 2 : 0) }))
            return events
        }
    }

    private static let body = """
        "prompt":"a","max_tokens":2,"samples":2,"seed":5,"reference":"ab","lanes":[{"name":"one"},{"top_k":1}]
        """

    @Test func laneOverridesWhatHoldsForAll() throws {
        let found = try requests(
            """
            {"prompt":"ab","temperature":0.5,"top_k":7,"max_tokens":9,"seed":3,"samples":4,"lanes":[{},
            {"temperature":0,"seed":8},{"top_k":null,"stop":"x","max_tokens":2},{"samplers":["top_k","temperature"]}]}
            """)
        #expect(found.map(\.prompt) == Array(repeating: [256, 97, 98], count: 4))
        #expect(found.map(\.choiceCount) == [4, 4, 4, 4])
        #expect(found.map(\.sampling.temperature) == [0.5, 0, 0.5, 0.5])
        #expect(found.map(\.sampling.topK) == [7, 7, 0, 7])
        #expect(found.map(\.sampling.seed) == [3, 8, 3, 3])
        #expect(found.map(\.maxTokens) == [9, 9, 2, 9])
        #expect(found.map(\.stopStrings) == [[], [], ["x"], []])
        #expect(found[3].sampling.stages == [.topK, .temperature])
        #expect(found.allSatisfy { $0.reportsStatistics && $0.logprobCount == 0 && $0.firstChoice == 0 })
    }

    @Test func lanesShareOnePromptAndOneSeed() throws {
        let (answer, engine) = try compare("{\"prompt\":\"abc\",\"lanes\":[{},{\"temperature\":0.5}]}")
        let group = engine.submissions[0].group
        #expect(group.sharedTokens == 4 && group.reportsDivergence)
        #expect(group.requests[0].sampling.seed == group.requests[1].sampling.seed)
        #expect(answer.json["seed"]?.integerValue == Int64(bitPattern: group.requests[0].sampling.seed))
        #expect(group.requests[0].maxTokens == 16)
    }

    @Test func laneMayNameAStrategy() throws {
        let (answer, engine) = try compare(
            """
            {"prompt":"abc","max_tokens":4,"samples":2,"lanes":[{},{"beam_width":4,"num_beam_groups":2,
            "diversity_penalty":0.5},{"best_of":3},{"guidance_scale":1.5,"negative_prompt":"x"}]}
            """)
        try #require(answer.status == 200, "\(answer.text)")
        let group = engine.submissions[0].group
        var beams = BeamParameters(width: 4)
        (beams.groupCount, beams.diversityPenalty) = (2, 0.5)
        #expect(
            group.requests.map(\.strategy) == [
                .sample, .beam(beams), .sample,
                .guided(GuidanceParameters(scale: 1.5, negativePrompt: [256, 120])),
            ])
        #expect(group.requests.map(\.choiceCount) == [2, 2, 3, 2])
        // The last token of the prompt is each lane's own.
        #expect(group.sharedTokens == 3 && group.requests.allSatisfy(\.startsAtPromptEnd))
        #expect(answer.json["usage"]?["prompt_tokens"] == 4)
        #expect(answer.json["lanes"]?.arrayValue?.map { $0["choices"]?.arrayValue?.count } == [2, 2, 2, 2])
        let plain = try compare("{\"prompt\":\"abc\",\"lanes\":[{},{}]}").1.submissions[0].group
        #expect(plain.sharedTokens == 4 && !plain.requests.contains(where: \.startsAtPromptEnd))
    }

    @Test func bestOfALaneAreReturnedAndNotPaired() throws {
        let engine = FakeEngine { requests in
            var events: [GenerationEvent] = []
            for (lane, request) in requests.enumerated() {
                for choice in 0..<request.choiceCount {
                    let divergence = Divergence(
                        position: 2, reference: 97, other: 98, raw: .init(reference: 0, other: 0),
                        inReference: .init(reference: 0, other: 0), inOther: .init(reference: 0, other: 0),
                        cause: .noise)
                    if lane > 0 { events.append(.diverged(index: lane, choice: choice, divergence)) }
                    let logprob = Float([-3, -1, -2, -1][choice])
                    events.append(
                        .delta(
                            index: lane, choice: choice, text: "\(choice)",
                            tokens: [FakeEngine.token(97, logprob), FakeEngine.token(98, -1)]))
                    events.append(.finished(index: lane, choice: choice, reason: .length))
                }
            }
            return events + [.completed(requests.map { FakeEngine.usage($0, generated: 2 * $0.choiceCount) })]
        }
        let (answer, _) = try compare(
            "{\"prompt\":\"a\",\"samples\":2,\"lanes\":[{},{\"best_of\":4},{\"top_k\":1}]}", engine)
        let lanes = try #require(answer.json["lanes"]?.arrayValue).map { $0["choices"]?.arrayValue ?? [] }
        #expect(lanes[1].map { $0["text"] } == ["1", "3"] && lanes[1].map { $0["index"] } == [0, 1])
        #expect(lanes[1].allSatisfy { $0["divergence"] == .null })
        #expect(lanes[2].allSatisfy { $0["divergence"] != .null })
        // Without statistics the log-probability of the answer counts.
        #expect(lanes[1][0]["metrics"]?["mean_logprob"] == -1.0 && lanes[1][0]["metrics"]?["mean_entropy"] == .null)
    }

    @Test func conversationIsRenderedByTheTemplate() throws {
        let engine = FakeEngine(models: [FakeEngine.chatModel()])
        let (answer, _) = try compare(
            """
            {"messages":[{"role":"user","content":"x"}],"lanes":[{}],"return":["assembled"]}
            """, engine)
        #expect(
            answer.json["assembled"]?["text"]?.stringValue == "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n")
        #expect(engine.submissions[0].requests[0].prompt.first == 258)
    }

    @Test func gridIsEveryCombinationTheLastFieldFastest() throws {
        let (answer, engine) = try compare(
            "{\"prompt\":\"a\",\"grid\":{\"temperature\":[0,0.5],\"top_k\":[1,2,3]}}")
        let found = engine.submissions[0].requests.map(\.sampling)
        #expect(found.map(\.temperature) == [0, 0, 0, 0.5, 0.5, 0.5])
        #expect(found.map(\.topK) == [1, 2, 3, 1, 2, 3])
        #expect(answer.json["lanes"]?.arrayValue?[4]["name"] == "temperature=0.5, top_k=2")
        #expect(answer.json["lanes"]?.arrayValue?[4]["settings"] == ["temperature": 0.5, "top_k": 2])
    }

    @Test func randomLanesComeAgainWithTheirSeedAndStayInRange() throws {
        func lanes(_ seed: Int) throws -> [SamplingParameters] {
            try requests(
                """
                {"prompt":"a","seed":1,"random":{"count":32,"seed":\(seed),"fields":{"temperature":{"min":0.1,"max":2,
                "scale":"log"},"top_k":{"min":1,"max":3},"order":["temper","hf"]}}}
                """
            ).map(\.sampling)
        }
        let found = try lanes(1)
        #expect(try found == lanes(1))
        #expect(try found != lanes(2))
        #expect(found.allSatisfy { (0.1...2).contains($0.temperature) })
        #expect(Set(found.map(\.topK)) == [1, 2, 3] && Set(found.map(\.order)) == [.temper, .hf])
        // Half of the draws lie below the geometric mean of the ends.
        let below = found.filter { $0.temperature < 0.447 }.count
        #expect((8...24).contains(below))
    }

    @Test(arguments: [
        ("{\"prompt\":\"a\"}", "lanes"), ("{\"lanes\":[{}]}", "prompt"),
        ("{\"prompt\":\"a\",\"lanes\":[]}", "lanes"), ("{\"prompt\":\"a\",\"lanes\":[1]}", "lanes[0]"),
        ("{\"prompt\":\"a\",\"lanes\":[{},{\"temperature\":-1}]}", "lanes[1].temperature"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"prompt\":\"b\"}]}", "lanes[0].prompt"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"name\":\"\"}]}", "lanes[0].name"),
        (
            "{\"prompt\":\"a\",\"lanes\":[{\"samplers\":[{\"name\":\"top_k\",\"top_k\":-7}]}]}",
            "lanes[0].samplers[0].top_k"
        ),
        ("{\"prompt\":\"a\",\"lanes\":[{},{\"best_of\":2}],\"stream\":true}", "lanes[1].best_of"),
        ("{\"prompt\":\"a\",\"samples\":2,\"lanes\":[{\"best_of\":1}]}", "lanes[0].best_of"),
        ("{\"prompt\":\"a\",\"samples\":3,\"lanes\":[{\"num_beams\":2}]}", "samples"),
        ("{\"prompt\":\"a\",\"samples\":2,\"lanes\":[{\"penalty_alpha\":0.5,\"top_k\":3}]}", "samples"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"num_beams\":2,\"top_p\":0.5}]}", "lanes[0].top_p"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"num_beams\":2,\"guidance_scale\":2}]}", "lanes[0].guidance_scale"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"length_penalty\":2}]}", "lanes[0].length_penalty"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"num_beams\":2}],\"trace\":\"summary\"}", "trace"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"num_beams\":2}],\"return\":[\"receipt\"]}", "return"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"num_beams\":40},{\"num_beams\":40}]}", "samples"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"nope\":2}],\"strict\":true}", "lanes[0].nope"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"grid\":{\"top_k\":[1]}}", "grid"),
        ("{\"prompt\":\"a\",\"lanes\":[{},{}],\"samples\":33}", "samples"),
        ("{\"prompt\":\"a\",\"lanes\":[{\"min_tokens\":5}],\"max_tokens\":2}", "lanes[0].min_tokens"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"max_tokens\":64}", "prompt"),
        ("{\"prompt\":[\"a\",\"b\"],\"lanes\":[{}]}", "prompt"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"add_generation_prompt\":true}", "add_generation_prompt"),
        ("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"prompt\":\"a\",\"lanes\":[{}]}", "prompt"),
        ("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"template\":\"qa\",\"lanes\":[{}]}", "template"),
        ("{\"prompt\":\"a\",\"grid\":{}}", "grid"), ("{\"prompt\":\"a\",\"grid\":{\"top_k\":[]}}", "grid.top_k"),
        ("{\"prompt\":\"a\",\"grid\":{\"top_k\":[1,-9]}}", "grid.top_k[1]"),
        ("{\"prompt\":\"a\",\"grid\":{\"prompt\":[\"b\"]}}", "grid.prompt[0]"),
        ("{\"prompt\":\"a\",\"grid\":{\"name\":[\"b\"]}}", "grid.name[0]"),
        ("{\"prompt\":\"a\",\"grid\":{\"top_k\":[1,2,3,4,5,6],\"top_p\":[0.1,0.2,0.3,0.4,0.5,0.6]}}", "grid"),
        ("{\"prompt\":\"a\",\"random\":{\"fields\":{\"top_k\":[1]}}}", "random.count"),
        ("{\"prompt\":\"a\",\"random\":{\"count\":2}}", "random.fields"),
        ("{\"prompt\":\"a\",\"random\":{\"count\":33,\"fields\":{\"top_k\":[1]}}}", "random.count"),
        ("{\"prompt\":\"a\",\"random\":{\"count\":2,\"fields\":{\"top_k\":{\"min\":1}}}}", "random.fields.top_k.max"),
        (
            "{\"prompt\":\"a\",\"random\":{\"count\":2,\"fields\":{\"top_k\":{\"min\":1,\"max\":1.5}}}}",
            "random.fields.top_k.max"
        ),
        (
            "{\"prompt\":\"a\",\"random\":{\"count\":2,\"fields\":{\"top_p\":{\"min\":1,\"max\":0.5}}}}",
            "random.fields.top_p"
        ),
        (
            "{\"prompt\":\"a\",\"random\":{\"count\":2,\"fields\":{\"min_p\":{\"min\":0,\"max\":1,\"scale\":\"log\"}}}}",
            "random.fields.min_p.min"
        ),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"stream_options\":{\"include_usage\":true}}", "stream_options"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"reference\":[]}", "reference"),
        ("{\"prompt\":\"a\",\"lanes\":[{}],\"top_logprobs\":21}", "top_logprobs"),
    ])
    func badBodyIsRefusedByName(_ body: String, _ param: String) throws {
        let (answer, engine) = try compare(body)
        #expect(answer.status == 400 && answer.param == param, "\(body): \(answer.text)")
        #expect(engine.submissions.isEmpty)
    }

    @Test func answerSaysWhatEachLaneDidAndHowTheyDiffer() throws {
        let (answer, _) = try compare("{\(Self.body),\"top_logprobs\":1}", scripted)
        let json = answer.json
        #expect(json["object"] == "comparison" && json["seed"] == 5)
        let lanes = try #require(json["lanes"]?.arrayValue)
        #expect(lanes.map { $0["name"] } == ["one", "top_k=1"])
        let first = try #require(lanes[0]["choices"]?.arrayValue?[0])
        #expect(first["text"] == "ab" && first["divergence"] == .null && first["finish_reason"] == "length")
        #expect(
            try first["tokens"]?.arrayValue?[0]
                == parse(
                    """
                    {"id":97,"text":"a","logprob":-1.0,"processed_logprob":-0.5,"entropy":2.0,"processed_entropy":1.0,\
                    "survivors":3,"top":[{"id":65,"text":"A","logprob":-0.5}]}
                    """))
        #expect(
            try first["metrics"]
                == parse(
                    """
                    {"length":2.0,"mean_logprob":-1.0,"mean_processed_logprob":-0.5,"mean_entropy":3.0,\
                    "mean_processed_entropy":1.5,"repetition":null,"exact_match":1.0,"rouge_l":1.0,"bleu":100.00000000000004}
                    """))
        let other = try #require(lanes[1]["choices"]?.arrayValue?[0])
        #expect(
            try other["divergence"]
                == parse(
                    """
                    {"step":1,"position":3,"reference":{"id":98,"text":"b"},"other":{"id":99,"text":"c"},\
                    "cause":{"kind":"removed","stage":"top_k","side":"other"},\
                    "raw":{"reference_logprob":-1.0,"other_logprob":-2.0,"log_odds":1.0},\
                    "in_reference":{"reference_logprob":-1.0,"other_logprob":-2.0,"log_odds":1.0},\
                    "in_other":{"reference_logprob":-9999.0,"other_logprob":0.0,"log_odds":null}}
                    """))
        #expect(lanes[1]["metrics"]?["exact_match"]?["mean"] == 0.5)
        #expect(lanes[1]["metrics"]?["distinct_1"] == 0.75 && lanes[1]["metrics"]?["distinct_3"] == .null)
        #expect(try json["agreement"]?["prefix"] == parse("[[1.0,0.75],[0.75,1.0]]"))
        #expect(try json["agreement"]?["equal"] == parse("[[1.0,0.5],[0.5,1.0]]"))
        let tests = try #require(json["tests"]?.arrayValue)
        // Lengths and entropies are equal: there is nothing to test.
        #expect(
            tests.map { $0["metric"] } == ["mean_logprob", "mean_processed_logprob", "exact_match", "rouge_l", "bleu"])
        #expect(try tests[0]["lanes"] == parse("[0,1]"))
        #expect(tests[0]["mean_difference"] == -0.5 && tests[0]["pairs"] == 2 && tests[0]["p"] == 1.0)
        #expect(
            try json["usage"] == parse("{\"prompt_tokens\":2,\"completion_tokens\":8,\"total_tokens\":10}"))
        #expect(lanes[1]["usage"]?["cached_tokens"] == 2)
    }

    @Test func withoutReferenceNothingIsScoredAgainstOne() throws {
        let (answer, _) = try compare("{\"prompt\":\"a\",\"samples\":2,\"lanes\":[{},{}]}", scripted)
        let lane = try #require(answer.json["lanes"]?.arrayValue?[0])
        for name in ["exact_match", "rouge_l", "bleu", "corpus_bleu"] {
            #expect(lane["metrics"]?[name] == nil && lane["choices"]?.arrayValue?[0]["metrics"]?[name] == nil)
        }
    }

    @Test func streamTellsTheSameInOrder() throws {
        let (whole, _) = try compare("{\(Self.body)}", scripted)
        let (stream, _) = try compare("{\(Self.body),\"stream\":true}", scripted)
        #expect(stream.isStreamed && stream.events.last == "[DONE]")
        let events = stream.eventObjects
        let kinds = events.compactMap { $0["object"]?.stringValue }
        let one = ["comparison.delta", "comparison.finish"]
        #expect(
            kinds == ["comparison.start"] + one + one + ["comparison.divergence"] + one + one + ["comparison"])
        #expect(events[0]["samples"] == 2 && events[0]["prompt_tokens"] == 2)
        #expect(events[0]["lanes"]?.arrayValue?.count == 2)
        let lanes = try #require(whole.json["lanes"]?.arrayValue)
        let last = try #require(events.last)
        for (lane, expected) in lanes.enumerated() {
            let told = try #require(last["lanes"]?.arrayValue?[lane])
            #expect(told["metrics"] == expected["metrics"])
            for (choice, entry) in (expected["choices"]?.arrayValue ?? []).enumerated() {
                let own = events.filter {
                    $0["lane"]?.integerValue == Int64(lane) && $0["choice"]?.integerValue == Int64(choice)
                }
                #expect(own.compactMap { $0["text"]?.stringValue }.joined() == entry["text"]?.stringValue)
                #expect(own.flatMap { $0["tokens"]?.arrayValue ?? [] } == entry["tokens"]?.arrayValue)
                #expect(own.last?["finish_reason"] == entry["finish_reason"])
                let final = told["choices"]?.arrayValue?[choice]
                #expect(final?["divergence"] == entry["divergence"] && final?["metrics"] == entry["metrics"])
                #expect(final?["text"] == nil && final?["tokens"] == nil)
            }
        }
        #expect(last["tests"] == whole.json["tests"] && last["agreement"] == whole.json["agreement"])
    }

    @Test func effectiveSettingsOfALaneCanBeSentBackAsALane() throws {
        let (answer, engine) = try compare(
            """
            {"prompt":"a","temperature":0.5,"lanes":[{"top_k":3,"seed":4},{"order":"llama.cpp","dry_multiplier":1}],
            "return":["effective_settings"]}
            """)
        let lanes = try #require(answer.json["lanes"]?.arrayValue).compactMap { $0["effective_settings"] }
        var writer = JSONWriter()
        writer.object { body in
            body.member("prompt", "a")
            body.member("strict", true)
            body.member("lanes", JSON.array(lanes))
        }
        let again = try TestService(engine).send(.post, "/v1/compare", String(decoding: writer.bytes, as: UTF8.self))
        #expect(again.status == 200, "\(again.text)")
        #expect(engine.submissions[0].requests.map(\.sampling) == engine.submissions[1].requests.map(\.sampling))
        #expect(engine.submissions[0].requests.map(\.maxTokens) == engine.submissions[1].requests.map(\.maxTokens))
    }

    @Test func closedConnectionCancelsAllLanes() throws {
        let engine = FakeEngine(script: FakeEngine.silent)
        let responder = TestService(engine).begin(.post, "/v1/compare", "{\"prompt\":\"a\",\"lanes\":[{},{}]}")
        responder.disconnect()
        #expect(engine.submissions.count == 1 && engine.submissions[0].handle.log == ["cancel"])
    }
}
