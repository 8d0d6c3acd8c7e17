// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPServing
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct ReceiptTests {
    /// What "Hi!" and the end are in the fake vocabulary; by `printf 72,105,33,257 | sha256sum`.
    private static let hello = "fcd844b1ea761e3b271f38a8df33590263bb3bc3a22ca383a5a4caa6038959b7"
    private static let settings =
        "\"seed\":4,\"temperature\":0.7,\"top_k\":5,\"stop\":[\"x\"],\"max_tokens\":9,\"repetition_penalty\":1.1"

    private func text(_ json: JSON) -> String {
        var writer = JSONWriter()
        writer.value(json)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func replay(_ service: TestService, _ receipt: JSON) throws -> Answer {
        try service.send(.post, "/v1/replay", text(["receipt": receipt]))
    }

    private func receipt(_ service: TestService, n: Int = 2) throws -> JSON {
        let answer = try service.complete(
            "{\"prompt\":\"a\",\"n\":\(n),\"return\":[\"receipt\"],\(Self.settings)}")
        return try #require(answer.json["receipt"], "\(answer.text)")
    }

    /// The receipt with one member of one output changed.
    private func changed(_ receipt: JSON, output index: Int, _ member: String, _ value: JSON) throws -> JSON {
        var object = try #require(receipt.objectValue)
        var outputs = try #require(receipt["outputs"]?.arrayValue)
        var output = try #require(outputs[index].objectValue)
        output[member] = value
        outputs[index] = .object(output)
        object["outputs"] = .array(outputs)
        return .object(object)
    }

    @Test func receiptNamesWhatTheAnswerIsMadeOf() throws {
        let service = TestService()
        let found = try receipt(service)
        let prompt = service.engine.submissions[0].requests[0].prompt
        #expect(found["version"] == 1 && found["model"] == "fake")
        #expect(found["checkpoint_sha256"]?.stringValue?.count == 64)
        #expect(found["tokenizer_sha256"]?.stringValue?.count == 64)
        #expect(found["settings"]?["seed"] == 4 && found["settings"]?["temperature"] == 0.7)
        #expect(found["settings"]?["n"] == 2 && found["settings"]?["order"] == "temper")
        let prompts = try #require(found["prompts"]?.arrayValue)
        #expect(prompts.count == 1)
        #expect(prompts[0]["token_ids"] == .array(prompt.map { .integer(Int64($0)) }))
        #expect(
            prompts[0]["sha256"]
                == .string(SHA256.hexDigest(of: Array(prompt.map(String.init).joined(separator: ",").utf8))))
        let outputs = try #require(found["outputs"]?.arrayValue)
        #expect(outputs.map { $0["choice"] } == [0, 1])
        for output in outputs {
            #expect(output["sha256"] == .string(Self.hello))
            #expect(try output["token_ids"] == parse("[72,105,33,257]"))
            #expect(output["finish_reason"] == "stop" && output["stop_reason"] == 257)
        }
    }

    @Test func noReceiptUnlessAskedFor() throws {
        #expect(try TestService().complete("{\"prompt\":\"a\"}").json["receipt"] == nil)
    }

    @Test func replayRunsTheSameRequestAndVerifiesIt() throws {
        let service = TestService()
        let answer = try replay(service, receipt(service))
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["object"] == "replay" && answer.json["verified"] == .bool(true), "\(answer.text)")
        let (first, second) = (service.engine.submissions[0].requests[0], service.engine.submissions[1].requests[0])
        #expect(first.prompt == second.prompt && first.sampling == second.sampling)
        #expect(first.maxTokens == second.maxTokens && first.choiceCount == second.choiceCount)
        #expect(first.stopStrings == second.stopStrings && first.ignoresEnd == second.ignoresEnd)
    }

    @Test func everyFieldThatShapesTheTextIsInTheReceipt() throws {
        // What says where the prompt comes from, or what is told of the text once it is made.
        let others: Set = [
            "model", "prompt", "instruction", "examples", "template", "shots", "add_special_tokens", "parse_special",
            "truncate_prompt_tokens", "stream", "stream_options", "echo", "logprobs", "logprobs_mode", "trace",
            "return",
            "strict", "penalty_window", "keep", "aggregate",
            // What does not change a bit.
            "prompt_lookup_num_tokens", "max_matching_ngram_size",
            // Strategies, beside which there is no receipt.
            "best_of", "beam_width", "use_beam_search", "num_beam_groups", "diversity_penalty", "length_penalty",
            "length_norm", "early_stopping", "guidance_scale", "negative_prompt", "penalty_alpha", "dola_layers",
        ]
        let settings = try #require(try receipt(TestService())["settings"]?.objectValue)
        let missing = RequestSchema.declarations(of: .completions).map(\.name).filter { name in
            settings[name] == nil && !others.contains(name)
        }
        #expect(missing.isEmpty, "a receipt would not replay them: \(missing)")
    }

    @Test func differenceIsLocated() throws {
        let service = TestService()
        // Of "Ho!" and the end: 72,111,33,257.
        var other = try changed(receipt(service), output: 1, "token_ids", parse("[72,111,33,257]"))
        other = try changed(
            other, output: 1, "sha256", "82fb9997119419179d1b77f1b08c78231a621c394d085946445daff7d5f21359")
        let answer = try replay(service, other)
        #expect(answer.status == 200 && answer.json["verified"] == .bool(false), "\(answer.text)")
        let outputs = try #require(answer.json["outputs"]?.arrayValue)
        #expect(outputs[0]["equal"] == .bool(true) && outputs[0]["first_difference"] == .null)
        #expect(outputs[1]["equal"] == .bool(false))
        let difference = outputs[1]["first_difference"]
        #expect(difference?["step"] == 1)
        #expect(difference?["expected"] == ["id": 111, "text": "o"])
        #expect(difference?["found"] == ["id": 105, "text": "i"])
    }

    @Test func differenceOfLengthAndOfTheEndIsFound() throws {
        let service = TestService()
        var longer = try changed(receipt(service), output: 0, "token_ids", parse("[72,105,33,257,1]"))
        longer = try changed(
            longer, output: 0, "sha256", "268ce88a74bd8cd847fe2d6b74c377ca818c0fa582d6962bf4262c55786aeddb")
        let answer = try replay(service, longer)
        let difference = answer.json["outputs"]?.arrayValue?[0]["first_difference"]
        #expect(difference?["step"] == 4 && difference?["found"] == .null && difference?["expected"]?["id"] == 1)
        let ended = try replay(service, changed(receipt(service), output: 0, "stop_reason", "x"))
        #expect(ended.json["verified"] == .bool(false))
        // Without ids the difference is found, not located.
        let hashed = try changed(
            changed(receipt(service), output: 0, "token_ids", .null), output: 0, "sha256",
            "82fb9997119419179d1b77f1b08c78231a621c394d085946445daff7d5f21359")
        let unlocated = try replay(service, hashed)
        #expect(unlocated.json["verified"] == .bool(false))
        #expect(unlocated.json["outputs"]?.arrayValue?[0]["first_difference"] == .null)
    }

    @Test(arguments: ["checkpoint_sha256", "tokenizer_sha256"])
    func otherModelIsNotVerified(_ member: String) throws {
        let service = TestService()
        var object = try #require(try receipt(service).objectValue)
        object[member] = .string(Self.hello)
        let answer = try replay(service, .object(object))
        #expect(answer.json["verified"] == .bool(false))
        let checks = try #require(answer.json["checks"]?.arrayValue)
        #expect(checks.filter { $0["equal"] == .bool(false) }.map { $0["name"] } == [.string(member)])
    }

    @Test func membersMayComeInAnyOrder() throws {
        let service = TestService()
        let found = try #require(try receipt(service).objectValue)
        var turned = JSONObject()
        for (key, value) in found.members.reversed() {
            guard key == "settings", let settings = value.objectValue else {
                turned[key] = value
                continue
            }
            var reversed = JSONObject()
            for (key, value) in settings.members.reversed() { reversed[key] = value }
            turned[key] = .object(reversed)
        }
        #expect(try replay(service, .object(turned)).json["verified"] == .bool(true))
    }

    @Test func streamEndsWithTheReceiptOfTheWholeAnswer() throws {
        let service = TestService()
        let whole = try receipt(service)
        let stream = try service.complete(
            "{\"prompt\":\"a\",\"n\":2,\"stream\":true,\"return\":[\"receipt\"],\(Self.settings)}")
        #expect(stream.eventObjects.last?["receipt"] == whole)
        #expect(stream.eventObjects.last?["choices"] == .array([]) && stream.eventObjects.last?["usage"] == nil)
        #expect(stream.eventObjects.dropLast().allSatisfy { $0["receipt"] == nil })
    }

    @Test func chatAndLanesReplayAsWell() throws {
        let service = TestService(FakeEngine(models: [FakeEngine.chatModel()]))
        let chat = try service.chat(
            "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"return\":[\"receipt\"],\"max_tokens\":5,"
                + "\"temperature\":0.3}")
        #expect(try replay(service, #require(chat.json["receipt"])).json["verified"] == .bool(true))
        let compared = try service.send(
            .post, "/v1/compare",
            "{\"prompt\":\"a\",\"samples\":2,\"seed\":6,\"return\":[\"receipt\"],"
                + "\"lanes\":[{\"temperature\":0.5},{\"top_k\":3,\"seed\":9}]}")
        let lanes = try #require(compared.json["lanes"]?.arrayValue)
        #expect(lanes.map { $0["receipt"]?["settings"]?["seed"] } == [6, 9])
        for (index, lane) in lanes.enumerated() {
            let answer = try replay(service, #require(lane["receipt"]))
            #expect(answer.json["verified"] == .bool(true), "\(answer.text)")
            let (original, again) = (service.engine.submissions[2].requests[index], service.engine.submissions.last)
            #expect(again?.requests.first?.sampling == original.sampling)
        }
    }

    @Test func severalPromptsKeepTheirOwnBudgets() throws {
        let service = TestService(FakeEngine(models: [FakeEngine.model(contextLength: 12)]))
        let answer = try service.complete("{\"prompt\":[\"a\",\"abcdefg\"],\"return\":[\"receipt\"]}")
        let receipt = try #require(answer.json["receipt"])
        #expect(receipt["settings"]?["max_tokens"]?.arrayValue?.count == 2)
        let again = try replay(service, receipt)
        #expect(again.json["verified"] == .bool(true), "\(again.text)")
        #expect(
            service.engine.submissions[0].requests.map(\.maxTokens)
                == service.engine.submissions[1].requests.map(\.maxTokens))
    }

    @Test func contradictoryReceiptIsRefused() throws {
        let service = TestService()
        let good = try receipt(service)
        var cases: [(JSON, String)] = [
            (.null, "receipt"), ("x", "receipt"), ([:], "receipt.version"),
            (try changed(good, output: 0, "token_ids", parse("[72]")), "receipt.outputs[0].token_ids"),
            (try changed(good, output: 0, "sha256", "short"), "receipt.outputs[0].sha256"),
            (try changed(good, output: 0, "choice", 2), "receipt.outputs[0]"),
            (try changed(good, output: 1, "choice", 0), "receipt.outputs[1]"),
            (try changed(good, output: 0, "token_ids", parse("[262]")), "receipt.outputs[0].token_ids[0]"),
        ]
        func with(_ member: String, _ value: JSON) throws -> JSON {
            var object = try #require(good.objectValue)
            object[member] = value
            return .object(object)
        }
        func setting(_ name: String, _ value: JSON) throws -> JSON {
            var settings = try #require(good["settings"]?.objectValue)
            settings[name] = value
            return try with("settings", .object(settings))
        }
        cases += [
            (try with("version", 2), "receipt.version"), (try with("prompts", .array([])), "receipt.prompts"),
            (
                try with("prompts", parse("[{\"sha256\":\"\(Self.hello)\",\"token_ids\":[]}]")),
                "receipt.prompts[0].token_ids"
            ),
            (try with("outputs", .null), "receipt.outputs"),
            (try setting("temperature", -1), "receipt.settings.temperature"),
            (try setting("no_such", 1), "receipt.settings.no_such"),
            (try setting("echo", .bool(true)), "receipt.settings.echo"),
            (try setting("max_time", 5), "receipt.settings.max_time"),
            (try setting("max_tokens", parse("[1,2]")), "receipt.settings.max_tokens"),
            (try setting("n", 3), "receipt.outputs"),
        ]
        for (receipt, param) in cases {
            let answer = try replay(service, receipt)
            #expect(answer.status == 400 && answer.param == param, "\(param): \(answer.text)")
        }
        #expect(service.engine.submissions.count == 1)
        let unknown = try replay(service, with("model", "other"))
        #expect(unknown.status == 404)
    }
}
