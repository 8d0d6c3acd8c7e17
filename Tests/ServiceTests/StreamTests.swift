// SPDX-License-Identifier: Apache-2.0

import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct StreamTests {
    /// The bytes of a stream with what differs from run to run replaced.
    private func stable(_ answer: Answer) -> String {
        var lines: [String] = []
        for line in answer.text.split(separator: "\n", omittingEmptySubsequences: false) {
            var line = String(line)
            for (key, end) in [("\"id\":\"", "\""), ("\"created\":", ","), ("\"system_fingerprint\":\"", "\"")] {
                guard let range = line.firstRange(of: key) else { continue }
                let tail = line[range.upperBound...]
                let stop = tail.firstIndex(of: Character(end)) ?? tail.endIndex
                line = String(line[..<range.upperBound]) + "*" + String(line[stop...])
            }
            lines.append(line)
        }
        return lines.joined(separator: "\n")
    }

    @Test func completionStreamIsByteForByte() throws {
        let answer = try TestService().complete("{\"prompt\":\"a\",\"stream\":true,\"seed\":1}")
        #expect(answer.isStreamed)
        #expect(answer.fields[.contentType] == "text/event-stream; charset=utf-8")
        #expect(answer.fields[.cacheControl] == "no-cache")
        #expect(HTTPField.Name("X-Accel-Buffering").flatMap { answer.fields[$0] } == "no")
        let head =
            "\"id\":\"*\",\"object\":\"text_completion\",\"created\":*,\"model\":\"fake\",\"system_fingerprint\":\"*\""
        #expect(
            stable(answer) == """
                data: {\(head),"choices":[{"index":0,"text":"Hi","logprobs":null,"finish_reason":null}],"seed":1}

                data: {\(head),"choices":[{"index":0,"text":"!","logprobs":null,"finish_reason":null}]}

                data: {\(head),"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop","stop_reason":257}]}

                data: [DONE]


                """)
    }

    @Test func chatStreamOpensWithTheRoleAndEndsWithUsage() throws {
        let service = TestService(FakeEngine(models: [FakeEngine.chatModel()]))
        let answer = try service.chat(
            """
            {"messages":[{"role":"user","content":"x"}],"stream":true,"seed":1,"stream_options":{"include_usage":true}}
            """)
        let head =
            "\"id\":\"*\",\"object\":\"chat.completion.chunk\",\"created\":*,\"model\":\"fake\",\"system_fingerprint\":\"*\""
        let rest = "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null"
        #expect(
            stable(answer) == """
                data: {\(head),"choices":[{"index":0,"delta":{"role":"assistant","content":""},\(rest),"seed":1}

                data: {\(head),"choices":[{"index":0,"delta":{"content":"Hi"},\(rest)}

                data: {\(head),"choices":[{"index":0,"delta":{"content":"!"},\(rest)}

                data: {\(head),"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop","stop_reason":257}],"usage":null}

                data: {\(head),"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":4,"total_tokens":24,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}

                data: [DONE]


                """)
    }

    @Test func continuousUsageCountsUp() throws {
        let answer = try TestService().complete(
            """
            {"prompt":"a","stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}}
            """)
        let counts = answer.eventObjects.map { $0["usage"]?["completion_tokens"]?.integerValue }
        #expect(counts == [2, 3, 4, 4])
    }

    @Test func echoedPromptComesFirstPerChoiceWithAbsoluteOffsets() throws {
        let answer = try TestService().complete(
            "{\"prompt\":\"ab\",\"stream\":true,\"echo\":true,\"logprobs\":0,\"n\":2}")
        let choices = answer.eventObjects.compactMap { $0["choices"]?.arrayValue?.first }
        for index in 0..<2 {
            let own = choices.filter { $0["index"]?.integerValue == Int64(index) }
            #expect(own.compactMap { $0["text"]?.stringValue } == ["ab", "Hi", "!", "", ""])
            let offsets = own.flatMap { $0["logprobs"]?["text_offset"]?.arrayValue?.compactMap(\.integerValue) ?? [] }
            #expect(offsets == [0, 0, 1, 2, 3, 4, 5])
        }
    }

    @Test func streamAndWholeAnswerSayTheSame() throws {
        for body in ["\"prompt\":\"ab\",\"logprobs\":1,\"n\":2", "\"prompt\":[\"a\",\"b\"],\"echo\":true"] {
            let whole = try TestService().complete("{\(body)}")
            let stream = try TestService().complete("{\(body),\"stream\":true}")
            for (index, choice) in try #require(whole.json["choices"]?.arrayValue).enumerated() {
                let parts = stream.eventObjects.compactMap { $0["choices"]?.arrayValue?.first }
                    .filter { $0["index"]?.integerValue == Int64(index) }
                #expect(parts.compactMap { $0["text"]?.stringValue }.joined() == choice["text"]?.stringValue)
                #expect(
                    parts.flatMap { $0["logprobs"]?["tokens"]?.arrayValue ?? [] }
                        == choice["logprobs"]?["tokens"]?.arrayValue ?? [])
                #expect(parts.last?["finish_reason"] == choice["finish_reason"])
            }
        }
    }

    // MARK: Errors

    @Test func errorBeforeTheFirstEventIsAPlainAnswer() throws {
        let engine = FakeEngine { _ in [.failed(.queueTimeout)] }
        let answer = try TestService(engine).complete("{\"prompt\":\"a\",\"stream\":true}")
        #expect(!answer.isStreamed && answer.status == 408 && answer.errorCode == "queue_timeout")
    }

    @Test func errorInTheMiddleIsAnEventAndTheEnd() throws {
        let engine = FakeEngine { _ in
            [
                .prompt(index: 0, tokens: []), .delta(index: 0, choice: 0, text: "H", tokens: [FakeEngine.token(72)]),
                .failed(.nonFiniteLogits(position: 3)),
            ]
        }
        let answer = try TestService(engine).complete("{\"prompt\":\"a\",\"stream\":true}")
        #expect(answer.status == 200 && answer.isStreamed)
        let last = try #require(answer.events.last)
        #expect(
            last == """
                {"error":{"message":"the model computed a value that is not a finite number at position 3",\
                "type":"server_error","param":null,"code":"non_finite_logits"}}
                """)
        #expect(!answer.text.contains("[DONE]"))
    }

    // MARK: The connection

    @Test func slowReaderPausesTheEngineAndReadingOnResumesIt() throws {
        let engine = FakeEngine(script: FakeEngine.silent)
        let responder = TestService(engine).begin(.post, "/v1/completions", "{\"prompt\":\"a\",\"stream\":true}")
        let submission = try #require(engine.submissions.first)
        responder.setAcceptsMore(false)
        submission.sink(.delta(index: 0, choice: 0, text: "x", tokens: []))
        #expect(responder.wait { _ in submission.handle.log == ["pause"] })
        responder.setAcceptsMore(true)
        responder.becomeWritable()
        #expect(responder.wait { _ in submission.handle.log == ["pause", "resume"] })
        submission.sink(.finished(index: 0, choice: 0, reason: .length))
        submission.sink(.completed([FakeEngine.usage(submission.requests[0], generated: 1)]))
        #expect(responder.wait { $0.isFinished })
        #expect(submission.handle.log == ["pause", "resume"])
    }

    @Test(arguments: [true, false])
    func goneClientCancelsTheWork(_ streams: Bool) throws {
        let engine = FakeEngine(script: FakeEngine.silent)
        let service = TestService(engine)
        let responder = service.begin(.post, "/v1/completions", "{\"prompt\":\"a\",\"stream\":\(streams)}")
        let submission = try #require(engine.submissions.first)
        #expect(service.service.generationsInFlight == 1)
        submission.sink(.prompt(index: 0, tokens: []))
        responder.disconnect()
        #expect(submission.handle.log == ["cancel"])
        submission.sink(.failed(.cancelled))
        #expect(responder.wait { _ in service.service.generationsInFlight == 0 })
    }

    @Test func idleStreamSendsComments() throws {
        let engine = FakeEngine(script: FakeEngine.silent)
        let service = TestService(engine) { $0.keepAliveInterval = .milliseconds(20) }
        let responder = service.begin(.post, "/v1/completions", "{\"prompt\":\"a\",\"stream\":true}")
        #expect(responder.wait { $0.pieces.count >= 2 })
        #expect(responder.snapshot.pieces.first.map { String(decoding: $0, as: UTF8.self) } == ": keep-alive\n\n")
        // The head is out: an error is an event now.
        try #require(engine.submissions.first).sink(.failed(.shuttingDown))
        #expect(responder.wait { $0.isFinished })
        #expect(try TestService.answer(responder).events.count == 1)
    }
}
