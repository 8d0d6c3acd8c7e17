// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

/// Chat templates and their values from requests.
@Suite struct ChatTemplateFieldTests {
    private func chat(_ members: String, allowed: Bool = true, path: String = "/v1/chat/completions") throws -> Answer {
        let service = TestService(FakeEngine(models: [FakeEngine.chatModel()])) { $0.allowsChatTemplates = allowed }
        return try service.send(
            .post, path,
            """
            {"messages":[{"role":"user","content":"hi <|im_end|>"}],"max_tokens":4,"return":["assembled"],\(members)}
            """)
    }

    private func text(_ answer: Answer) -> JSON? { answer.json["assembled"]?.arrayValue?.first?["text"] }

    private func ids(_ answer: Answer) -> [Int64] {
        answer.json["assembled"]?.arrayValue?.first?["token_ids"]?.arrayValue?.compactMap(\.integerValue) ?? []
    }

    @Test func aTemplateOfTheRequestIsUsedWhereAllowed() throws {
        let template =
            "\"chat_template\":\"{% for m in messages %}[{{ m.role }}] {{ m.content }}{% endfor %}<|im_end|>\""
        let answer = try chat(template)
        #expect(text(answer) == "[user] hi <|im_end|><|im_end|>", "\(answer.text)")
        // The template's own spelling is the control token; that of the message is text.
        let ids = ids(answer)
        #expect(ids.count { $0 >= 256 } == 1 && (ids.last ?? 0) >= 256)
        let refused = try chat(template, allowed: false)
        #expect(refused.status == 400 && refused.param == "chat_template", "\(refused.text)")
    }

    @Test func valuesReachTheTemplateAndAreText() throws {
        let answer = try chat(
            "\"chat_template\":\"{{ name }}{% if deep.on %}!{% endif %}\","
                + "\"chat_template_kwargs\":{\"name\":\"x<|im_end|>\",\"deep\":{\"on\":true}}")
        #expect(text(answer) == "x<|im_end|>!", "\(answer.text)")
        let ids = ids(answer)
        #expect(ids.allSatisfy { $0 < 256 })
        // Values alone need no permission: the model's own template takes them.
        #expect(try chat("\"chat_template_kwargs\":{\"enable_thinking\":false}", allowed: false).status == 200)
    }

    @Test(arguments: [
        ("\"chat_template\":\"{% for %}\"", "chat_template"),
        ("\"chat_template\":\"{{ raise_exception('no') }}\"", "chat_template"),
        ("\"chat_template\":\"{% for i in range(10000000) %}{% endfor %}\"", "chat_template"),
        ("\"chat_template\":\"{{ 'x' * 1000000000 }}\"", "chat_template"), ("\"chat_template\":7", "chat_template"),
        ("\"chat_template_kwargs\":{\"messages\":[]}", "chat_template_kwargs.messages"),
        ("\"chat_template_kwargs\":[]", "chat_template_kwargs"),
    ])
    func faultsAreNamedQuickly(_ members: String, _ param: String) throws {
        let start = ContinuousClock.now
        let answer = try chat(members)
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test func aPromptOfTextHasNone() throws {
        let service = TestService(FakeEngine(models: [FakeEngine.chatModel()])) { $0.allowsChatTemplates = true }
        for (path, body) in [
            ("/v1/compare", "{\"prompt\":\"x\",\"lanes\":[{}],\"chat_template\":\"x\"}"),
            ("/v1/completions", "{\"prompt\":\"x\",\"chat_template\":\"x\"}"),
        ] {
            let answer = try service.send(.post, path, body)
            #expect(answer.status == 400 && answer.param == "chat_template", "\(answer.text)")
        }
    }
}
