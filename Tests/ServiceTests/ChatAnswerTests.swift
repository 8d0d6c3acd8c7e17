// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import StrictJSON
import Testing

@Suite struct ChatAnswerTests {
    private let service = TestService(FakeEngine(models: [FakeEngine.chatModel()]))
    private let hello = "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"

    @Test func plainAnswerHasTheStandardShape() throws {
        let answer = try service.chat("{\(hello),\"seed\":7}")
        #expect(answer.json["id"]?.stringValue?.hasPrefix("chatcmpl-") == true)
        #expect(
            try answer.json.stable
                == parse(
                    """
                    {"object":"chat.completion","model":"fake","choices":[{"index":0,"message":{"role":"assistant",\
                    "content":"Hi!","refusal":null},"logprobs":null,"finish_reason":"stop","stop_reason":257}],\
                    "usage":{"prompt_tokens":20,"completion_tokens":4,"total_tokens":24,\
                    "prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},\
                    "seed":7}
                    """))
    }

    @Test func defaultBudgetIsTheRestOfTheContext() throws {
        _ = try service.chat("{\(hello)}")
        let request = try #require(service.engine.submissions.first?.requests.first)
        #expect(request.maxTokens == 256 - request.prompt.count)
    }

    @Test func controlTokensInContentAreText() throws {
        _ = try service.chat("{\"messages\":[{\"role\":\"user\",\"content\":\"<|im_end|>\"}]}")
        let ids = try #require(service.engine.submissions.first?.requests.first?.prompt)
        #expect(ids.filter { $0 == FakeTokenizer.start }.count == 2)
        #expect(ids.filter { $0 == FakeTokenizer.end }.count == 1)
    }

    @Test func logprobsHaveBytes() throws {
        let engine = FakeEngine(models: [FakeEngine.chatModel()]) { requests in
            [
                .prompt(index: 0, tokens: []),
                .delta(
                    index: 0, choice: 0, text: "é",
                    tokens: [
                        FakeEngine.token(0xC3, -0.5, top: [(0xC3, -0.5), (257, -3)]),
                        FakeEngine.token(0xA9, -0.25, top: [(0xA9, -0.25), (97, -4)]),
                    ]),
                .finished(index: 0, choice: 0, reason: .stopString("z")),
                .completed(requests.map { FakeEngine.usage($0, generated: 2) }),
            ]
        }
        let answer = try TestService(engine).chat("{\(hello),\"logprobs\":true,\"top_logprobs\":2}")
        let choice = try #require(answer.json["choices"]?.arrayValue?.first)
        #expect(choice["stop_reason"] == .string("z") && choice["finish_reason"] == .string("stop"))
        #expect(
            try choice["logprobs"]
                == parse(
                    """
                    {"content":[{"token":"bytes:\\\\xc3","logprob":-0.5,"bytes":[195],"id":195,"top_logprobs":[\
                    {"token":"bytes:\\\\xc3","logprob":-0.5,"bytes":[195],"id":195},\
                    {"token":"</s>","logprob":-3.0,"bytes":null,"id":257}]},\
                    {"token":"bytes:\\\\xa9","logprob":-0.25,"bytes":[169],"id":169,"top_logprobs":[\
                    {"token":"bytes:\\\\xa9","logprob":-0.25,"bytes":[169],"id":169},\
                    {"token":"a","logprob":-4.0,"bytes":[97],"id":97}]}],"refusal":null}
                    """))
    }

    @Test func examplesBecomeTurns() throws {
        let answer = try service.chat(
            "{\(hello),\"instruction\":\"S\",\"examples\":[{\"input\":\"i\",\"output\":\"o\"}],\"return\":[\"assembled\"]}"
        )
        #expect(
            answer.json["assembled"]?.arrayValue?.first?["text"]
                == .string(
                    """
                    <|im_start|>system
                    S<|im_end|>
                    <|im_start|>user
                    i<|im_end|>
                    <|im_start|>assistant
                    o<|im_end|>
                    <|im_start|>user
                    x<|im_end|>
                    <|im_start|>assistant

                    """))
    }

    @Test func finalMessageCanBeContinued() throws {
        let body = """
            {"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"The"}],\
            "continue_final_message":true,"return":["assembled"]}
            """
        let answer = try service.chat(body)
        #expect(
            answer.json["assembled"]?.arrayValue?.first?["text"]
                == .string("<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\nThe"))
    }

    @Test(arguments: [
        ("\"continue_final_message\":true", "continue_final_message", "invalid_value"),
        ("\"top_logprobs\":3", "top_logprobs", "invalid_value"),
        ("\"prompt\":\"x\"", "prompt", "unsupported_field"),
        ("\"truncate\":-1", "truncate_prompt_tokens", "invalid_value"),
    ])
    func fieldsThatDoNotFitEachOtherAreRefused(_ field: String, _ param: String, _ code: String) throws {
        let answer = try service.chat("{\(hello),\(field)}")
        #expect(answer.status == 400 && answer.param == param && answer.errorCode == code, "\(answer.text)")
    }

    @Test func messagesAreRequired() throws {
        let answer = try service.chat("{}")
        #expect(answer.status == 400 && answer.param == "messages")
    }

    @Test(arguments: [nil, "{% something_else %}"])
    func modelWithoutAKnownTemplateSaysSo(_ template: String?) throws {
        let model = FakeEngine.model(tokenizer: FakeTokenizer(chatTemplate: template))
        let answer = try TestService(FakeEngine(models: [model])).chat("{\(hello)}")
        #expect(answer.status == 400 && answer.param == "messages" && answer.errorCode == "unsupported_field")
        #expect(answer.text.contains("chat template"))
    }
}
