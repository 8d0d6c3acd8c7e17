// SPDX-License-Identifier: Apache-2.0

import Decoding
import Engine
import HTTPTypes
import Service
import StrictJSON
import Testing

@Suite struct RunCacheTests {
    private static let fields = "\"prompt\":\"a\",\"max_tokens\":4,\"keep\":true"
    /// 4 tokens of the fake vocabulary of 262 ids.
    private static let runBytes = 4 * (4 * 262 + 64)

    private func service(runs: Int) -> TestService {
        TestService { $0.keptRunBytes = runs * Self.runBytes }
    }

    private func keep(_ service: TestService) throws -> String {
        let answer = try service.complete("{\(Self.fields)}")
        return try #require(answer.json["id"]?.stringValue, "\(answer.text)")
    }

    private func whatIf(_ service: TestService, _ id: String, _ more: String = "") throws -> Answer {
        try service.send(.post, "/v1/whatif", "{\"run\":\"\(id)\"\(more)}")
    }

    @Test func runIsFoundByTheIdOfItsAnswerIfItWasKept() throws {
        let service = service(runs: 2)
        let kept = try keep(service)
        #expect(try whatIf(service, kept).status == 200)
        let plain = try service.complete("{\"prompt\":\"a\"}").json["id"]?.stringValue ?? ""
        for id in [plain, "cmpl-0"] {
            let answer = try whatIf(service, id)
            #expect(answer.status == 404 && answer.errorCode == "run_not_found" && answer.param == "run")
        }
        #expect(service.engine.submissions[0].requests[0].recorder != nil)
        #expect(service.engine.submissions[1].requests[0].recorder == nil)
    }

    @Test func runWithoutRecordedTokensGoesToTheEngineAsItWas() throws {
        // The fake engine records nothing: all is left to compute, with the settings of the run.
        let service = service(runs: 2)
        let answer = try service.complete(
            "{\(Self.fields),\"n\":2,\"seed\":9,\"temperature\":0.25,\"top_k\":3,\"stop\":[\"x\"]}")
        let id = try #require(answer.json["id"]?.stringValue, "\(answer.text)")
        let again = try whatIf(service, id, ",\"choice\":1,\"settings\":{\"top_k\":null,\"top_p\":0.5}")
        #expect(again.status == 200, "\(again.text)")
        #expect(again.json["object"] == "text_completion" && again.json["seed"] == 9)
        #expect(again.json["what_if"]?["run"] == .string(id) && again.json["what_if"]?["choice"] == 1)
        let (first, second) = (service.engine.submissions[0].requests[0], service.engine.submissions[1].requests[0])
        #expect(second.prompt == first.prompt && second.maxTokens == first.maxTokens)
        #expect(second.choiceCount == 1 && second.firstChoice == 1 && second.stopStrings == ["x"])
        #expect(second.sampling.temperature == 0.25 && second.sampling.topK == 0)
        #expect(second.sampling.topP == 0.5 && second.sampling.seed == 9)
        let other = try whatIf(service, id, ",\"choice\":2")
        #expect(other.status == 400 && other.param == "choice")
    }

    @Test func leastRecentlyUsedRunGoesFirst() throws {
        // The fake engine records no logits: a finished run takes no bytes, one that begins does.
        let service = service(runs: 1)
        let first = try keep(service)
        let second = try keep(service)
        #expect(try whatIf(service, first).status == 200 && whatIf(service, second).status == 200)
        let large = try service.complete("{\"prompt\":\"a\",\"max_tokens\":4,\"n\":2,\"keep\":true}")
        #expect(large.status == 400 && large.param == "keep", "\(large.text)")
        #expect(large.text.contains(String(2 * Self.runBytes)))
    }

    @Test func keptMustBeOnePrompt() throws {
        let answer = try service(runs: 8).complete("{\"prompt\":[\"a\",\"b\"],\"max_tokens\":1,\"keep\":true}")
        #expect(answer.status == 400 && answer.param == "keep")
    }

    @Test(arguments: [
        ("\"settings\":{\"prompt\":\"b\"}", "settings.prompt"), ("\"settings\":{\"n\":2}", "settings.n"),
        ("\"settings\":{\"temperature\":-1}", "settings.temperature"), ("\"settings\":[]", "settings"),
        ("\"settings\":{\"keep\":true}", "settings.keep"), ("\"choice\":-1", "choice"),
        ("\"settings\":{\"no_such\":1},\"strict\":true", "settings.no_such"), ("\"model\":\"other\"", "model"),
    ])
    func badRequestIsRefused(_ fields: String, _ param: String) throws {
        let service = service(runs: 2)
        let answer = try whatIf(service, keep(service), "," + fields)
        #expect(answer.status == 400 && answer.param == param, "\(answer.text)")
    }

    @Test func runIsRequired() throws {
        let answer = try service(runs: 1).send(.post, "/v1/whatif", "{}")
        #expect(answer.status == 400 && answer.param == "run")
    }
}
