// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import StrictJSON
import Testing
import Tokenizers

@Suite struct TokenizeTests {
    private let service = TestService()

    private func tokenize(_ body: String) throws -> Answer { try service.send(.post, "/tokenize", body) }

    @Test(arguments: [
        // llama-server: content, no start token unless asked for.
        ("{\"content\":\"ab\"}", "[97,98]"), ("{\"content\":\"ab\",\"add_special\":true}", "[256,97,98]"),
        ("{\"content\":\"</s>\"}", "[257]"), ("{\"content\":\"\"}", "[]"),
        ("{\"content\":\"</s>\",\"parse_special\":false}", "[60,47,115,62]"),
        // vLLM: prompt, with the start token.
        ("{\"prompt\":\"ab\"}", "[256,97,98]"), ("{\"prompt\":\"ab\",\"add_special_tokens\":false}", "[97,98]"),
    ])
    func bothDialectsGiveIDs(_ body: String, _ tokens: String) throws {
        let answer = try tokenize(body)
        #expect(answer.status == 200)
        #expect(try answer.json["tokens"] == parse(tokens))
    }

    @Test func answerHoldsTheFieldsOfBoth() throws {
        #expect(
            try tokenize("{\"prompt\":\"a\",\"return_token_strs\":true}").json
                == parse("{\"tokens\":[256,97],\"count\":2,\"max_model_len\":64,\"token_strs\":[\"<s>\",\"<97>\"]}"))
    }

    @Test func piecesThatAreNotTextAreBytes() throws {
        #expect(
            try tokenize("{\"content\":\"aé</s>\",\"with_pieces\":true}").json["tokens"]
                == parse(
                    """
                    [{"id":97,"piece":"a"},{"id":195,"piece":[195]},{"id":169,"piece":[169]},{"id":257,"piece":"</s>"}]
                    """))
    }

    @Test func messagesAreRendered() throws {
        let service = TestService(FakeEngine(models: [FakeEngine.chatModel()]))
        let body = "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"add_generation_prompt\":false}"
        let answer = try service.send(.post, "/tokenize", body)
        let expected = FakeTokenizer(addsBOS: false).encode(
            "<|im_start|>user\nx<|im_end|>\n", addSpecial: false, parseSpecial: true)
        #expect(answer.json["tokens"] == .array(expected.map { .integer(Int64($0)) }))
    }

    @Test(arguments: [
        ("{}", "prompt", "missing_required_parameter"),
        ("{\"content\":\"a\",\"prompt\":\"a\"}", "prompt", "conflicting_fields"),
        ("{\"content\":5}", "content", "invalid_type"),
        ("{\"content\":\"a\",\"temperature\":2}", "temperature", "unsupported_field"),
        (
            "{\"content\":\"a\",\"add_special\":true,\"add_special_tokens\":false}", "add_special_tokens",
            "conflicting_fields"
        ),
    ])
    func badBodyIsRefused(_ body: String, _ param: String, _ code: String) throws {
        let answer = try tokenize(body)
        #expect(answer.status == 400 && answer.param == param && answer.errorCode == code, "\(answer.text)")
    }

    @Test func detokenizeAnswersInBothDialects() throws {
        func detokenize(_ body: String) throws -> Answer { try service.send(.post, "/detokenize", body) }
        #expect(
            try detokenize("{\"tokens\":[256,97,195,169]}").json
                == parse("{\"content\":\"<s>aé\",\"prompt\":\"<s>aé\"}"))
        #expect(
            try detokenize("{\"tokens\":[256,97,195],\"skip_special_tokens\":true}").json["content"]
                == .string("a\u{FFFD}"))
        #expect(try detokenize("{\"tokens\":[262]}").param == "tokens[0]")
        #expect(try detokenize("{}").param == "tokens")
    }

    @Test func tokenizerInfoNamesTheSpecialTokens() throws {
        let json = try service.send(.get, "/tokenizer_info").json
        #expect(json["bos_token"] == .string("<s>") && json["eos_token"] == .string("</s>"))
        #expect(json["eos_token_id"] == .integer(257) && json["chat_template"] == .null)
        #expect(json["end_token_ids"] == .array([.integer(257), .integer(259)]))
    }
}
