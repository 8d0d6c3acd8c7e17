// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import StrictJSON
import Testing

@Suite struct CompletionAnswerTests {
    @Test func plainCompletionHasTheStandardShape() throws {
        let answer = try TestService().complete("{\"prompt\":\"a\",\"seed\":7}")
        #expect(answer.status == 200)
        #expect(answer.fields[.contentType] == "application/json")
        #expect(answer.json["id"]?.stringValue?.hasPrefix("cmpl-") == true)
        #expect(answer.json["system_fingerprint"]?.stringValue?.hasPrefix("fp_") == true)
        #expect(answer.json["created"]?.integerValue ?? 0 > 1_700_000_000)
        #expect(
            try answer.json.stable
                == parse(
                    """
                    {"object":"text_completion","model":"fake","choices":[{"index":0,"text":"Hi!","logprobs":null,\
                    "finish_reason":"stop","stop_reason":257}],"usage":{"prompt_tokens":2,"completion_tokens":4,\
                    "total_tokens":6,"prompt_tokens_details":{"cached_tokens":0},\
                    "completion_tokens_details":{"reasoning_tokens":0}},"seed":7}
                    """))
    }

    @Test func requestReachesTheEngineAsAsked() throws {
        let service = TestService()
        _ = try service.complete(
            """
            {"model":"fake","prompt":"a","temperature":0.5,"top_k":-1,"top_p":0.9,"min_p":0.1,"frequency_penalty":1,\
            "presence_penalty":-1,"repetition_penalty":1.5,"logit_bias":{"5":-3},"seed":-1,"n":3,"stop":"x",\
            "stop_token_ids":[9],"ignore_eos":true,"max_tokens":10,"logprobs":2,"max_time":5}
            """)
        let submission = try #require(service.engine.submissions.first)
        let request = try #require(submission.requests.first)
        #expect(submission.model == "fake")
        #expect(request.prompt == [FakeTokenizer.bos, 97])
        #expect(request.choiceCount == 3 && request.firstChoice == 0)
        #expect(request.maxTokens == 10)
        #expect(request.stopStrings == ["x"] && request.stopIDs == [9] && request.ignoresEnd)
        #expect(request.logprobCount == 2 && !request.reportsPromptLogprobs)
        #expect(request.deadline != nil)
        let sampling = request.sampling
        #expect(sampling.temperature == 0.5 && sampling.topK == 0 && sampling.topP == 0.9 && sampling.minP == 0.1)
        #expect(sampling.frequencyPenalty == 1 && sampling.presencePenalty == -1 && sampling.repetitionPenalty == 1.5)
        #expect(sampling.logitBias == [5: -3] && sampling.seed == .max)
    }

    @Test func defaultsAreOpenAIs() throws {
        let service = TestService()
        let answer = try service.complete("{\"prompt\":\"a\"}")
        let request = try #require(service.engine.submissions.first?.requests.first)
        #expect(request.maxTokens == 16 && request.choiceCount == 1 && request.logprobCount == nil)
        #expect(request.sampling.temperature == 1 && request.sampling.topP == 1 && request.deadline == nil)
        let seed = try #require(answer.json["seed"]?.integerValue)
        #expect(request.sampling.seed == UInt64(seed) && seed < 1 << 53)
    }

    @Test func everyFormOfPromptIsUnderstood() throws {
        let service = TestService()
        _ = try service.complete("{\"prompt\":[\"a\",[98,99],[100,\"e\"],\"\"]}")
        let requests = try #require(service.engine.submissions.first?.requests)
        #expect(
            requests.map(\.prompt) == [[FakeTokenizer.bos, 97], [98, 99], [100, 101], [FakeTokenizer.bos]])
        _ = try service.complete("{\"prompt\":[97,\"b<|im_end|>\"],\"parse_special\":false}")
        #expect(service.engine.submissions[1].requests[0].prompt.count == 12)
        _ = try service.complete("{\"prompt\":\"<|im_end|>\",\"add_special_tokens\":false}")
        #expect(service.engine.submissions[2].requests[0].prompt == [FakeTokenizer.end])
    }

    @Test func choicesArePromptMajor() throws {
        let engine = FakeEngine { requests in
            var events: [GenerationEvent] = []
            // Out of order on purpose.
            for (index, request) in requests.enumerated().reversed() {
                events.append(.prompt(index: index, tokens: []))
                for choice in (0..<request.choiceCount).reversed() {
                    events.append(.delta(index: index, choice: choice, text: "\(index)\(choice)", tokens: []))
                    events.append(.finished(index: index, choice: choice, reason: .length))
                }
            }
            return events + [.completed(requests.map { FakeEngine.usage($0, generated: 2, cached: 1) })]
        }
        let answer = try TestService(engine).complete("{\"prompt\":[\"a\",\"bc\"],\"n\":2}")
        let choices = try #require(answer.json["choices"]?.arrayValue)
        #expect(choices.map { $0["text"]?.stringValue } == ["00", "01", "10", "11"])
        #expect(choices.map { $0["index"]?.integerValue } == [0, 1, 2, 3])
        #expect(choices.allSatisfy { $0["finish_reason"] == .string("length") && $0["stop_reason"] == .null })
        let usage = try #require(answer.json["usage"])
        #expect(usage["prompt_tokens"] == .integer(5) && usage["completion_tokens"] == .integer(4))
        #expect(usage["prompt_tokens_details"]?["cached_tokens"] == .integer(2))
    }

    @Test func legacyLogprobsHaveParallelArraysWithIDsBeside() throws {
        let engine = FakeEngine { requests in
            [
                .prompt(index: 0, tokens: []),
                // The two bytes of é, then two ids with the text "a", the worse one chosen.
                .delta(
                    index: 0, choice: 0, text: "é",
                    tokens: [
                        FakeEngine.token(0xC3, -0.5, top: [(0xC3, -0.5)]),
                        FakeEngine.token(0xA9, -0.1, top: [(0xA9, -0.1)]),
                    ]),
                .delta(
                    index: 0, choice: 0, text: "a",
                    tokens: [FakeEngine.token(97, -2, top: [(260, -1), (98, -.infinity)])]),
                .finished(index: 0, choice: 0, reason: .length),
                .completed(requests.map { FakeEngine.usage($0, generated: 3) }),
            ]
        }
        let answer = try TestService(engine).complete("{\"prompt\":\"x\",\"logprobs\":2}")
        #expect(
            try answer.json["choices"]?.arrayValue?.first?["logprobs"]
                == parse(
                    """
                    {"tokens":["bytes:\\\\xc3","bytes:\\\\xa9","a"],"token_logprobs":[-0.5,-0.1,-2.0],\
                    "top_logprobs":[{"bytes:\\\\xc3":-0.5},{"bytes:\\\\xa9":-0.1},{"a":-1.0,"b":-9999.0}],\
                    "text_offset":[0,0,1],"token_ids":[195,169,97],"top_ids":[[195],[169],[260,98]],\
                    "top_id_logprobs":[[-0.5],[-0.1],[-1.0,-9999.0]]}
                    """))
    }

    @Test func processedLogprobsStandBesideRawOnes() throws {
        let engine = FakeEngine(models: [FakeEngine.chatModel()]) { requests in
            var token = FakeEngine.token(97, -2, top: [(98, -1), (97, -2)])
            token.processed = ProcessedReport(logprob: -0.25, top: [TokenLogprob(id: 97, logprob: -0.25)])
            return [
                .prompt(index: 0, tokens: []), .delta(index: 0, choice: 0, text: "a", tokens: [token]),
                .finished(index: 0, choice: 0, reason: .length),
                .completed(requests.map { FakeEngine.usage($0, generated: 1) }),
            ]
        }
        let service = TestService(engine)
        let answer = try service.complete("{\"prompt\":\"x\",\"logprobs\":2,\"logprobs_mode\":\"both\"}")
        #expect(engine.submissions[0].requests[0].logprobMode == .both)
        #expect(
            try answer.json["choices"]?.arrayValue?.first?["logprobs"]
                == parse(
                    """
                    {"tokens":["a"],"token_logprobs":[-2.0],"top_logprobs":[{"b":-1.0,"a":-2.0}],"text_offset":[0],\
                    "token_ids":[97],"top_ids":[[98,97]],"top_id_logprobs":[[-1.0,-2.0]],"mode":"both",\
                    "processed_token_logprobs":[-0.25],"processed_top_ids":[[97]],\
                    "processed_top_id_logprobs":[[-0.25]]}
                    """))
        let chat = try service.chat(
            """
            {"messages":[{"role":"user","content":"x"}],"logprobs":true,"top_logprobs":2,"logprobs_mode":"both"}
            """)
        let logprobs = chat.json["choices"]?.arrayValue?.first?["logprobs"]
        #expect(logprobs?["mode"] == .string("both"))
        let entry = logprobs?["content"]?.arrayValue?.first
        #expect(entry?["logprob"]?.doubleValue == -2 && entry?["processed_logprob"]?.doubleValue == -0.25)
        #expect(entry?["processed_top_logprobs"]?.arrayValue?.map { $0["id"] } == [.integer(97)])
        let refused = try service.complete(
            "{\"prompt\":\"x\",\"echo\":true,\"logprobs\":2,\"logprobs_mode\":\"processed\"}")
        #expect(refused.status == 400 && refused.param == "logprobs_mode")
    }

    @Test func echoReturnsThePromptAndItsLogprobs() throws {
        let answer = try TestService().complete(
            "{\"prompt\":\"ab\",\"echo\":true,\"logprobs\":1,\"max_tokens\":3}")
        let choice = try #require(answer.json["choices"]?.arrayValue?.first)
        #expect(choice["text"] == .string("abHi!"))
        #expect(
            try choice["logprobs"]
                == parse(
                    """
                    {"tokens":["<s>","a","b","H","i","!","</s>"],\
                    "token_logprobs":[null,-1.0,-1.0,-0.5,-0.25,-1.5,-0.125],\
                    "top_logprobs":[null,{"a":-1.0},{"b":-1.0},{"H":-0.5},{"i":-0.25},{"!":-1.5},{"</s>":-0.125}],\
                    "text_offset":[0,0,1,2,3,4,5],"token_ids":[256,97,98,72,105,33,257],\
                    "top_ids":[[],[97],[98],[],[],[],[]],"top_id_logprobs":[[],[-1.0],[-1.0],[],[],[],[]]}
                    """))
    }

    @Test func chosenAndLikeliestAreTheSameNumberInText() throws {
        // A value whose shortest decimal is long, given twice.
        let value = Float(bitPattern: 0xBF2A_AAAB)
        let engine = FakeEngine { requests in
            [
                .prompt(index: 0, tokens: []),
                .delta(index: 0, choice: 0, text: "a", tokens: [FakeEngine.token(97, value, top: [(97, value)])]),
                .finished(index: 0, choice: 0, reason: .length),
                .completed(requests.map { FakeEngine.usage($0, generated: 1) }),
            ]
        }
        let text = try TestService(engine).complete("{\"prompt\":\"x\",\"logprobs\":1}").text
        #expect(text.contains("\"token_logprobs\":[\(value)]"))
        #expect(text.contains("\"top_logprobs\":[{\"a\":\(value)}]"))
    }

    @Test func extrasComeOnlyWhenAskedFor() throws {
        let answer = try TestService().complete(
            """
            {"prompt":"a","seed":3,"temperature":0.7,"return":["effective_settings","assembled","token_ids"],"x":1}
            """)
        let json = answer.json
        #expect(json["prompt_token_ids"] == .array([.array([.integer(256), .integer(97)])]))
        #expect(json["choices"]?.arrayValue?.first?["token_ids"] == .array([72, 105, 33, 257].map { .integer($0) }))
        let assembled = "[{\"text\":\"a\",\"token_ids\":[256,97],\"tokens\":2,\"context_length\":64,\"spans\":[]}]"
        #expect(try json["assembled"] == parse(assembled))
        #expect(json["effective_settings"]?["temperature"] == .number(0.7))
        #expect(json["effective_settings"]?["seed"] == .integer(3))
        #expect(json["effective_settings"]?["max_tokens"] == .integer(16))
        #expect(json["warnings"]?.arrayValue?.first?["param"] == .string("x"))
    }

    @Test func examplesBecomeAPromptWithSpans() throws {
        let service = TestService(FakeEngine(models: [FakeEngine.model(contextLength: 256)]))
        let answer = try service.complete(
            """
            {"instruction":"Add.","examples":[{"input":"1+1","output":"2"}],"prompt":"2+2","template":"qa",\
            "return":["assembled"]}
            """)
        let assembled = try #require(answer.json["assembled"]?.arrayValue?.first)
        #expect(assembled["text"] == .string("Add.\n\nQ: 1+1\nA: 2\n\nQ: 2+2\nA:"))
        #expect(
            try assembled["spans"]
                == parse(
                    """
                    [{"kind":"instruction","start":0,"end":4,"token_start":1,"token_end":5},\
                    {"kind":"example","index":0,"start":6,"end":17,"token_start":7,"token_end":18},\
                    {"kind":"query","start":19,"end":25,"token_start":20,"token_end":26},\
                    {"kind":"cue","start":25,"end":28,"token_start":26,"token_end":29}]
                    """))
        #expect(service.engine.submissions.first?.requests.first?.prompt.count == 29)
    }

    @Test(arguments: [
        ("{\"prompt\":\"a\",\"template\":\"nope\"}", "template", "invalid_value"),
        ("{\"prompt\":\"a\",\"template\":{\"example\":\"{input}\"}}", "template.example", "invalid_value"),
        ("{\"prompt\":[1],\"instruction\":\"x\"}", "prompt", "invalid_value"),
        ("{\"temperature\":1}", "prompt", "missing_required_parameter"),
        ("{\"prompt\":\"a\",\"stream_options\":{}}", "stream_options", "invalid_value"),
        ("{\"prompt\":\"a\",\"strict\":true,\"x\":1}", "x", "unknown_field"),
    ])
    func fieldsThatDoNotFitEachOtherAreRefused(_ body: String, _ param: String, _ code: String) throws {
        let answer = try TestService().complete(body)
        #expect(answer.status == 400 && answer.param == param && answer.errorCode == code, "\(answer.text)")
    }

    @Test(arguments: [(61, 200), (62, 200), (63, 400), (64, 400), (640, 400)])
    func promptAndContinuationMustFitTheContext(_ promptCount: Int, _ status: Int) throws {
        let ids = Array(repeating: "97", count: promptCount).joined(separator: ",")
        let answer = try TestService().complete("{\"prompt\":[\(ids)],\"max_tokens\":2}")
        #expect(answer.status == status)
        guard status == 400 else { return }
        let error = try #require(answer.json["error"])
        #expect(error["code"] == .string("context_length_exceeded") && error["param"] == .string("prompt"))
        #expect(error["prompt_tokens"] == .integer(Int64(promptCount)) && error["max_tokens"] == .integer(2))
        #expect(error["context_length"] == .integer(64))
    }

    @Test func truncationKeepsTheLastTokensAndSaysSo() throws {
        let service = TestService()
        let ids = (0..<100).map(String.init).joined(separator: ",")
        let answer = try service.complete("{\"prompt\":[\(ids)],\"max_tokens\":4,\"truncate_prompt_tokens\":-1}")
        #expect(answer.status == 200)
        #expect(service.engine.submissions[0].requests[0].prompt == (40..<100).map { Int32($0) })
        #expect(answer.json["warnings"]?.arrayValue?.first?["code"] == .string("prompt_truncated"))
        _ = try service.complete("{\"prompt\":[1,2,3],\"truncate\":2}")
        #expect(service.engine.submissions[1].requests[0].prompt == [2, 3])
    }
}
